//! What a capability hands to the store: a change (reads and refuses first, writes last) or a query.

use samband_core::{Millis, StreamId};

use crate::error::EngineError;
use crate::sqlite;

/// One atomic change of the stored world.
///
/// It reads and refuses first and writes last, so that a refusal leaves nothing behind in the
/// transaction that it shares with others. It may run more than once (after a neighbour's fault),
/// therefore it borrows itself and takes time and chance from its arguments.
pub trait Change: Send + Sync + 'static {
    type Out: Send + 'static;
    type Refusal: Send + 'static;

    /// What orders this change: changes of one stream are applied one after another.
    fn stream(&self) -> StreamId;

    /// About how many bytes it writes; a group of changes holds at most 1 MiB.
    fn weight(&self) -> usize {
        512
    }

    fn sqlite(&self, tx: &mut sqlite::Tx<'_>) -> Result<Self::Out, Stop<Self::Refusal>>;
}

/// Why a change was not applied.
#[derive(Debug)]
pub enum Stop<R> {
    /// The rules say no; nothing was written.
    Refused(R),
    /// The engine failed; the transaction is given up.
    Engine(EngineError),
}

impl<R, E: Into<EngineError>> From<E> for Stop<R> {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

/// What a change knows of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Cx {
    /// The store's time, one for all changes of a group.
    pub now: Millis,
}

/// A question about the stored world, answered from one snapshot.
pub trait Query: Send + Sync + 'static {
    type Out: Send + 'static;

    fn sqlite(&self, db: &sqlite::Reader<'_>) -> Result<Self::Out, EngineError>;
}
