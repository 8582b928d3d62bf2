//! Memberships and entries for listeners.

use std::sync::Arc;

use samband_core::{LogPosition, Millis, Note, ResourceId, Stamp, StreamId, ThreadId};
use samband_store::EngineError;
use samband_store::postgres::Session;
use tokio_postgres::Row;
use uuid::Uuid;

use super::members::interval;
use super::messages::kind;
use super::{key, resource_key, thread_id};
use crate::store::db::{Interval, Line, Listening, Told};

fn note(row: &Row, resource: ResourceId) -> Result<Note, EngineError> {
    Ok(Note {
        resource,
        position: LogPosition(row.try_get(0)?),
        stream: StreamId(row.try_get::<_, Uuid>(1)?.into_bytes()),
        stamp: Stamp(row.try_get(2)?),
        prev: Stamp(row.try_get(3)?),
        at: Millis(row.try_get(4)?),
        kind: kind(row, 5)?,
        actor: row.try_get::<_, Option<&[u8]>>(6)?.map(Arc::from),
        about: row.try_get::<_, Option<i64>>(7)?.map(Stamp),
        seq: row.try_get(8)?,
        body: Arc::from(row.try_get::<_, &[u8]>(9)?),
    })
}

impl Listening for Session {
    async fn settled(&self) -> Result<LogPosition, EngineError> {
        // Every transaction below the snapshot's xmin is over.
        let row = self
            .query_opt(
                "SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 20) - 1",
                &[],
            )
            .await?;
        Ok(LogPosition(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0)))
    }

    async fn memberships(&self, resource: ResourceId, user: &[u8]) -> Result<Vec<(ThreadId, Stamp)>, EngineError> {
        let rows = self
            .query(
                r#"SELECT u.thread, h.last_stamp FROM thread_of_user u JOIN head h ON h.thread = u.thread
                   WHERE u.resource = $1 AND u."user" = $2 AND u.removed_pos IS NULL AND h.deleted_ms IS NULL"#,
                &[&resource_key(resource), &user],
            )
            .await?;
        let read = rows.iter().map(|row| Ok((thread_id(row, 0)?, Stamp(row.try_get(1)?))));
        read.collect()
    }

    async fn last_stamps(&self, threads: &[ThreadId]) -> Result<Vec<(ThreadId, Stamp)>, EngineError> {
        let asked: Vec<Uuid> = threads.iter().map(|thread| key(*thread)).collect();
        let rows = self
            .query("SELECT thread, last_stamp FROM head WHERE thread = ANY($1)", &[&asked])
            .await?;
        let read = rows.iter().map(|row| Ok((thread_id(row, 0)?, Stamp(row.try_get(1)?))));
        read.collect()
    }

    async fn lines_since(
        &self,
        resource: ResourceId,
        user: &[u8],
        after: LogPosition,
    ) -> Result<Vec<Line>, EngineError> {
        let rows = self
            .query(
                r#"SELECT u.thread, u.removed_pos IS NOT NULL, h.deleted_ms IS NOT NULL, h.last_stamp
                   FROM thread_of_user u JOIN head h ON h.thread = u.thread
                   WHERE u.resource = $1 AND u."user" = $2 AND (u.removed_pos IS NULL OR u.removed_pos > $3)
                   ORDER BY u.thread"#,
                &[&resource_key(resource), &user, &after.0],
            )
            .await?;
        let read = rows.iter().map(|row| {
            Ok(Line {
                thread: thread_id(row, 0)?,
                removed: row.try_get(1)?,
                deleted: row.try_get(2)?,
                last_stamp: Stamp(row.try_get(3)?),
            })
        });
        read.collect()
    }

    async fn stays(&self, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>, EngineError> {
        let rows = self
            .query(
                r#"SELECT joined_stamp, until_stamp FROM member WHERE thread = $1 AND "user" = $2"#,
                &[&key(thread), &user],
            )
            .await?;
        rows.iter().map(interval).collect()
    }

    async fn positions_after(&self, thread: ThreadId, told: &Told) -> Result<Vec<(LogPosition, Stamp)>, EngineError> {
        const CHUNK: i64 = 256;
        let mut found = Vec::new();
        let mut before = i64::MAX;
        loop {
            let rows = self
                .query(
                    "SELECT pos, stamp FROM entry WHERE stream = $1 AND stamp < $2 ORDER BY stamp DESC LIMIT $3",
                    &[&key(thread), &before, &CHUNK],
                )
                .await?;
            for row in &rows {
                let position = LogPosition(row.try_get(0)?);
                if told.holds(position) {
                    return Ok(found);
                }
                before = row.try_get(1)?;
                found.push((position, Stamp(before)));
            }
            if rows.len() < CHUNK as usize {
                return Ok(found);
            }
        }
    }

    async fn position_of(&self, thread: ThreadId, stamp: Stamp) -> Result<Option<LogPosition>, EngineError> {
        let row = self
            .query_opt(
                "SELECT pos FROM entry WHERE stream = $1 AND stamp = $2",
                &[&key(thread), &stamp.0],
            )
            .await?;
        Ok(row.map(|row| row.try_get(0).map(LogPosition)).transpose()?)
    }

    async fn entry_at(&self, resource: ResourceId, position: LogPosition) -> Result<Option<Note>, EngineError> {
        let row = self
            .query_opt(
                "SELECT pos, stream, stamp, prev, at_ms, kind, actor, about, seq, doc FROM entry
                 WHERE resource = $1 AND pos = $2",
                &[&resource_key(resource), &position.0],
            )
            .await?;
        row.map(|row| note(&row, resource)).transpose()
    }

    async fn entries_of_resource_after(
        &self,
        resource: ResourceId,
        after: LogPosition,
        limit: usize,
    ) -> Result<Vec<Note>, EngineError> {
        let rows = self
            .query(
                "SELECT pos, stream, stamp, prev, at_ms, kind, actor, about, seq, doc FROM entry
                 WHERE resource = $1 AND pos > $2 ORDER BY pos LIMIT $3",
                &[&resource_key(resource), &after.0, &(limit as i64)],
            )
            .await?;
        rows.iter().map(|row| note(row, resource)).collect()
    }

    async fn entries_after(
        &self,
        resource: ResourceId,
        thread: ThreadId,
        after: Stamp,
        limit: usize,
    ) -> Result<Vec<Note>, EngineError> {
        let rows = self
            .query(
                "SELECT pos, stream, stamp, prev, at_ms, kind, actor, about, seq, doc FROM entry
                 WHERE stream = $1 AND stamp > $2 AND resource = $4 ORDER BY stamp LIMIT $3",
                &[&key(thread), &after.0, &(limit as i64), &resource_key(resource)],
            )
            .await?;
        rows.iter().map(|row| note(row, resource)).collect()
    }
}
