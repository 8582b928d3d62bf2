//! The SQL of resources on the embedded engine.

use rusqlite::Connection;
use samband_core::{KeySlot, Millis, ResourceId, Secret};
use samband_store::EngineError;

use super::Resources;
use crate::model::{AccessKey, NewResource, Resource};

impl Resources for Connection {
    async fn name_exists(&self, name: &str) -> Result<bool, EngineError> {
        Ok(self
            .prepare_cached("SELECT 1 FROM resource WHERE name = ?1 AND deleted_ms IS NULL")?
            .exists([name])?)
    }

    async fn id_exists(&self, id: ResourceId) -> Result<bool, EngineError> {
        Ok(self
            .prepare_cached("SELECT 1 FROM resource WHERE resource = ?1")?
            .exists([id.as_bytes()])?)
    }

    async fn insert(&self, id: ResourceId, new: &NewResource, now: Millis) -> Result<(), EngineError> {
        self.prepare_cached(
            "INSERT INTO resource (resource, name, port, data_location, created_ms, is_default)
         SELECT ?1, ?2, ?3, ?4, ?5, NOT EXISTS (SELECT 1 FROM resource WHERE deleted_ms IS NULL)",
        )?
        .execute((id.as_bytes(), &new.name, new.port, &new.data_location, now.0))?;
        let mut insert =
            self.prepare_cached("INSERT INTO access_key (resource, slot, secret, generation) VALUES (?1, ?2, ?3, 1)")?;
        for (slot, secret) in [(KeySlot::Primary, &new.primary), (KeySlot::Secondary, &new.secondary)] {
            insert.execute((id.as_bytes(), slot.as_str(), secret.reveal()))?;
        }
        Ok(())
    }

    async fn mark_deleted(&self, id: ResourceId, now: Millis) -> Result<bool, EngineError> {
        let changed = self
            .prepare_cached("UPDATE resource SET deleted_ms = ?2 WHERE resource = ?1 AND deleted_ms IS NULL")?
            .execute((id.as_bytes(), now.0))?;
        // Requests that name no resource need one as long as there is any: the next oldest.
        self.prepare_cached(
            "UPDATE resource SET is_default = 1
         WHERE resource = (SELECT resource FROM resource WHERE deleted_ms IS NULL ORDER BY created_ms, resource LIMIT 1)
           AND NOT EXISTS (SELECT 1 FROM resource WHERE deleted_ms IS NULL AND is_default)",
        )?
        .execute(())?;
        self.prepare_cached("DELETE FROM access_key WHERE resource = ?1")?
            .execute([id.as_bytes()])?;
        Ok(changed == 1)
    }

    async fn replace_key(&self, id: ResourceId, slot: KeySlot, secret: &Secret<Vec<u8>>) -> Result<bool, EngineError> {
        let changed = self
            .prepare_cached(
                "UPDATE access_key SET secret = ?3, generation = generation + 1 WHERE resource = ?1 AND slot = ?2",
            )?
            .execute((id.as_bytes(), slot.as_str(), secret.reveal()))?;
        Ok(changed == 1)
    }

    async fn all(&self) -> Result<Vec<Resource>, EngineError> {
        let mut statement = self.prepare_cached(
        "SELECT r.resource, r.name, r.port, r.data_location, r.created_ms, p.secret, p.generation, s.secret, s.generation,
                r.is_default
         FROM resource r
         JOIN access_key p ON p.resource = r.resource AND p.slot = 'primary'
         JOIN access_key s ON s.resource = r.resource AND s.slot = 'secondary'
         WHERE r.deleted_ms IS NULL ORDER BY r.created_ms, r.resource",
    )?;
        let rows = statement.query_map((), |row| {
            let key = |secret, generation| -> rusqlite::Result<AccessKey> {
                Ok(AccessKey {
                    secret: Secret::new(row.get(secret)?),
                    generation: row.get(generation)?,
                })
            };
            Ok(Resource {
                id: ResourceId::from_bytes(row.get(0)?),
                name: row.get(1)?,
                port: row.get(2)?,
                data_location: row.get(3)?,
                created: Millis(row.get(4)?),
                keys: [key(5, 6)?, key(7, 8)?],
                is_default: row.get(9)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
