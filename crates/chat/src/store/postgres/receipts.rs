//! Read receipts.

use samband_core::{LogPosition, Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::EngineError;
use samband_store::postgres::Session;
use tokio_postgres::Row;

use super::{key, resource_key, thread_id};
use crate::model::StoredReceipt;
use crate::store::db::{PlacedReceipt, Receipts};
use crate::store::user_of;

fn placed(row: &Row) -> Result<PlacedReceipt, EngineError> {
    Ok(PlacedReceipt {
        position: LogPosition(row.try_get(0)?),
        thread: thread_id(row, 1)?,
        user: row.try_get(2)?,
        message: Stamp(row.try_get(3)?),
        read: Millis(row.try_get(4)?),
    })
}

impl Receipts for Session {
    async fn put_receipt(&self, receipt: &PlacedReceipt) -> Result<bool, EngineError> {
        let written = self
            .execute(
                r#"INSERT INTO receipt (thread, "user", message, read_ms, pos) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (thread, "user") DO UPDATE
                   SET message = excluded.message, read_ms = excluded.read_ms, pos = excluded.pos
                   WHERE excluded.message >= receipt.message"#,
                &[
                    &key(receipt.thread),
                    &receipt.user,
                    &receipt.message.0,
                    &receipt.read.0,
                    &receipt.position.0,
                ],
            )
            .await?;
        Ok(written > 0)
    }

    async fn receipts_after(
        &self,
        resource: ResourceId,
        after: LogPosition,
        limit: usize,
    ) -> Result<Vec<PlacedReceipt>, EngineError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self
            .query(
                r#"SELECT r.pos, r.thread, r."user", r.message, r.read_ms FROM receipt r
                   JOIN head h ON h.thread = r.thread
                   WHERE r.pos > $1 AND r.pos > 0 AND h.resource = $2 ORDER BY r.pos LIMIT $3"#,
                &[&after.0, &resource_key(resource), &limit],
            )
            .await?;
        rows.iter().map(placed).collect()
    }

    async fn receipt_at(
        &self,
        resource: ResourceId,
        position: LogPosition,
    ) -> Result<Option<PlacedReceipt>, EngineError> {
        let row = self
            .query_opt(
                r#"SELECT r.pos, r.thread, r."user", r.message, r.read_ms FROM receipt r
                   JOIN head h ON h.thread = r.thread
                   WHERE r.pos = $1 AND r.pos > 0 AND h.resource = $2"#,
                &[&position.0, &resource_key(resource)],
            )
            .await?;
        row.map(|row| placed(&row)).transpose()
    }

    async fn receipts(
        &self,
        thread: ThreadId,
        after: &[u8],
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredReceipt>, EngineError> {
        let rows = self
            .query(
                r#"SELECT "user", message, read_ms FROM receipt WHERE thread = $1 AND "user" > $2
                   ORDER BY "user" LIMIT $3 OFFSET $4"#,
                &[&key(thread), &after, &(most as i64), &(skip as i64)],
            )
            .await?;
        let read = rows.iter().map(|row| {
            Ok(StoredReceipt {
                user: user_of(row.try_get(0)?).unwrap_or(UserId::from_bytes([0; 16])),
                message: Stamp(row.try_get(1)?),
                read: Millis(row.try_get(2)?),
            })
        });
        read.collect()
    }
}
