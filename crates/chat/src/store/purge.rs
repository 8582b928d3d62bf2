//! What is left to do after a deletion, in chunks that hold up nobody.

use samband_core::{Millis, StreamId, ThreadId};
use samband_store::{Change, EngineError, Query, Stop, sqlite as engine};

use super::{InThread, sqlite};

/// Rows removed at a time: some 2 ms of the writer's time.
const CHUNK: usize = 200;

/// Threads that are deleted and whose rows are still there.
pub struct ThreadsToPurge;

impl Query for ThreadsToPurge {
    type Out = Vec<ThreadId>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Vec<ThreadId>, EngineError> {
        Ok(sqlite::to_purge(db, 100)?)
    }
}

/// Removes a chunk of a deleted thread's rows; whether it was the last. The line in its
/// participants' lists stays.
pub struct PurgeChunk(pub ThreadId);

impl Change for PurgeChunk {
    type Out = bool;
    type Refusal = ();
    fn stream(&self) -> StreamId {
        self.0.into()
    }
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<bool, Stop<()>> {
        Ok(sqlite::purge(tx, self.0, CHUNK)?)
    }
}

/// Threads whose retention policy says that they are to be deleted by now.
pub struct ThreadsDue(pub Millis);

impl Query for ThreadsDue {
    type Out = Vec<InThread>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Vec<InThread>, EngineError> {
        Ok(sqlite::threads_due(db, self.0, 100)?)
    }
}
