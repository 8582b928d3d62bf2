//! A connected endpoint, as the hub sees it: whose it is, and a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use samband_core::{ResourceId, UserId};
use tokio::sync::mpsc;

use crate::event::Event;

/// Events that wait for one endpoint, at most. Who falls further behind is let go.
const QUEUE: usize = 256;

pub struct Session {
    pub id: u64,
    pub resource: ResourceId,
    /// None hears the whole resource.
    pub user: Option<UserId>,
    queue: mpsc::Sender<Arc<Event>>,
    /// The queue was full: the endpoint has missed something and must start anew.
    overflowed: AtomicBool,
    /// A newer connection of the same endpoint hears in its place.
    replaced: AtomicBool,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Session {
    pub fn new(resource: ResourceId, user: Option<UserId>) -> (Arc<Self>, mpsc::Receiver<Arc<Event>>) {
        let (queue, events) = mpsc::channel(QUEUE);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (overflowed, replaced) = (AtomicBool::new(false), AtomicBool::new(false));
        (
            Arc::new(Self {
                id,
                resource,
                user,
                queue,
                overflowed,
                replaced,
            }),
            events,
        )
    }

    /// Puts an event into the queue; false if there is no room or nobody who takes it.
    pub fn give(&self, event: &Arc<Event>) -> bool {
        if self.overflowed.load(Ordering::Relaxed) || self.replaced.load(Ordering::Relaxed) {
            return false;
        }
        match self.queue.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.overflowed.store(true, Ordering::Relaxed);
                metrics::counter!("samband_realtime_slow_endpoints_total").increment(1);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    pub fn has_overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Stops hearing, without closing: a client that moves keeps its old socket open for a while.
    pub fn replace(&self) {
        self.replaced.store(true, Ordering::Relaxed);
    }
}
