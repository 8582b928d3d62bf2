//! Read receipts.

use rusqlite::{Connection, Result};
use samband_core::{Millis, Stamp, ThreadId, UserId};

use crate::model::StoredReceipt;
use crate::store::user_of;

/// Keeps the newest message read: a late receipt for an older one changes nothing.
pub fn put_receipt(db: &Connection, thread: ThreadId, user: &[u8], message: Stamp, now: Millis) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO receipt (thread, user, message, read_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (thread, user) DO UPDATE SET message = excluded.message, read_ms = excluded.read_ms
         WHERE excluded.message >= receipt.message",
    )?
    .execute((thread.as_bytes(), user, message.0, now.0))?;
    Ok(())
}

pub fn receipts(
    db: &Connection,
    thread: ThreadId,
    after: &[u8],
    skip: usize,
    most: usize,
) -> Result<Vec<StoredReceipt>> {
    let mut statement = db.prepare_cached(
        "SELECT user, message, read_ms FROM receipt WHERE thread = ?1 AND user > ?2 ORDER BY user LIMIT ?3 OFFSET ?4",
    )?;
    let rows = statement.query_map((thread.as_bytes(), after, most as i64, skip as i64), |row| {
        let key = row.get_ref(0)?.as_blob()?;
        Ok(StoredReceipt {
            user: user_of(key).unwrap_or(UserId::from_bytes([0; 16])),
            message: Stamp(row.get(1)?),
            read: Millis(row.get(2)?),
        })
    })?;
    rows.collect()
}
