//! Stays of users in threads.

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{LogPosition, Millis, ResourceId, Stamp, ThreadId, UserId};

use crate::model::StoredMember;
use crate::store::user_of;

/// The stamps that a stay lets its user see, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub from: i64,
    pub until: i64,
}

impl Interval {
    pub fn holds(&self, stamp: Stamp) -> bool {
        (self.from..=self.until).contains(&stamp.0)
    }
}

pub struct NewMember<'a> {
    pub user: &'a [u8],
    pub joined: Stamp,
    pub from: Stamp,
    pub share_ms: i64,
    pub display_name: Option<&'a str>,
    pub metadata: &'a [u8],
}

pub fn is_member(db: &Connection, thread: ThreadId, user: &[u8]) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM member WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL")?
        .exists((thread.as_bytes(), user))
}

/// A user's stays, oldest first.
pub fn visibility(db: &Connection, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>> {
    let mut statement = db.prepare_cached(
        "SELECT from_stamp, until_stamp FROM member WHERE thread = ?1 AND user = ?2 ORDER BY joined_stamp",
    )?;
    let rows = statement.query_map((thread.as_bytes(), user), |row| {
        Ok(Interval {
            from: row.get(0)?,
            until: row.get::<_, Option<i64>>(1)?.unwrap_or(i64::MAX),
        })
    })?;
    rows.collect()
}

const COLUMNS: &str = "user, display_name, share_ms, metadata";

fn read(row: &Row<'_>) -> Result<StoredMember> {
    let key = row.get_ref(0)?.as_blob()?;
    let metadata = row.get_ref(3)?.as_blob()?;
    Ok(StoredMember {
        user: user_of(key).unwrap_or(UserId::from_bytes([0; 16])),
        display_name: super::threads::text(row, 1)?,
        share_history: Millis(row.get(2)?),
        metadata: serde_json::from_slice(metadata).unwrap_or_default(),
    })
}

pub fn member(db: &Connection, thread: ThreadId, user: &[u8]) -> Result<Option<StoredMember>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM member WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL"
    ))?
    .query_row((thread.as_bytes(), user), read)
    .optional()
}

pub fn members(db: &Connection, thread: ThreadId, after: &[u8], skip: usize, most: usize) -> Result<Vec<StoredMember>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM member WHERE thread = ?1 AND user > ?2 AND until_stamp IS NULL
         ORDER BY user LIMIT ?3 OFFSET ?4"
    ))?;
    let rows = statement.query_map((thread.as_bytes(), after, most as i64, skip as i64), read)?;
    rows.collect()
}

pub fn insert_member(db: &Connection, thread: ThreadId, new: &NewMember<'_>) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO member (thread, user, joined_stamp, from_stamp, share_ms, display_name, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        thread.as_bytes(),
        new.user,
        new.joined.0,
        new.from.0,
        new.share_ms,
        new.display_name.map(str::as_bytes),
        new.metadata,
    ))?;
    Ok(())
}

pub fn rename_member(db: &Connection, thread: ThreadId, user: &[u8], name: &str) -> Result<()> {
    db.prepare_cached("UPDATE member SET display_name = ?3 WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL")?
        .execute((thread.as_bytes(), user, name.as_bytes()))?;
    Ok(())
}

pub fn end_stay(db: &Connection, thread: ThreadId, user: &[u8], until: Stamp) -> Result<()> {
    db.prepare_cached("UPDATE member SET until_stamp = ?3 WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL")?
        .execute((thread.as_bytes(), user, until.0))?;
    Ok(())
}

pub fn list_thread(db: &Connection, resource: ResourceId, user: &[u8], thread: ThreadId) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO thread_of_user (resource, user, thread) VALUES (?1, ?2, ?3)
         ON CONFLICT (resource, user, thread) DO UPDATE SET removed_pos = NULL WHERE removed_pos IS NOT NULL",
    )?
    .execute((resource.as_bytes(), user, thread.as_bytes()))?;
    Ok(())
}

/// The line stays, with the position of the removal: a reader that resumes is to hear of it.
pub fn unlist_thread(
    db: &Connection,
    resource: ResourceId,
    user: &[u8],
    thread: ThreadId,
    removed: LogPosition,
) -> Result<()> {
    db.prepare_cached("UPDATE thread_of_user SET removed_pos = ?4 WHERE resource = ?1 AND user = ?2 AND thread = ?3")?
        .execute((resource.as_bytes(), user, thread.as_bytes(), removed.0))?;
    Ok(())
}

pub fn is_listed(db: &Connection, resource: ResourceId, user: &[u8], thread: ThreadId) -> Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM thread_of_user WHERE resource = ?1 AND user = ?2 AND thread = ?3 AND removed_pos IS NULL",
    )?
    .exists((resource.as_bytes(), user, thread.as_bytes()))
}
