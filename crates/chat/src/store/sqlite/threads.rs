//! Threads, their heads, and what remains to be done after their deletion.

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::EngineError;
use samband_wire_chat::RetentionPolicy;

use crate::model::{ThreadInfo, ThreadLine};
use crate::store::db::{NewThread, Threads};
use crate::store::{Head, InThread, user_of};

/// Text kept as a BLOB; what is not UTF-8 was not written by us.
pub(super) fn text(row: &Row<'_>, column: usize) -> Result<Option<String>> {
    Ok(row
        .get_ref(column)?
        .as_blob_or_null()?
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

impl Threads for Connection {
    async fn head(&self, resource: ResourceId, thread: ThreadId) -> Result<Option<Head>, EngineError> {
        let found = self
            .prepare_cached(
                "SELECT last_stamp, last_seq, last_message_ms, members, deleted_ms FROM head
         WHERE thread = ?1 AND resource = ?2",
            )?
            .query_row((thread.as_bytes(), resource.as_bytes()), |row| {
                Ok(Head {
                    last_stamp: Stamp(row.get(0)?),
                    last_seq: row.get(1)?,
                    last_message_ms: row.get(2)?,
                    members: row.get(3)?,
                    deleted: row.get::<_, Option<i64>>(4)?.map(Millis),
                })
            })
            .optional()?;
        Ok(found)
    }

    /// There is one writer: whoever reads in it holds the lock.
    async fn locked_head(&self, resource: ResourceId, thread: ThreadId) -> Result<Option<Head>, EngineError> {
        self.head(resource, thread).await
    }

    async fn insert_head(&self, resource: ResourceId, thread: ThreadId, head: &Head) -> Result<(), EngineError> {
        self.prepare_cached(
            "INSERT INTO head (thread, resource, last_stamp, last_seq, last_message_ms, members)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            thread.as_bytes(),
            resource.as_bytes(),
            head.last_stamp.0,
            head.last_seq,
            head.last_message_ms,
            head.members,
        ))?;
        Ok(())
    }

    async fn update_head(&self, thread: ThreadId, head: &Head) -> Result<(), EngineError> {
        self.prepare_cached(
            "UPDATE head SET last_stamp = ?2, last_seq = ?3, last_message_ms = ?4, members = ?5, deleted_ms = ?6
         WHERE thread = ?1",
        )?
        .execute((
            thread.as_bytes(),
            head.last_stamp.0,
            head.last_seq,
            head.last_message_ms,
            head.members,
            head.deleted.map(|time| time.0),
        ))?;
        Ok(())
    }

    async fn insert_thread(&self, new: &NewThread<'_>) -> Result<(), EngineError> {
        self.prepare_cached(
        "INSERT INTO thread (thread, resource, topic, metadata, created_ms, created_by, retention_days, delete_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        new.thread.as_bytes(),
        new.resource.as_bytes(),
        new.topic.as_bytes(),
        new.metadata,
        new.created.0,
        new.created_by,
        new.retention_days,
        new.delete_at.map(|time| time.0),
    ))?;
        Ok(())
    }

    async fn thread(&self, thread: ThreadId) -> Result<Option<ThreadInfo>, EngineError> {
        let found = self
            .prepare_cached(
                "SELECT topic, created_ms, created_by, metadata, retention_days FROM thread WHERE thread = ?1",
            )?
            .query_row([thread.as_bytes()], |row| {
                let retention = row.get::<_, Option<i64>>(4)?.map(|days| match days {
                    0 => RetentionPolicy::None,
                    delete_thread_after_days => RetentionPolicy::ThreadCreationDate {
                        delete_thread_after_days,
                    },
                });
                Ok(ThreadInfo {
                    thread,
                    topic: text(row, 0)?.unwrap_or_default(),
                    created: Millis(row.get(1)?),
                    created_by: user_of(row.get_ref(2)?.as_blob()?).unwrap_or(UserId::from_bytes([0; 16])),
                    metadata: serde_json::from_slice(row.get_ref(3)?.as_blob()?).unwrap_or_default(),
                    retention,
                })
            })
            .optional()?;
        Ok(found)
    }

    async fn set_topic(&self, thread: ThreadId, topic: &str) -> Result<(), EngineError> {
        self.prepare_cached("UPDATE thread SET topic = ?2 WHERE thread = ?1")?
            .execute((thread.as_bytes(), topic.as_bytes()))?;
        Ok(())
    }

    async fn set_metadata(&self, thread: ThreadId, metadata: &[u8]) -> Result<(), EngineError> {
        self.prepare_cached("UPDATE thread SET metadata = ?2 WHERE thread = ?1")?
            .execute((thread.as_bytes(), metadata))?;
        Ok(())
    }

    async fn set_retention(
        &self,
        thread: ThreadId,
        days: Option<i64>,
        delete_at: Option<Millis>,
    ) -> Result<(), EngineError> {
        self.prepare_cached("UPDATE thread SET retention_days = ?2, delete_at_ms = ?3 WHERE thread = ?1")?
            .execute((thread.as_bytes(), days, delete_at.map(|time| time.0)))?;
        Ok(())
    }

    async fn threads_of_user(
        &self,
        resource: ResourceId,
        user: &[u8],
        start: Option<Millis>,
        after: Option<ThreadId>,
        most: usize,
    ) -> Result<Vec<ThreadLine>, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT u.thread, t.topic, h.deleted_ms, h.last_message_ms
         FROM thread_of_user u JOIN head h ON h.thread = u.thread JOIN thread t ON t.thread = u.thread
         WHERE u.resource = ?1 AND u.user = ?2 AND u.thread > ?3 AND u.removed_pos IS NULL AND h.last_message_ms >= ?4
         ORDER BY u.thread LIMIT ?5",
        )?;
        let after = after.as_ref().map_or(&[][..], |thread| thread.as_bytes().as_slice());
        let start = start.map_or(i64::MIN, |time| time.0);
        let rows = statement.query_map((resource.as_bytes(), user, after, start, most as i64), |row| {
            Ok(ThreadLine {
                thread: ThreadId::from_bytes(row.get(0)?),
                topic: text(row, 1)?.unwrap_or_default(),
                deleted: row.get::<_, Option<i64>>(2)?.map(Millis),
                last_message: row.get::<_, Option<i64>>(3)?.map(Millis),
            })
        })?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn mark_purge(&self, thread: ThreadId) -> Result<(), EngineError> {
        self.prepare_cached("INSERT OR IGNORE INTO purge (thread) VALUES (?1)")?
            .execute([thread.as_bytes()])?;
        self.prepare_cached("UPDATE thread SET delete_at_ms = NULL WHERE thread = ?1")?
            .execute([thread.as_bytes()])?;
        Ok(())
    }

    async fn to_purge(&self, most: usize) -> Result<Vec<ThreadId>, EngineError> {
        let mut statement = self.prepare_cached("SELECT thread FROM purge LIMIT ?1")?;
        let rows = statement.query_map([most as i64], |row| Ok(ThreadId::from_bytes(row.get(0)?)))?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn purge(&self, thread: ThreadId, most: usize) -> Result<bool, EngineError> {
        // What happened to the thread stays readable for the log's own time; what was said does not.
        // No image can come where there is no line for it; chunks are large.
        const STEPS: [&str; 5] = [
            "DELETE FROM entry WHERE pos IN
             (SELECT pos FROM entry WHERE stream = ?1 AND seq IS NOT NULL LIMIT ?2)",
            "DELETE FROM receipt WHERE (thread, user) IN (SELECT thread, user FROM receipt WHERE thread = ?1 LIMIT ?2)",
            "DELETE FROM member WHERE (thread, user, joined_stamp) IN
             (SELECT thread, user, joined_stamp FROM member WHERE thread = ?1 LIMIT ?2)",
            "DELETE FROM image WHERE (thread, image) IN (SELECT thread, image FROM image WHERE thread = ?1 LIMIT ?2)",
            "DELETE FROM image_chunk WHERE rowid IN
             (SELECT rowid FROM image_chunk WHERE thread = ?1 LIMIT (?2 + 49) / 50)",
        ];
        for step in STEPS {
            if self.prepare_cached(step)?.execute((thread.as_bytes(), most as i64))? > 0 {
                return Ok(false);
            }
        }
        self.prepare_cached("DELETE FROM purge WHERE thread = ?1")?
            .execute([thread.as_bytes()])?;
        Ok(true)
    }

    async fn threads_due(&self, now: Millis, most: usize) -> Result<Vec<InThread>, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT resource, thread, created_by FROM thread WHERE delete_at_ms <= ?1 ORDER BY delete_at_ms LIMIT ?2",
        )?;
        let rows = statement.query_map((now.0, most as i64), |row| {
            Ok(InThread {
                resource: ResourceId::from_bytes(row.get(0)?),
                thread: ThreadId::from_bytes(row.get(1)?),
                caller: user_of(row.get_ref(2)?.as_blob()?).unwrap_or(UserId::from_bytes([0; 16])),
            })
        })?;
        Ok(rows.collect::<Result<_>>()?)
    }
}
