//! Where images are looked at: on threads that may block, a few at a time.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::scale::{look_at, pixels};
use super::{Looked, NoImage};
use crate::rules::ChatRefused;

/// Megapixels of the images that are decoded at a time, of which each counts for so many at least. A decoded
/// pixel takes 3 to 12 bytes.
const MEGAPIXELS: u32 = 64;
const LEAST: u32 = 16;

pub struct Workshop {
    megapixels: Arc<Semaphore>,
}

impl Default for Workshop {
    fn default() -> Self {
        Self {
            megapixels: Arc::new(Semaphore::new(MEGAPIXELS as usize)),
        }
    }
}

impl Workshop {
    pub async fn look_at(&self, bytes: Bytes) -> Result<Looked, ChatRefused> {
        let file = bytes.clone();
        let pixels = aside(move || pixels(&file)).await?;
        let megapixels = u32::try_from(pixels / 1_000_000).unwrap_or(MEGAPIXELS);
        let permit = self.megapixels.clone();
        let permit = permit.acquire_many_owned(megapixels.clamp(LEAST, MEGAPIXELS)).await;
        let permit = permit.map_err(|_| ChatRefused::Unavailable)?;
        aside(move || {
            // Kept here: the work goes on when nobody waits for it any more.
            let _permit = permit;
            look_at(&bytes)
        })
        .await
    }
}

/// A decoder that panics is a decoder that could not decode it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NoImage> + Send + 'static,
) -> Result<T, ChatRefused> {
    let done = tokio::task::spawn_blocking(work).await;
    let looked = done.unwrap_or_else(|_| Err(NoImage::Damaged("uploaded")));
    looked.map_err(ChatRefused::NoImage)
}
