//! Memberships, entries and receipts for listeners.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{Kind, LogPosition, Millis, Note, ResourceId, Stamp, StreamId, ThreadId};
use samband_store::EngineError;

use crate::store::db::{Interval, Line, Listening, Told};

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

impl Listening for Connection {
    async fn settled(&self) -> Result<LogPosition, EngineError> {
        // One writer: what is stored later stands higher.
        Ok(LogPosition(i64::MAX))
    }

    async fn last_stamps(&self, threads: &[ThreadId]) -> Result<Vec<(ThreadId, Stamp)>, EngineError> {
        let mut statement = self.prepare_cached("SELECT last_stamp FROM head WHERE thread = ?1")?;
        let mut found = Vec::with_capacity(threads.len());
        for thread in threads {
            let stamp = statement.query_row([thread.as_bytes()], |row| row.get(0)).optional()?;
            found.extend(stamp.map(|stamp| (*thread, Stamp(stamp))));
        }
        Ok(found)
    }

    async fn memberships(&self, resource: ResourceId, user: &[u8]) -> Result<Vec<(ThreadId, Stamp)>, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT u.thread, h.last_stamp FROM thread_of_user u JOIN head h ON h.thread = u.thread
         WHERE u.resource = ?1 AND u.user = ?2 AND u.removed_pos IS NULL AND h.deleted_ms IS NULL",
        )?;
        let rows = statement.query_map((resource.as_bytes(), user), |row| {
            Ok((ThreadId::from_bytes(row.get(0)?), Stamp(row.get(1)?)))
        })?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn lines_since(
        &self,
        resource: ResourceId,
        user: &[u8],
        after: LogPosition,
    ) -> Result<Vec<Line>, EngineError> {
        let mut statement = self.prepare_cached(
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
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn stays(&self, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>, EngineError> {
        let mut statement =
            self.prepare_cached("SELECT joined_stamp, until_stamp FROM member WHERE thread = ?1 AND user = ?2")?;
        let rows = statement.query_map((thread.as_bytes(), user), |row| {
            Ok(Interval {
                from: row.get(0)?,
                until: row.get::<_, Option<i64>>(1)?.unwrap_or(i64::MAX),
            })
        })?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn positions_after(&self, thread: ThreadId, told: &Told) -> Result<Vec<(LogPosition, Stamp)>, EngineError> {
        const WALKS: [&str; 2] = [
            "SELECT pos, stamp FROM entry WHERE stream = ?1 AND seq IS NOT NULL ORDER BY stamp DESC",
            "SELECT pos, stamp FROM entry WHERE stream = ?1 AND seq IS NULL ORDER BY stamp DESC",
        ];
        let mut found = Vec::new();
        for walk in WALKS {
            let mut statement = self.prepare_cached(walk)?;
            let mut rows = statement.query([thread.as_bytes()])?;
            while let Some(row) = rows.next()? {
                let position = LogPosition(row.get(0)?);
                if told.holds(position) {
                    break;
                }
                found.push((position, Stamp(row.get(1)?)));
            }
        }
        Ok(found)
    }

    async fn position_of(&self, thread: ThreadId, stamp: Stamp) -> Result<Option<LogPosition>, EngineError> {
        let found = self
            .prepare_cached(
                "SELECT pos FROM entry WHERE stream = ?1 AND stamp = ?2 AND seq IS NULL
         UNION ALL SELECT pos FROM entry WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL",
            )?
            .query_row((thread.as_bytes(), stamp.0), |row| Ok(LogPosition(row.get(0)?)))
            .optional()?;
        Ok(found)
    }

    async fn entry_at(&self, resource: ResourceId, position: LogPosition) -> Result<Option<Note>, EngineError> {
        let found = self
            .prepare_cached(&format!("SELECT {NOTE} FROM entry WHERE pos = ?1 AND resource = ?2"))?
            .query_row((position.0, resource.as_bytes()), |row| note(row, resource))
            .optional()?;
        Ok(found)
    }

    async fn entries_of_resource_after(
        &self,
        resource: ResourceId,
        after: LogPosition,
        limit: usize,
    ) -> Result<Vec<Note>, EngineError> {
        let mut statement = self.prepare_cached(&format!(
            "SELECT {NOTE} FROM entry WHERE pos > ?1 AND resource = ?2 ORDER BY pos LIMIT ?3"
        ))?;
        let rows = statement.query_map((after.0, resource.as_bytes(), limit as i64), |row| note(row, resource))?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn entries_after(
        &self,
        resource: ResourceId,
        thread: ThreadId,
        after: Stamp,
        limit: usize,
    ) -> Result<Vec<Note>, EngineError> {
        let mut statement = self.prepare_cached(&format!(
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
        Ok(rows.collect::<Result<_>>()?)
    }
}
