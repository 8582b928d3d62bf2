//! What chat does by itself: removing what was deleted, deleting what is due. Every job may run
//! again after an interruption.

use samband_core::{Clock, Millis};
use samband_store::{Lease, Store};

use crate::rules::ChatRefused;
use crate::store::{DeleteThread, ImagesToRemove, PurgeChunk, RemoveImageChunk, ThreadsDue, ThreadsToPurge};

/// An upload that is not finished by then never will be: its file was all there when it was begun to be stored.
const UPLOAD: i64 = Millis::HOUR;

/// Deletes the threads whose retention policy has run out; how many.
pub async fn delete_due(store: &Store, lease: &Lease, clock: &dyn Clock) -> Result<usize, ChatRefused> {
    let now: Millis = clock.now();
    let due = store.read(ThreadsDue(now)).await?;
    for at in &due {
        let delete = DeleteThread {
            at: *at,
            by_policy: true,
        };
        store.background_under(lease, delete).await.map_err(ChatRefused::from)?;
    }
    Ok(due.len())
}

/// Removes the rows of deleted threads; how many threads were finished.
pub async fn purge(store: &Store, lease: &Lease) -> Result<usize, ChatRefused> {
    let threads = store.read(ThreadsToPurge).await?;
    for thread in &threads {
        loop {
            // What is left is gone on with under a new lease.
            if !lease.holds() {
                return Ok(0);
            }
            let done = store
                .background_under(lease, PurgeChunk(*thread))
                .await
                .map_err(|_| ChatRefused::Unavailable)?;
            if done {
                break;
            }
        }
    }
    Ok(threads.len())
}

/// Removes the images that were deleted, and what is left of uploads that were interrupted; how many.
pub async fn remove_images(store: &Store, lease: &Lease, clock: &dyn Clock) -> Result<usize, ChatRefused> {
    let begun_before = clock.now().plus(-UPLOAD);
    let images = store.read(ImagesToRemove { begun_before }).await?;
    for at in &images {
        loop {
            if !lease.holds() {
                return Ok(0);
            }
            let chunk = RemoveImageChunk { at: *at, begun_before };
            let done = store.background_under(lease, chunk).await;
            if done.map_err(|_| ChatRefused::Unavailable)? {
                break;
            }
        }
    }
    Ok(images.len())
}
