//! What every connection of real time needs.

use std::sync::Arc;
use std::time::Duration;

use samband_chat::http::Chat;
use samband_core::{Clock, Millis, Random};
use samband_identity::Tokens;
use samband_resources::Directory;
use samband_store::Store;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::hub::Hub;

/// A peer that takes nothing for so long is gone.
pub const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// A peer that says nothing for so long is gone: the SDKs ping every 40 s, and answer our pings.
pub const SILENCE: Duration = Duration::from_secs(90);

pub struct Shared {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub store: Store,
    pub tokens: Arc<Tokens>,
    pub directory: Arc<Directory>,
    pub chat: Arc<Chat>,
    pub hub: Hub,
    pub admission: Admission,
    /// How far back an open stream can resume.
    pub window: Duration,
    /// True once the server is going: connections end.
    pub stop: watch::Receiver<bool>,
    /// How long connections may take to move, when the server goes.
    pub drain: Duration,
    pub tasks: TaskTracker,
}

impl Shared {
    /// How long until a time of the wall clock.
    pub fn until(&self, time: Millis) -> Duration {
        Duration::from_millis((time.0 - self.clock.now().0).max(0) as u64)
    }
}
