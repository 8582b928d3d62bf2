//! The log's entries. A stream's entries are ordered by stamp; all entries by position.

use std::sync::Arc;

use samband_core::{Kind, LogPosition, Millis, Note, ResourceId, Stamp, StreamId};

use crate::change::Query;
use crate::error::EngineError;

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

impl Entry<'_> {
    /// What is heard of it once it stands in the log.
    pub(crate) fn note(&self, position: LogPosition, at: Millis) -> Note {
        Note {
            resource: self.resource,
            stream: self.stream,
            position,
            stamp: self.stamp,
            prev: self.prev,
            at,
            kind: self.kind,
            actor: self.actor.map(Arc::from),
            about: self.about,
            seq: self.seq,
            body: Arc::from(self.heard.unwrap_or(self.doc)),
        }
    }
}

/// The place of the last of some notes that has one.
pub(crate) fn last_position(notes: &[Note]) -> LogPosition {
    let placed = notes.iter().rev().map(|note| note.position);
    placed
        .into_iter()
        .find(|position| position.0 > 0)
        .unwrap_or(LogPosition(0))
}

/// What tells this log from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// The log as a whole: its epoch, and where it ends.
pub struct LogState {
    /// Whose entries beyond the end are wanted.
    pub resource: ResourceId,
}

/// Where the log ends, so that nothing will ever be stored before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    pub epoch: Epoch,
    /// Everything that is stored later stands higher. The embedded engine has one writer, so this is
    /// the highest position; on PostgreSQL transactions that are under way may still store right after.
    pub end: LogPosition,
    /// What stands after the end already, the newest of it: none on the embedded engine.
    pub beyond: Vec<LogPosition>,
}

/// Positions beyond the end that are worth telling.
pub const MOST_BEYOND: usize = 32;

/// The log as each engine keeps it.
#[allow(
    async_fn_in_trait,
    reason = "asked on one task, and each engine checks that it can be"
)]
pub trait Log {
    async fn end(&self, resource: ResourceId) -> Result<LogEnd, EngineError>;
    async fn first_after(&self, position: LogPosition) -> Result<Option<Millis>, EngineError>;
}

impl LogState {
    async fn answer(&self, db: &impl Log) -> Result<LogEnd, EngineError> {
        db.end(self.resource).await
    }
}

impl Query for LogState {
    type Out = LogEnd;
    crate::answer_on_every_engine!();
}

/// When the first entry after a position arrived; none if there is no entry after it.
pub struct FirstAfter(pub LogPosition);

impl FirstAfter {
    async fn answer(&self, db: &impl Log) -> Result<Option<Millis>, EngineError> {
        db.first_after(self.0).await
    }
}

impl Query for FirstAfter {
    type Out = Option<Millis>;
    crate::answer_on_every_engine!();
}
