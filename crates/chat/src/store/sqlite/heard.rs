//! Memberships, entries and receipts for listeners.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{Kind, LogPosition, Millis, Note, ResourceId, Stamp, StreamId, ThreadId};

use super::Interval;

pub fn memberships(db: &Connection, resource: ResourceId, user: &[u8]) -> Result<Vec<(ThreadId, Stamp)>> {
    let mut statement = db.prepare_cached(
        "SELECT u.thread, h.last_stamp FROM thread_of_user u JOIN head h ON h.thread = u.thread
         WHERE u.resource = ?1 AND u.user = ?2 AND u.removed_pos IS NULL AND h.deleted_ms IS NULL",
    )?;
    let rows = statement.query_map((resource.as_bytes(), user), |row| {
        Ok((ThreadId::from_bytes(row.get(0)?), Stamp(row.get(1)?)))
    })?;
    rows.collect()
}

/// A thread that a user is or was in.
pub struct Line {
    pub thread: ThreadId,
    pub removed: bool,
    pub deleted: bool,
    pub last_stamp: Stamp,
}

/// The threads that a user is in or was removed from after a position, by id.
pub fn lines_since(db: &Connection, resource: ResourceId, user: &[u8], after: LogPosition) -> Result<Vec<Line>> {
    let mut statement = db.prepare_cached(
        "SELECT u.thread, u.removed_pos IS NOT NULL, h.deleted_ms IS NOT NULL, h.last_stamp
         FROM thread_of_user u JOIN head h ON h.thread = u.thread
         WHERE u.resource = ?1 AND u.user = ?2 AND coalesce(u.removed_pos, ?3 + 1) > ?3
         ORDER BY u.thread",
    )?;
    let rows = statement.query_map((resource.as_bytes(), user, after.0), |row| {
        Ok(Line {
            thread: ThreadId::from_bytes(row.get(0)?),
            removed: row.get(1)?,
            deleted: row.get(2)?,
            last_stamp: Stamp(row.get(3)?),
        })
    })?;
    rows.collect()
}

/// The stamps during which a user takes part, joining and leaving included, whatever of the time
/// before was shared.
pub fn stays(db: &Connection, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>> {
    let mut statement =
        db.prepare_cached("SELECT joined_stamp, until_stamp FROM member WHERE thread = ?1 AND user = ?2")?;
    let rows = statement.query_map((thread.as_bytes(), user), |row| {
        Ok(Interval {
            from: row.get(0)?,
            until: row.get::<_, Option<i64>>(1)?.unwrap_or(i64::MAX),
        })
    })?;
    rows.collect()
}

/// Where a thread's entries after a position stand. Messages and changes lie in an index each, by
/// stamp; in a thread, stamps and positions rise together.
pub fn positions_after(db: &Connection, thread: ThreadId, after: LogPosition) -> Result<Vec<(LogPosition, Stamp)>> {
    const WALKS: [&str; 2] = [
        "SELECT pos, stamp FROM entry WHERE stream = ?1 AND seq IS NOT NULL ORDER BY stamp DESC",
        "SELECT pos, stamp FROM entry WHERE stream = ?1 AND seq IS NULL ORDER BY stamp DESC",
    ];
    let mut found = Vec::new();
    for walk in WALKS {
        let mut statement = db.prepare_cached(walk)?;
        let mut rows = statement.query([thread.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let position = LogPosition(row.get(0)?);
            if position <= after {
                break;
            }
            found.push((position, Stamp(row.get(1)?)));
        }
    }
    Ok(found)
}

/// Where the entry of a stamp stands.
pub fn position_of(db: &Connection, thread: ThreadId, stamp: Stamp) -> Result<Option<LogPosition>> {
    db.prepare_cached(
        "SELECT pos FROM entry WHERE stream = ?1 AND stamp = ?2 AND seq IS NULL
         UNION ALL SELECT pos FROM entry WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL",
    )?
    .query_row((thread.as_bytes(), stamp.0), |row| Ok(LogPosition(row.get(0)?)))
    .optional()
}

const NOTE: &str = "pos, stream, stamp, prev, at_ms, kind, actor, about, seq, doc";

fn note(row: &Row<'_>, resource: ResourceId) -> Result<Note> {
    Ok(Note {
        resource,
        position: LogPosition(row.get(0)?),
        stream: StreamId(row.get(1)?),
        stamp: Stamp(row.get(2)?),
        prev: Stamp(row.get(3)?),
        at: Millis(row.get(4)?),
        kind: Kind(row.get(5)?),
        actor: row.get_ref(6)?.as_blob_or_null()?.map(Arc::from),
        about: row.get::<_, Option<i64>>(7)?.map(Stamp),
        seq: row.get(8)?,
        body: Arc::from(row.get_ref(9)?.as_blob()?),
    })
}

pub fn entry_at(db: &Connection, resource: ResourceId, position: LogPosition) -> Result<Option<Note>> {
    db.prepare_cached(&format!("SELECT {NOTE} FROM entry WHERE pos = ?1 AND resource = ?2"))?
        .query_row((position.0, resource.as_bytes()), |row| note(row, resource))
        .optional()
}

pub fn entries_of_resource_after(
    db: &Connection,
    resource: ResourceId,
    after: LogPosition,
    limit: usize,
) -> Result<Vec<Note>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {NOTE} FROM entry WHERE pos > ?1 AND resource = ?2 ORDER BY pos LIMIT ?3"
    ))?;
    let rows = statement.query_map((after.0, resource.as_bytes(), limit as i64), |row| note(row, resource))?;
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
    let mut statement = db.prepare_cached(&format!(
        "SELECT {NOTE} FROM (
             SELECT * FROM (SELECT {NOTE} FROM entry
                 WHERE stream = ?1 AND stamp > ?2 AND seq IS NOT NULL AND resource = ?4 ORDER BY stamp LIMIT ?3)
             UNION ALL
             SELECT * FROM (SELECT {NOTE} FROM entry
                 WHERE stream = ?1 AND stamp > ?2 AND seq IS NULL AND resource = ?4 ORDER BY stamp LIMIT ?3)
         ) ORDER BY stamp LIMIT ?3"
    ))?;
    let rows = statement.query_map((thread.as_bytes(), after.0, limit as i64, resource.as_bytes()), |row| {
        note(row, resource)
    })?;
    rows.collect()
}
