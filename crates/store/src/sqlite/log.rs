//! The log's epoch and its ends.

use rusqlite::{Connection, OptionalExtension, Result};
use samband_core::{LogPosition, Millis};

use crate::log::{Epoch, LogEnd};

pub fn end(db: &Connection) -> Result<LogEnd> {
    let epoch = db
        .prepare_cached("SELECT epoch FROM epoch")?
        .query_row((), |row| row.get::<_, [u8; 8]>(0))?;
    let end = db
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'entry'")?
        .query_row((), |row| row.get(0))
        .optional()?;
    Ok(LogEnd {
        epoch: Epoch(u64::from_be_bytes(epoch)),
        end: LogPosition(end.unwrap_or(0)),
    })
}

pub fn first_after(db: &Connection, position: LogPosition) -> Result<Option<Millis>> {
    let at = db
        .prepare_cached("SELECT at_ms FROM entry WHERE pos > ?1 ORDER BY pos LIMIT 1")?
        .query_row([position.0], |row| row.get(0))
        .optional()?;
    Ok(at.map(Millis))
}
