//! Read receipts.

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{LogPosition, Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::EngineError;

use crate::model::StoredReceipt;
use crate::store::db::{PlacedReceipt, Receipts};
use crate::store::user_of;

const PLACED: &str =
    "r.pos, r.thread, r.user, r.message, r.read_ms FROM receipt r CROSS JOIN head h ON h.thread = r.thread";

fn placed(row: &Row<'_>) -> Result<PlacedReceipt> {
    Ok(PlacedReceipt {
        position: LogPosition(row.get(0)?),
        thread: ThreadId::from_bytes(row.get(1)?),
        user: row.get(2)?,
        message: Stamp(row.get(3)?),
        read: Millis(row.get(4)?),
    })
}

impl Receipts for Connection {
    async fn put_receipt(&self, receipt: &PlacedReceipt) -> Result<bool, EngineError> {
        let written = self
            .prepare_cached(
                "INSERT INTO receipt (thread, user, message, read_ms, pos) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (thread, user) DO UPDATE
             SET message = excluded.message, read_ms = excluded.read_ms, pos = excluded.pos
             WHERE excluded.message >= receipt.message",
            )?
            .execute((
                receipt.thread.as_bytes(),
                receipt.user.as_slice(),
                receipt.message.0,
                receipt.read.0,
                receipt.position.0,
            ))?;
        Ok(written > 0)
    }

    async fn receipts_after(
        &self,
        resource: ResourceId,
        after: LogPosition,
        limit: usize,
    ) -> Result<Vec<PlacedReceipt>, EngineError> {
        let mut statement = self.prepare_cached(&format!(
            "SELECT {PLACED} WHERE r.pos > ?1 AND r.pos > 0 AND h.resource = ?2 ORDER BY r.pos LIMIT ?3"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map((after.0, resource.as_bytes(), limit), placed)?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn receipt_at(
        &self,
        resource: ResourceId,
        position: LogPosition,
    ) -> Result<Option<PlacedReceipt>, EngineError> {
        let found = self
            .prepare_cached(&format!(
                "SELECT {PLACED} WHERE r.pos = ?1 AND r.pos > 0 AND h.resource = ?2"
            ))?
            .query_row((position.0, resource.as_bytes()), placed)
            .optional()?;
        Ok(found)
    }

    async fn receipts(
        &self,
        thread: ThreadId,
        after: &[u8],
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredReceipt>, EngineError> {
        let mut statement = self.prepare_cached(
        "SELECT user, message, read_ms FROM receipt WHERE thread = ?1 AND user > ?2 ORDER BY user LIMIT ?3 OFFSET ?4",
    )?;
        let rows = statement.query_map((thread.as_bytes(), after, most as i64, skip as i64), |row| {
            let key = row.get_ref(0)?.as_blob()?;
            Ok(StoredReceipt {
                user: user_of(key).unwrap_or(UserId::from_bytes([0; 16])),
                message: Stamp(row.get(1)?),
                read: Millis(row.get(2)?),
            })
        })?;
        Ok(rows.collect::<Result<_>>()?)
    }
}
