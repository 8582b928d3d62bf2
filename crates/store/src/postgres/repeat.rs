//! The SQL of remembered repeats.

use samband_core::Millis;

use super::session::Session;
use crate::error::EngineError;
use crate::repeat::{RepeatKey, Repeats};

impl Repeats for Session {
    async fn recall(&self, key: &RepeatKey, now: Millis) -> Result<Option<([u8; 32], Vec<u8>)>, EngineError> {
        // The same key at the same time on another lane or node: the row that is put here first makes
        // the other wait for this transaction's end, and see what it came to.
        let key_bytes = key.key.as_bytes();
        let mine = self
            .execute(
                "INSERT INTO repeat (scope, key, request_hash, reply, expires_ms) VALUES ($1, $2, ''::bytea, ''::bytea, 0)
                 ON CONFLICT (scope, key) DO NOTHING",
                &[&key.scope, &key_bytes],
            )
            .await?;
        if mine == 1 {
            return Ok(None);
        }
        let row = self
            .query_opt(
                "SELECT request_hash, reply, expires_ms FROM repeat WHERE scope = $1 AND key = $2 FOR UPDATE",
                &[&key.scope, &key_bytes],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        if row.try_get::<_, i64>(2)? <= now.0 {
            return Ok(None);
        }
        let hash: Vec<u8> = row.try_get(0)?;
        let hash = hash.try_into().map_err(|_| EngineError::Document {
            kind: "request hash",
            reason: "it does not have 32 bytes".to_owned(),
        })?;
        Ok(Some((hash, row.try_get(1)?)))
    }

    async fn remember(&self, key: &RepeatKey, reply: &[u8], expires: Millis) -> Result<(), EngineError> {
        self.write(
            "INSERT INTO repeat (scope, key, request_hash, reply, expires_ms) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (scope, key) DO UPDATE SET
                 request_hash = excluded.request_hash, reply = excluded.reply, expires_ms = excluded.expires_ms",
            vec![
                Box::new(key.scope.clone()),
                Box::new(key.key.clone().into_bytes()),
                Box::new(key.request_hash.to_vec()),
                Box::new(reply.to_vec()),
                Box::new(expires.0),
            ],
        )
        .await
    }

    async fn forget_expired(&self, now: Millis, at_most: usize) -> Result<usize, EngineError> {
        let forgotten = self
            .execute(
                "DELETE FROM repeat WHERE (scope, key) IN
                     (SELECT scope, key FROM repeat WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT $2)",
                &[&now.0, &(at_most as i64)],
            )
            .await?;
        Ok(forgotten as usize)
    }
}
