//! Memberships and entries for listeners.

use std::sync::Arc;

use rusqlite::{Connection, Result};
use samband_core::{Kind, Millis, Note, ResourceId, Stamp, ThreadId};

pub fn memberships(db: &Connection, resource: ResourceId, user: &[u8]) -> Result<Vec<(ThreadId, Stamp)>> {
    let mut statement = db.prepare_cached(
        "SELECT u.thread, h.last_stamp FROM thread_of_user u JOIN head h ON h.thread = u.thread
         WHERE u.resource = ?1 AND u.user = ?2 AND h.deleted_ms IS NULL",
    )?;
    let rows = statement.query_map((resource.as_bytes(), user), |row| {
        Ok((ThreadId::from_bytes(row.get(0)?), Stamp(row.get(1)?)))
    })?;
    rows.collect()
}

/// Messages and changes lie in an index each; the two are merged here.
pub fn entries_after(
    db: &Connection,
    resource: ResourceId,
    thread: ThreadId,
    after: Stamp,
    limit: usize,
) -> Result<Vec<Note>> {
    let mut statement = db.prepare_cached(
        "SELECT stamp, prev, at_ms, kind, actor, about, seq, doc FROM (
             SELECT * FROM (SELECT stamp, prev, at_ms, kind, actor, about, seq, doc FROM entry
                 WHERE stream = ?1 AND stamp > ?2 AND seq IS NOT NULL AND resource = ?4 ORDER BY stamp LIMIT ?3)
             UNION ALL
             SELECT * FROM (SELECT stamp, prev, at_ms, kind, actor, about, seq, doc FROM entry
                 WHERE stream = ?1 AND stamp > ?2 AND seq IS NULL AND resource = ?4 ORDER BY stamp LIMIT ?3)
         ) ORDER BY stamp LIMIT ?3",
    )?;
    let rows = statement.query_map((thread.as_bytes(), after.0, limit as i64, resource.as_bytes()), |row| {
        Ok(Note {
            resource,
            stream: thread.into(),
            stamp: Stamp(row.get(0)?),
            prev: Stamp(row.get(1)?),
            at: Millis(row.get(2)?),
            kind: Kind(row.get(3)?),
            actor: row.get_ref(4)?.as_blob_or_null()?.map(Arc::from),
            about: row.get::<_, Option<i64>>(5)?.map(Stamp),
            seq: row.get(6)?,
            body: Arc::from(row.get_ref(7)?.as_blob()?),
        })
    })?;
    rows.collect()
}
