//! The SQL of identity on the embedded engine.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension};
use samband_core::{Millis, ResourceId, Secret, UserId};
use samband_store::EngineError;

use super::{Identities, StoredKey, TokenState, UsersKnown};

impl UsersKnown for Connection {
    async fn existing(&self, resource: ResourceId, users: &[UserId]) -> Result<HashSet<UserId>, EngineError> {
        let mut known =
            self.prepare_cached("SELECT 1 FROM identity WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL")?;
        let mut existing = HashSet::with_capacity(users.len());
        for user in users {
            if known.exists((resource.as_bytes(), user.as_bytes()))? {
                existing.insert(*user);
            }
        }
        Ok(existing)
    }
}

impl Identities for Connection {
    async fn insert(&self, resource: ResourceId, user: UserId, now: Millis) -> Result<(), EngineError> {
        self.prepare_cached(
            "INSERT INTO identity (resource, user, created_ms, token_generation, tokens_valid_from)
         VALUES (?1, ?2, ?3, 0, 0)",
        )?
        .execute((resource.as_bytes(), user.as_bytes(), now.0))?;
        Ok(())
    }

    async fn token_state(&self, resource: ResourceId, user: UserId) -> Result<Option<TokenState>, EngineError> {
        let state = self
            .prepare_cached(
                "SELECT token_generation, tokens_valid_from FROM identity
         WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
            )?
            .query_row((resource.as_bytes(), user.as_bytes()), |row| {
                Ok(TokenState {
                    generation: row.get(0)?,
                    valid_from: Millis(row.get(1)?),
                })
            })
            .optional()?;
        Ok(state)
    }

    async fn keep_secret(&self, name: &str, proposed: &[u8]) -> Result<Vec<u8>, EngineError> {
        self.prepare_cached("INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute((name, proposed))?;
        let mut kept = self.prepare_cached("SELECT value FROM secret WHERE name = ?1")?;
        Ok(kept.query_row([name], |row| row.get(0))?)
    }

    async fn raise_generation(&self, resource: ResourceId, user: UserId) -> Result<bool, EngineError> {
        let changed = self
            .prepare_cached(
                "UPDATE identity SET token_generation = token_generation + 1
             WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
            )?
            .execute((resource.as_bytes(), user.as_bytes()))?;
        Ok(changed == 1)
    }

    async fn raise_valid_from(&self, resource: ResourceId, user: UserId, from: Millis) -> Result<bool, EngineError> {
        let changed = self
            .prepare_cached(
                "UPDATE identity SET tokens_valid_from = max(tokens_valid_from, ?3)
             WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
            )?
            .execute((resource.as_bytes(), user.as_bytes(), from.0))?;
        Ok(changed == 1)
    }

    async fn mark_deleted(&self, resource: ResourceId, user: UserId, now: Millis) -> Result<bool, EngineError> {
        let changed = self
            .prepare_cached(
                "UPDATE identity SET deleted_ms = ?3, token_generation = token_generation + 1
             WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
            )?
            .execute((resource.as_bytes(), user.as_bytes(), now.0))?;
        Ok(changed == 1)
    }

    async fn insert_signing_key(&self, key: &StoredKey, now: Millis) -> Result<(), EngineError> {
        self.prepare_cached("INSERT INTO signing_key (kid, pkcs8, created_ms) VALUES (?1, ?2, ?3)")?
            .execute((&key.kid, key.pkcs8.reveal(), now.0))?;
        Ok(())
    }

    async fn signing_keys(&self) -> Result<Vec<StoredKey>, EngineError> {
        let mut statement = self.prepare_cached("SELECT kid, pkcs8 FROM signing_key ORDER BY number DESC")?;
        let rows = statement.query_map((), |row| {
            Ok(StoredKey {
                kid: row.get(0)?,
                pkcs8: Secret::new(row.get(1)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
