//! The SQL of remembered repeats.

use rusqlite::{Connection, OptionalExtension};
use samband_core::Millis;

use crate::error::EngineError;
use crate::repeat::{RepeatKey, Repeats};

impl Repeats for Connection {
    async fn recall(&self, key: &RepeatKey, now: Millis) -> Result<Option<([u8; 32], Vec<u8>)>, EngineError> {
        let found = self
            .prepare_cached("SELECT request_hash, reply FROM repeat WHERE scope = ?1 AND key = ?2 AND expires_ms > ?3")?
            .query_row((&key.scope, &key.key, now.0), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found)
    }

    async fn remember(&self, key: &RepeatKey, reply: &[u8], expires: Millis) -> Result<(), EngineError> {
        self.prepare_cached(
            "INSERT INTO repeat (scope, key, request_hash, reply, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (scope, key) DO UPDATE SET
                 request_hash = excluded.request_hash, reply = excluded.reply, expires_ms = excluded.expires_ms",
        )?
        .execute((&key.scope, &key.key, &key.request_hash, reply, expires.0))?;
        Ok(())
    }

    async fn forget_expired(&self, now: Millis, at_most: usize) -> Result<usize, EngineError> {
        let forgotten = self
            .prepare_cached(
                "DELETE FROM repeat WHERE (scope, key) IN
                     (SELECT scope, key FROM repeat WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)",
            )?
            .execute((now.0, at_most as i64))?;
        Ok(forgotten)
    }
}
