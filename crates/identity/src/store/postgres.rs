//! The SQL of identity on PostgreSQL.

use std::collections::HashSet;

use samband_core::{Millis, ResourceId, Secret, UserId};
use samband_store::EngineError;
use samband_store::postgres::Session;
use uuid::Uuid;

use super::{Identities, StoredKey, TokenState, UsersKnown};

fn resource_key(id: ResourceId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

fn user_key(id: UserId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

impl UsersKnown for Session {
    async fn existing(&self, resource: ResourceId, users: &[UserId]) -> Result<HashSet<UserId>, EngineError> {
        let asked: Vec<Uuid> = users.iter().map(|user| user_key(*user)).collect();
        let rows = self
            .query(
                r#"SELECT "user" FROM identity WHERE resource = $1 AND "user" = ANY($2) AND deleted_ms IS NULL"#,
                &[&resource_key(resource), &asked],
            )
            .await?;
        let read = rows
            .iter()
            .map(|row| Ok(UserId::from_bytes(row.try_get::<_, Uuid>(0)?.into_bytes())));
        read.collect()
    }
}

impl Identities for Session {
    async fn insert(&self, resource: ResourceId, user: UserId, now: Millis) -> Result<(), EngineError> {
        self.write(
            r#"INSERT INTO identity (resource, "user", created_ms, token_generation, tokens_valid_from)
               VALUES ($1, $2, $3, 0, 0)"#,
            vec![
                Box::new(resource_key(resource)),
                Box::new(user_key(user)),
                Box::new(now.0),
            ],
        )
        .await
    }

    async fn token_state(&self, resource: ResourceId, user: UserId) -> Result<Option<TokenState>, EngineError> {
        let row = self
            .query_opt(
                r#"SELECT token_generation, tokens_valid_from FROM identity
                   WHERE resource = $1 AND "user" = $2 AND deleted_ms IS NULL"#,
                &[&resource_key(resource), &user_key(user)],
            )
            .await?;
        let read = row.map(|row| {
            Ok(TokenState {
                generation: row.try_get(0)?,
                valid_from: Millis(row.try_get(1)?),
            })
        });
        read.transpose()
    }

    async fn raise_generation(&self, resource: ResourceId, user: UserId) -> Result<bool, EngineError> {
        let changed = self
            .execute(
                r#"UPDATE identity SET token_generation = token_generation + 1
                   WHERE resource = $1 AND "user" = $2 AND deleted_ms IS NULL"#,
                &[&resource_key(resource), &user_key(user)],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn raise_valid_from(&self, resource: ResourceId, user: UserId, from: Millis) -> Result<bool, EngineError> {
        let changed = self
            .execute(
                r#"UPDATE identity SET tokens_valid_from = greatest(tokens_valid_from, $3)
                   WHERE resource = $1 AND "user" = $2 AND deleted_ms IS NULL"#,
                &[&resource_key(resource), &user_key(user), &from.0],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn mark_deleted(&self, resource: ResourceId, user: UserId, now: Millis) -> Result<bool, EngineError> {
        let changed = self
            .execute(
                r#"UPDATE identity SET deleted_ms = $3, token_generation = token_generation + 1
                   WHERE resource = $1 AND "user" = $2 AND deleted_ms IS NULL"#,
                &[&resource_key(resource), &user_key(user), &now.0],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn insert_signing_key(&self, key: &StoredKey, now: Millis) -> Result<(), EngineError> {
        self.write(
            "INSERT INTO signing_key (kid, pkcs8, created_ms) VALUES ($1, $2, $3)",
            vec![
                Box::new(key.kid.clone()),
                Box::new(key.pkcs8.reveal().clone()),
                Box::new(now.0),
            ],
        )
        .await
    }

    async fn signing_keys(&self) -> Result<Vec<StoredKey>, EngineError> {
        let rows = self
            .query("SELECT kid, pkcs8 FROM signing_key ORDER BY number DESC", &[])
            .await?;
        let read = rows.iter().map(|row| {
            Ok(StoredKey {
                kid: row.try_get(0)?,
                pkcs8: Secret::new(row.try_get(1)?),
            })
        });
        read.collect()
    }

    async fn keep_secret(&self, name: &str, proposed: &[u8]) -> Result<Vec<u8>, EngineError> {
        // The update that changes nothing waits for a node that proposes at the same time.
        let row = self
            .query_opt(
                "INSERT INTO secret AS s (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = s.value RETURNING s.value",
                &[&name, &proposed],
            )
            .await?;
        let missing = || EngineError::Document {
            kind: "secret",
            reason: "it was not kept".to_owned(),
        };
        Ok(row.ok_or_else(missing)?.try_get(0)?)
    }
}
