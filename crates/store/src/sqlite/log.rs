//! The log's epoch and its ends.

use rusqlite::{Connection, OptionalExtension};
use samband_core::{LogPosition, Millis, ResourceId};

use crate::error::EngineError;
use crate::log::{Epoch, Log, LogEnd};

impl Log for Connection {
    async fn end(&self, _resource: ResourceId) -> Result<LogEnd, EngineError> {
        let epoch = self
            .prepare_cached("SELECT epoch FROM epoch")?
            .query_row((), |row| row.get::<_, [u8; 8]>(0))?;
        let end = self
            .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'entry'")?
            .query_row((), |row| row.get(0))
            .optional()?;
        Ok(LogEnd {
            epoch: Epoch(u64::from_be_bytes(epoch)),
            end: LogPosition(end.unwrap_or(0)),
            beyond: Vec::new(),
        })
    }

    async fn first_after(&self, position: LogPosition) -> Result<Option<Millis>, EngineError> {
        let at = self
            .prepare_cached("SELECT at_ms FROM entry WHERE pos > ?1 ORDER BY pos LIMIT 1")?
            .query_row([position.0], |row| row.get(0))
            .optional()?;
        Ok(at.map(Millis))
    }
}
