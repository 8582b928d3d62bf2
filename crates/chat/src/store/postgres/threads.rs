//! Threads, their heads, and what remains to be done after their deletion.

use samband_core::{Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::EngineError;
use samband_store::postgres::Session;
use samband_wire_chat::RetentionPolicy;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{key, resource_key, text, thread_id};
use crate::model::{ThreadInfo, ThreadLine};
use crate::store::db::{NewThread, Threads};
use crate::store::{Head, InThread, user_of};

pub(super) fn read_head(row: &Row, first: usize) -> Result<Head, EngineError> {
    Ok(Head {
        last_stamp: Stamp(row.try_get(first)?),
        last_seq: row.try_get(first + 1)?,
        last_message_ms: row.try_get(first + 2)?,
        members: row.try_get(first + 3)?,
        deleted: row.try_get::<_, Option<i64>>(first + 4)?.map(Millis),
    })
}

fn nobody() -> UserId {
    UserId::from_bytes([0; 16])
}

impl Threads for Session {
    async fn head(&self, resource: ResourceId, thread: ThreadId) -> Result<Option<Head>, EngineError> {
        let row = self
            .query_opt(
                "SELECT last_stamp, last_seq, last_message_ms, members, deleted_ms FROM head
                 WHERE thread = $1 AND resource = $2",
                &[&key(thread), &resource_key(resource)],
            )
            .await?;
        row.map(|row| read_head(&row, 0)).transpose()
    }

    async fn locked_head(&self, resource: ResourceId, thread: ThreadId) -> Result<Option<Head>, EngineError> {
        let row = self
            .query_opt(
                "SELECT last_stamp, last_seq, last_message_ms, members, deleted_ms FROM head
                 WHERE thread = $1 AND resource = $2 FOR NO KEY UPDATE",
                &[&key(thread), &resource_key(resource)],
            )
            .await?;
        row.map(|row| read_head(&row, 0)).transpose()
    }

    async fn insert_head(&self, resource: ResourceId, thread: ThreadId, head: &Head) -> Result<(), EngineError> {
        self.write(
            "INSERT INTO head (thread, resource, last_stamp, last_seq, last_message_ms, members)
             VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                Box::new(key(thread)),
                Box::new(resource_key(resource)),
                Box::new(head.last_stamp.0),
                Box::new(head.last_seq),
                Box::new(head.last_message_ms),
                Box::new(head.members),
            ],
        )
        .await
    }

    async fn update_head(&self, thread: ThreadId, head: &Head) -> Result<(), EngineError> {
        self.write(
            "UPDATE head SET last_stamp = $2, last_seq = $3, last_message_ms = $4, members = $5, deleted_ms = $6
             WHERE thread = $1",
            vec![
                Box::new(key(thread)),
                Box::new(head.last_stamp.0),
                Box::new(head.last_seq),
                Box::new(head.last_message_ms),
                Box::new(head.members),
                Box::new(head.deleted.map(|time| time.0)),
            ],
        )
        .await
    }

    async fn insert_thread(&self, new: &NewThread<'_>) -> Result<(), EngineError> {
        self.write(
            "INSERT INTO thread (thread, resource, topic, metadata, created_ms, created_by, retention_days, delete_at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Box::new(key(new.thread)),
                Box::new(resource_key(new.resource)),
                Box::new(new.topic.as_bytes().to_vec()),
                Box::new(new.metadata.to_vec()),
                Box::new(new.created.0),
                Box::new(new.created_by.to_vec()),
                Box::new(new.retention_days),
                Box::new(new.delete_at.map(|time| time.0)),
            ],
        )
        .await
    }

    async fn thread(&self, thread: ThreadId) -> Result<Option<ThreadInfo>, EngineError> {
        let row = self
            .query_opt(
                "SELECT topic, created_ms, created_by, metadata, retention_days FROM thread WHERE thread = $1",
                &[&key(thread)],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let retention = row.try_get::<_, Option<i64>>(4)?.map(|days| match days {
            0 => RetentionPolicy::None,
            delete_thread_after_days => RetentionPolicy::ThreadCreationDate {
                delete_thread_after_days,
            },
        });
        Ok(Some(ThreadInfo {
            thread,
            topic: text(&row, 0)?.unwrap_or_default(),
            created: Millis(row.try_get(1)?),
            created_by: user_of(row.try_get(2)?).unwrap_or_else(nobody),
            metadata: serde_json::from_slice(row.try_get(3)?).unwrap_or_default(),
            retention,
        }))
    }

    async fn set_topic(&self, thread: ThreadId, topic: &str) -> Result<(), EngineError> {
        self.write(
            "UPDATE thread SET topic = $2 WHERE thread = $1",
            vec![Box::new(key(thread)), Box::new(topic.as_bytes().to_vec())],
        )
        .await
    }

    async fn set_metadata(&self, thread: ThreadId, metadata: &[u8]) -> Result<(), EngineError> {
        self.write(
            "UPDATE thread SET metadata = $2 WHERE thread = $1",
            vec![Box::new(key(thread)), Box::new(metadata.to_vec())],
        )
        .await
    }

    async fn set_retention(
        &self,
        thread: ThreadId,
        days: Option<i64>,
        delete_at: Option<Millis>,
    ) -> Result<(), EngineError> {
        self.write(
            "UPDATE thread SET retention_days = $2, delete_at_ms = $3 WHERE thread = $1",
            vec![
                Box::new(key(thread)),
                Box::new(days),
                Box::new(delete_at.map(|time| time.0)),
            ],
        )
        .await
    }

    async fn threads_of_user(
        &self,
        resource: ResourceId,
        user: &[u8],
        start: Option<Millis>,
        after: Option<ThreadId>,
        most: usize,
    ) -> Result<Vec<ThreadLine>, EngineError> {
        // No thread has the id that is all zeros.
        let after = after.map_or(Uuid::nil(), key);
        let start = start.map_or(i64::MIN, |time| time.0);
        let rows = self
            .query(
                r#"SELECT u.thread, t.topic, h.deleted_ms, h.last_message_ms
                   FROM thread_of_user u JOIN head h ON h.thread = u.thread JOIN thread t ON t.thread = u.thread
                   WHERE u.resource = $1 AND u."user" = $2 AND u.thread > $3 AND u.removed_pos IS NULL
                     AND h.last_message_ms >= $4
                   ORDER BY u.thread LIMIT $5"#,
                &[&resource_key(resource), &user, &after, &start, &(most as i64)],
            )
            .await?;
        let read = rows.iter().map(|row| {
            Ok(ThreadLine {
                thread: thread_id(row, 0)?,
                topic: text(row, 1)?.unwrap_or_default(),
                deleted: row.try_get::<_, Option<i64>>(2)?.map(Millis),
                last_message: row.try_get::<_, Option<i64>>(3)?.map(Millis),
            })
        });
        read.collect()
    }

    async fn mark_purge(&self, thread: ThreadId) -> Result<(), EngineError> {
        self.write(
            "INSERT INTO purge (thread) VALUES ($1) ON CONFLICT DO NOTHING",
            vec![Box::new(key(thread))],
        )
        .await?;
        self.write(
            "UPDATE thread SET delete_at_ms = NULL WHERE thread = $1",
            vec![Box::new(key(thread))],
        )
        .await
    }

    async fn to_purge(&self, most: usize) -> Result<Vec<ThreadId>, EngineError> {
        let rows = self
            .query("SELECT thread FROM purge LIMIT $1", &[&(most as i64)])
            .await?;
        rows.iter().map(|row| thread_id(row, 0)).collect()
    }

    async fn purge(&self, thread: ThreadId, most: usize) -> Result<bool, EngineError> {
        // What happened to the thread stays readable for the log's own time; what was said does not.
        // No image can come where there is no line for it; chunks are large.
        const STEPS: [&str; 5] = [
            "DELETE FROM entry WHERE (stream, stamp) IN
                 (SELECT stream, stamp FROM entry WHERE stream = $1 AND seq IS NOT NULL LIMIT $2)",
            r#"DELETE FROM receipt WHERE (thread, "user") IN
                 (SELECT thread, "user" FROM receipt WHERE thread = $1 LIMIT $2)"#,
            r#"DELETE FROM member WHERE (thread, "user", joined_stamp) IN
                 (SELECT thread, "user", joined_stamp FROM member WHERE thread = $1 LIMIT $2)"#,
            "DELETE FROM image WHERE (thread, image) IN (SELECT thread, image FROM image WHERE thread = $1 LIMIT $2)",
            "DELETE FROM image_chunk WHERE (thread, image, view, number) IN
                 (SELECT thread, image, view, number FROM image_chunk WHERE thread = $1 LIMIT ($2::bigint + 49) / 50)",
        ];
        for step in STEPS {
            if self.execute(step, &[&key(thread), &(most as i64)]).await? > 0 {
                return Ok(false);
            }
        }
        self.write("DELETE FROM purge WHERE thread = $1", vec![Box::new(key(thread))])
            .await?;
        Ok(true)
    }

    async fn threads_due(&self, now: Millis, most: usize) -> Result<Vec<InThread>, EngineError> {
        let rows = self
            .query(
                "SELECT resource, thread, created_by FROM thread WHERE delete_at_ms <= $1
                 ORDER BY delete_at_ms LIMIT $2",
                &[&now.0, &(most as i64)],
            )
            .await?;
        let read = rows.iter().map(|row| {
            Ok(InThread {
                resource: ResourceId::from_bytes(row.try_get::<_, Uuid>(0)?.into_bytes()),
                thread: thread_id(row, 1)?,
                caller: user_of(row.try_get(2)?).unwrap_or_else(nobody),
            })
        });
        read.collect()
    }
}
