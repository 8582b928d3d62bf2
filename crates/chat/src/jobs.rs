//! What chat does by itself: removing what was deleted, deleting what is due. Every job may run
//! again after an interruption.

use samband_core::{Clock, Millis};
use samband_store::Store;

use crate::rules::ChatRefused;
use crate::store::{DeleteThread, PurgeChunk, ThreadsDue, ThreadsToPurge};

/// Deletes the threads whose retention policy has run out; how many.
pub async fn delete_due(store: &Store, clock: &dyn Clock) -> Result<usize, ChatRefused> {
    let now: Millis = clock.now();
    let due = store.read(ThreadsDue(now)).await?;
    for at in &due {
        store
            .background(DeleteThread {
                at: *at,
                by_policy: true,
            })
            .await
            .map_err(ChatRefused::from)?;
    }
    Ok(due.len())
}

/// Removes the rows of deleted threads; how many threads were finished.
pub async fn purge(store: &Store) -> Result<usize, ChatRefused> {
    let threads = store.read(ThreadsToPurge).await?;
    for thread in &threads {
        loop {
            let done = store
                .background(PurgeChunk(*thread))
                .await
                .map_err(|_| ChatRefused::Unavailable)?;
            if done {
                break;
            }
        }
    }
    Ok(threads.len())
}
