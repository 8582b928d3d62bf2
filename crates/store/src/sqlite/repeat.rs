//! The SQL of remembered repeats.

use rusqlite::OptionalExtension;
use samband_core::Millis;

use super::Tx;
use crate::repeat::RepeatKey;

pub(crate) fn recall(tx: &Tx<'_>, key: &RepeatKey, now: Millis) -> rusqlite::Result<Option<([u8; 32], Vec<u8>)>> {
    tx.prepare_cached("SELECT request_hash, reply FROM repeat WHERE scope = ?1 AND key = ?2 AND expires_ms > ?3")?
        .query_row((&key.scope, &key.key, now.0), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(crate) fn remember(tx: &Tx<'_>, key: &RepeatKey, reply: &[u8], expires: Millis) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO repeat (scope, key, request_hash, reply, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (scope, key) DO UPDATE SET
             request_hash = excluded.request_hash, reply = excluded.reply, expires_ms = excluded.expires_ms",
    )?
    .execute((&key.scope, &key.key, &key.request_hash, reply, expires.0))?;
    Ok(())
}

pub(crate) fn forget_expired(tx: &Tx<'_>, at_most: usize) -> rusqlite::Result<usize> {
    tx.prepare_cached(
        "DELETE FROM repeat WHERE (scope, key) IN
             (SELECT scope, key FROM repeat WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)",
    )?
    .execute((tx.cx().now.0, at_most as i64))
}
