//! Memory for the files that are being uploaded: who finds no room waits before its file is read.

use std::time::Duration;

use samband_wire_core::ApiError;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Of all uploads under way; a file that is larger by configuration has it for itself.
const BYTES: usize = 128 << 20;
const UNIT: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Uploads {
    free: Semaphore,
    units: u32,
}

impl Default for Uploads {
    fn default() -> Self {
        let units = BYTES / UNIT;
        Self {
            free: Semaphore::new(units),
            units: units as u32,
        }
    }
}

impl Uploads {
    /// Uploads for a file, until it is dropped.
    pub async fn take(&self, bytes: usize) -> Result<SemaphorePermit<'_>, ApiError> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let taken = tokio::time::timeout(PATIENCE, self.free.acquire_many(units.clamp(1, self.units))).await;
        match taken {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(ApiError::unavailable()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it() {
        let uploads = Uploads::default();
        let waits = async |bytes| {
            let taken = tokio::time::timeout(Duration::from_millis(20), uploads.take(bytes));
            taken.await.is_err()
        };
        let all = uploads.take(usize::MAX).await.unwrap();
        assert!(waits(1).await);
        drop(all);
        let half = uploads.take(BYTES / 2).await.unwrap();
        assert!(!waits(BYTES / 2).await);
        assert!(waits(BYTES / 2 + 1).await);
        drop(half);
    }
}
