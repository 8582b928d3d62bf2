//! The log's entries. A stream's entries are ordered by stamp; all entries by position.

use samband_core::{Kind, LogPosition, Millis, ResourceId, Stamp, StreamId};

use crate::change::Query;
use crate::error::EngineError;
use crate::sqlite;

/// One entry to append. `seq` is there for messages alone, and dense over them.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub stream: StreamId,
    pub resource: ResourceId,
    pub stamp: Stamp,
    /// The stream's stamp before this entry: a reader that last saw `prev` has missed nothing.
    pub prev: Stamp,
    pub kind: Kind,
    /// The user who caused it, as the capability writes users; none for an operator.
    pub actor: Option<&'a [u8]>,
    /// The stamp of the entry that this one is about (an edit names its message).
    pub about: Option<Stamp>,
    pub seq: Option<i64>,
    /// The content, in a form that the capability documents.
    pub doc: &'a [u8],
    /// What is heard of it, where that is not the content itself: an edit's entry holds nothing, for
    /// the message holds the new text, but who is connected must be told the text.
    pub heard: Option<&'a [u8]>,
}

/// What tells this log from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// The log as a whole: its epoch, and where it ends.
pub struct LogState;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    pub epoch: Epoch,
    /// The highest position taken so far.
    pub end: LogPosition,
}

impl Query for LogState {
    type Out = LogEnd;
    fn sqlite(&self, db: &sqlite::Reader<'_>) -> Result<LogEnd, EngineError> {
        Ok(sqlite::log::end(db)?)
    }
}

/// When the first entry after a position arrived; none if there is no entry after it.
pub struct FirstAfter(pub LogPosition);

impl Query for FirstAfter {
    type Out = Option<Millis>;
    fn sqlite(&self, db: &sqlite::Reader<'_>) -> Result<Option<Millis>, EngineError> {
        Ok(sqlite::log::first_after(db, self.0)?)
    }
}
