//! Messages in the log.

use samband_core::{Kind, Millis, Stamp, ThreadId};
use samband_store::EngineError;
use samband_store::postgres::Session;
use tokio_postgres::Row;

use super::key;
use crate::model::StoredMessage;
use crate::store::db::Messages;
use crate::store::user_of;

pub(super) fn kind(row: &Row, column: usize) -> Result<Kind, EngineError> {
    Ok(Kind(row.try_get::<_, i16>(column)? as u8))
}

fn read(row: &Row) -> Result<StoredMessage, EngineError> {
    Ok(StoredMessage {
        stamp: Stamp(row.try_get(0)?),
        kind: kind(row, 1)?,
        actor: row.try_get::<_, Option<&[u8]>>(2)?.and_then(user_of),
        seq: row.try_get(3)?,
        version: Stamp(row.try_get(4)?),
        edited: row.try_get::<_, Option<i64>>(5)?.map(Millis),
        deleted: row.try_get::<_, Option<i64>>(6)?.map(Millis),
        doc: row.try_get(7)?,
    })
}

impl Messages for Session {
    async fn message(&self, thread: ThreadId, stamp: Stamp) -> Result<Option<StoredMessage>, EngineError> {
        let row = self
            .query_opt(
                "SELECT stamp, kind, actor, seq, version, edited_ms, deleted_ms, doc FROM entry
                 WHERE stream = $1 AND stamp = $2 AND seq IS NOT NULL",
                &[&key(thread), &stamp.0],
            )
            .await?;
        row.map(|row| read(&row)).transpose()
    }

    async fn messages(
        &self,
        thread: ThreadId,
        oldest: i64,
        newest: i64,
        wanted: usize,
        found: &mut Vec<StoredMessage>,
    ) -> Result<(), EngineError> {
        let rows = self
            .query(
                "SELECT stamp, kind, actor, seq, version, edited_ms, deleted_ms, doc FROM entry
                 WHERE stream = $1 AND stamp >= $2 AND stamp <= $3 AND seq IS NOT NULL
                 ORDER BY stamp DESC LIMIT $4",
                &[&key(thread), &oldest, &newest, &(wanted as i64)],
            )
            .await?;
        for row in &rows {
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
        self.write(
            "UPDATE entry SET version = $3, edited_ms = $3, doc = $4
             WHERE stream = $1 AND stamp = $2 AND seq IS NOT NULL",
            vec![
                Box::new(key(thread)),
                Box::new(stamp.0),
                Box::new(version.0),
                Box::new(doc.to_vec()),
            ],
        )
        .await
    }

    async fn delete_message(&self, thread: ThreadId, stamp: Stamp, version: Stamp) -> Result<(), EngineError> {
        self.write(
            r"UPDATE entry SET version = $3, deleted_ms = $3, doc = '\x7b7d'
             WHERE stream = $1 AND stamp = $2 AND seq IS NOT NULL",
            vec![Box::new(key(thread)), Box::new(stamp.0), Box::new(version.0)],
        )
        .await
    }
}
