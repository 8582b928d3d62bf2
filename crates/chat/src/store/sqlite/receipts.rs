//! Read receipts.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{LogPosition, Millis, Note, ResourceId, Stamp, ThreadId, UserId};
use samband_store::EngineError;

use crate::model::{Kinds, ReceiptDoc, StoredReceipt};
use crate::store::{document, user_of};

/// Keeps the newest message read; false if this one is older, which changes nothing.
pub fn put_receipt(db: &Connection, receipt: &PlacedReceipt) -> Result<bool> {
    let written = db
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

/// A receipt with its place beside the log.
pub struct PlacedReceipt {
    pub position: LogPosition,
    pub thread: ThreadId,
    pub user: Vec<u8>,
    pub message: Stamp,
    pub read: Millis,
}

const PLACED: &str =
    "r.pos, r.thread, r.user, r.message, r.read_ms FROM receipt r CROSS JOIN head h ON h.thread = r.thread";

impl PlacedReceipt {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            position: LogPosition(row.get(0)?),
            thread: ThreadId::from_bytes(row.get(1)?),
            user: row.get(2)?,
            message: Stamp(row.get(3)?),
            read: Millis(row.get(4)?),
        })
    }

    /// As it was heard when it was new; none if its thread or message is gone.
    pub fn note(&self, db: &Connection, resource: ResourceId) -> Result<Option<Note>, EngineError> {
        let head = super::head(db, resource, self.thread)?.filter(|head| head.deleted.is_none());
        let (Some(head), Some(message)) = (head, super::message(db, self.thread, self.message)?) else {
            return Ok(None);
        };
        let doc = ReceiptDoc {
            message: self.message.0,
            read_ms: self.read.0,
            author: message.actor.map(|user| *user.as_bytes()),
            members: head.members,
        };
        Ok(Some(receipt_note(resource, self, &doc)?))
    }
}

/// What is heard of a receipt.
pub fn receipt_note(resource: ResourceId, receipt: &PlacedReceipt, doc: &ReceiptDoc) -> Result<Note, EngineError> {
    Ok(Note {
        resource,
        stream: receipt.thread.into(),
        position: receipt.position,
        stamp: Stamp(0),
        prev: Stamp(0),
        at: receipt.read,
        kind: Kinds::READ_RECEIPT,
        actor: Some(Arc::from(receipt.user.as_slice())),
        about: None,
        seq: None,
        body: document(doc)?.into(),
    })
}

/// The receipts of a resource after a position, oldest first.
pub fn receipts_after(
    db: &Connection,
    resource: ResourceId,
    after: LogPosition,
    limit: usize,
) -> Result<Vec<PlacedReceipt>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {PLACED} WHERE r.pos > ?1 AND r.pos > 0 AND h.resource = ?2 ORDER BY r.pos LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((after.0, resource.as_bytes(), limit), PlacedReceipt::read)?;
    rows.collect()
}

pub fn receipt_at(db: &Connection, resource: ResourceId, position: LogPosition) -> Result<Option<PlacedReceipt>> {
    db.prepare_cached(&format!(
        "SELECT {PLACED} WHERE r.pos = ?1 AND r.pos > 0 AND h.resource = ?2"
    ))?
    .query_row((position.0, resource.as_bytes()), PlacedReceipt::read)
    .optional()
}

pub fn receipts(
    db: &Connection,
    thread: ThreadId,
    after: &[u8],
    skip: usize,
    most: usize,
) -> Result<Vec<StoredReceipt>> {
    let mut statement = db.prepare_cached(
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
    rows.collect()
}
