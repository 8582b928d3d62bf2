//! The SQL of chat on PostgreSQL.

mod heard;
mod images;
mod members;
mod messages;
mod receipts;
mod send;
mod threads;

use samband_core::{ResourceId, ThreadId};
use samband_store::EngineError;
use tokio_postgres::Row;
use uuid::Uuid;

pub(super) use send::send_together;

fn key(thread: ThreadId) -> Uuid {
    Uuid::from_bytes(*thread.as_bytes())
}

fn resource_key(resource: ResourceId) -> Uuid {
    Uuid::from_bytes(*resource.as_bytes())
}

fn thread_id(row: &Row, column: usize) -> Result<ThreadId, EngineError> {
    Ok(ThreadId::from_bytes(row.try_get::<_, Uuid>(column)?.into_bytes()))
}

/// Text kept as bytes; what is not UTF-8 was not written by us.
fn text(row: &Row, column: usize) -> Result<Option<String>, EngineError> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}
