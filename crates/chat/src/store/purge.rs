//! What is left to do after a deletion, in chunks that hold up nobody.

use samband_core::{Millis, StreamId, ThreadId};
use samband_store::{Change, EngineError, Query, Stop};

use super::InThread;
use super::db::{ChatDb, ChatTx, Threads};

/// Rows removed at a time: some 2 ms of the writer's time.
const CHUNK: usize = 200;

/// Threads that are deleted and whose rows are still there.
pub struct ThreadsToPurge;

impl Query for ThreadsToPurge {
    type Out = Vec<ThreadId>;
    samband_store::answer_on_every_engine!();
}

impl ThreadsToPurge {
    async fn answer(&self, db: &impl ChatDb) -> Result<Vec<ThreadId>, EngineError> {
        db.to_purge(100).await
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
    samband_store::apply_on_every_engine!();
}

impl PurgeChunk {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<bool, Stop<()>> {
        Ok(tx.db().purge(self.0, CHUNK).await?)
    }
}

/// Threads whose retention policy says that they are to be deleted by now.
pub struct ThreadsDue(pub Millis);

impl Query for ThreadsDue {
    type Out = Vec<InThread>;
    samband_store::answer_on_every_engine!();
}

impl ThreadsDue {
    async fn answer(&self, db: &impl ChatDb) -> Result<Vec<InThread>, EngineError> {
        db.threads_due(self.0, 100).await
    }
}
