//! Messages in the log.

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{Kind, Millis, Stamp, ThreadId};

use crate::model::StoredMessage;
use crate::store::user_of;

const COLUMNS: &str = "stamp, kind, actor, seq, version, edited_ms, deleted_ms, doc";

fn read(row: &Row<'_>) -> Result<StoredMessage> {
    Ok(StoredMessage {
        stamp: Stamp(row.get(0)?),
        kind: Kind(row.get(1)?),
        actor: row.get_ref(2)?.as_blob_or_null()?.and_then(user_of),
        seq: row.get(3)?,
        version: Stamp(row.get(4)?),
        edited: row.get::<_, Option<i64>>(5)?.map(Millis),
        deleted: row.get::<_, Option<i64>>(6)?.map(Millis),
        doc: row.get(7)?,
    })
}

pub fn message(db: &Connection, thread: ThreadId, stamp: Stamp) -> Result<Option<StoredMessage>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entry WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL"
    ))?
    .query_row((thread.as_bytes(), stamp.0), read)
    .optional()
}

/// Appends to `found`, newest first, at most `wanted` messages from `oldest` to `newest`.
pub fn messages(
    db: &Connection,
    thread: ThreadId,
    oldest: i64,
    newest: i64,
    wanted: usize,
    found: &mut Vec<StoredMessage>,
) -> Result<()> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entry
         WHERE stream = ?1 AND stamp >= ?2 AND stamp <= ?3 AND seq IS NOT NULL
         ORDER BY stamp DESC LIMIT ?4"
    ))?;
    let mut rows = statement.query((thread.as_bytes(), oldest, newest, wanted as i64))?;
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(())
}

/// The version is the edit's stamp, and so the time of the edit.
pub fn edit_message(db: &Connection, thread: ThreadId, stamp: Stamp, version: Stamp, doc: &[u8]) -> Result<()> {
    db.prepare_cached(
        "UPDATE entry SET version = ?3, edited_ms = ?3, doc = ?4 WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL",
    )?
    .execute((thread.as_bytes(), stamp.0, version.0, doc))?;
    Ok(())
}

/// The content goes with the deletion; the line stays.
pub fn delete_message(db: &Connection, thread: ThreadId, stamp: Stamp, version: Stamp) -> Result<()> {
    db.prepare_cached(
        "UPDATE entry SET version = ?3, deleted_ms = ?3, doc = x'7b7d' WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL",
    )?
    .execute((thread.as_bytes(), stamp.0, version.0))?;
    Ok(())
}
