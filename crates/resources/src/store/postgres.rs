//! The SQL of resources on PostgreSQL.

use samband_core::{KeySlot, Millis, ResourceId, Secret};
use samband_store::EngineError;
use samband_store::postgres::Session;
use uuid::Uuid;

use super::Resources;
use crate::model::{AccessKey, NewResource, Resource};

fn uuid(id: ResourceId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

impl Resources for Session {
    async fn name_exists(&self, name: &str) -> Result<bool, EngineError> {
        self.exists(
            "SELECT 1 FROM resource WHERE lower(name) = lower($1) AND deleted_ms IS NULL",
            &[&name],
        )
        .await
    }

    async fn id_exists(&self, id: ResourceId) -> Result<bool, EngineError> {
        self.exists("SELECT 1 FROM resource WHERE resource = $1", &[&uuid(id)])
            .await
    }

    async fn insert(&self, id: ResourceId, new: &NewResource, now: Millis) -> Result<(), EngineError> {
        let port = new.port.map(i32::from);
        self.execute(
            "INSERT INTO resource (resource, name, port, data_location, created_ms, is_default)
             SELECT $1, $2, $3, $4, $5, NOT EXISTS (SELECT 1 FROM resource WHERE deleted_ms IS NULL)",
            &[&uuid(id), &new.name, &port, &new.data_location, &now.0],
        )
        .await?;
        for (slot, secret) in [(KeySlot::Primary, &new.primary), (KeySlot::Secondary, &new.secondary)] {
            self.write(
                "INSERT INTO access_key (resource, slot, secret, generation) VALUES ($1, $2, $3, 1)",
                vec![
                    Box::new(uuid(id)),
                    Box::new(slot.as_str()),
                    Box::new(secret.reveal().clone()),
                ],
            )
            .await?;
        }
        Ok(())
    }

    async fn mark_deleted(&self, id: ResourceId, now: Millis) -> Result<bool, EngineError> {
        // One deletion at a time: which resource is the default afterwards depends on all of them.
        self.execute(
            "SELECT 1 FROM resource WHERE deleted_ms IS NULL ORDER BY resource FOR UPDATE",
            &[],
        )
        .await?;
        let changed = self
            .execute(
                "UPDATE resource SET deleted_ms = $2 WHERE resource = $1 AND deleted_ms IS NULL",
                &[&uuid(id), &now.0],
            )
            .await?;
        // Requests that name no resource need one as long as there is any: the next oldest.
        self.execute(
            "UPDATE resource SET is_default = true
             WHERE resource = (SELECT resource FROM resource WHERE deleted_ms IS NULL ORDER BY created_ms, resource LIMIT 1)
               AND NOT EXISTS (SELECT 1 FROM resource WHERE deleted_ms IS NULL AND is_default)",
            &[],
        )
        .await?;
        self.execute("DELETE FROM access_key WHERE resource = $1", &[&uuid(id)])
            .await?;
        Ok(changed == 1)
    }

    async fn replace_key(&self, id: ResourceId, slot: KeySlot, secret: &Secret<Vec<u8>>) -> Result<bool, EngineError> {
        let changed = self
            .execute(
                "UPDATE access_key SET secret = $3, generation = generation + 1 WHERE resource = $1 AND slot = $2",
                &[&uuid(id), &slot.as_str(), secret.reveal()],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn all(&self) -> Result<Vec<Resource>, EngineError> {
        let rows = self
            .query(
                "SELECT r.resource, r.name, r.port, r.data_location, r.created_ms, p.secret, p.generation, s.secret,
                        s.generation, r.is_default
                 FROM resource r
                 JOIN access_key p ON p.resource = r.resource AND p.slot = 'primary'
                 JOIN access_key s ON s.resource = r.resource AND s.slot = 'secondary'
                 WHERE r.deleted_ms IS NULL ORDER BY r.created_ms, r.resource",
                &[],
            )
            .await?;
        let read = rows.iter().map(|row| {
            let key = |secret: usize, generation: usize| -> Result<AccessKey, EngineError> {
                Ok(AccessKey {
                    secret: Secret::new(row.try_get(secret)?),
                    generation: row.try_get(generation)?,
                })
            };
            let port: Option<i32> = row.try_get(2)?;
            Ok(Resource {
                id: ResourceId::from_bytes(row.try_get::<_, Uuid>(0)?.into_bytes()),
                name: row.try_get(1)?,
                port: port.and_then(|port| u16::try_from(port).ok()),
                data_location: row.try_get(3)?,
                created: Millis(row.try_get(4)?),
                keys: [key(5, 6)?, key(7, 8)?],
                is_default: row.try_get(9)?,
            })
        });
        read.collect()
    }
}
