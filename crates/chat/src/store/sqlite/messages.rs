//! Messages in the log.

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{Kind, Millis, Stamp, ThreadId};
use samband_store::EngineError;

use crate::model::StoredMessage;
use crate::store::db::Messages;
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

impl Messages for Connection {
    async fn message(&self, thread: ThreadId, stamp: Stamp) -> Result<Option<StoredMessage>, EngineError> {
        let found = self
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM entry WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL"
            ))?
            .query_row((thread.as_bytes(), stamp.0), read)
            .optional()?;
        Ok(found)
    }

    async fn messages(
        &self,
        thread: ThreadId,
        oldest: i64,
        newest: i64,
        wanted: usize,
        found: &mut Vec<StoredMessage>,
    ) -> Result<(), EngineError> {
        let mut statement = self.prepare_cached(&format!(
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

    async fn edit_message(
        &self,
        thread: ThreadId,
        stamp: Stamp,
        version: Stamp,
        doc: &[u8],
    ) -> Result<(), EngineError> {
        self.prepare_cached(
        "UPDATE entry SET version = ?3, edited_ms = ?3, doc = ?4 WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL",
    )?
    .execute((thread.as_bytes(), stamp.0, version.0, doc))?;
        Ok(())
    }

    async fn delete_message(&self, thread: ThreadId, stamp: Stamp, version: Stamp) -> Result<(), EngineError> {
        self.prepare_cached(
        "UPDATE entry SET version = ?3, deleted_ms = ?3, doc = x'7b7d' WHERE stream = ?1 AND stamp = ?2 AND seq IS NOT NULL",
    )?
    .execute((thread.as_bytes(), stamp.0, version.0))?;
        Ok(())
    }
}
