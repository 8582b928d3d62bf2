//! A connected endpoint, as the hub sees it: whose it is, and a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use samband_core::{LogPosition, Millis, ResourceId, UserId};
use tokio::sync::{Notify, mpsc};

use crate::event::Event;

/// Events that wait for one endpoint, at most. Who falls further behind is let go.
const QUEUE: usize = 256;

pub struct Session {
    pub id: u64,
    pub resource: ResourceId,
    /// None hears the whole resource.
    pub user: Option<UserId>,
    pub protocol: Protocol,
    pub since: Millis,
    /// The endpoint that it hears for, and its connection, where an endpoint has one at a time.
    pub endpoint: Option<(String, String)>,
    /// Everything up to this place of the log was given to the queue.
    settled: AtomicI64,
    queue: mpsc::Sender<Arc<Event>>,
    /// The queue was full: the endpoint has missed something and must start anew.
    overflowed: AtomicBool,
    /// A newer connection of the same endpoint hears in its place.
    replaced: AtomicBool,
    /// Notes were missed on the way here: whoever can reads them from the log.
    lapsed: Notify,
}

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    SignallingWebSocket,
    SignallingPolling,
    OpenWebSocket,
    OpenServerSentEvents,
}

impl Protocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignallingWebSocket => "signalling-websocket",
            Self::SignallingPolling => "signalling-polling",
            Self::OpenWebSocket => "events-websocket",
            Self::OpenServerSentEvents => "events-sse",
        }
    }
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Session {
    pub fn new(
        resource: ResourceId,
        user: Option<UserId>,
        protocol: Protocol,
        since: Millis,
        endpoint: Option<(String, String)>,
    ) -> (Arc<Self>, mpsc::Receiver<Arc<Event>>) {
        let (queue, events) = mpsc::channel(QUEUE);
        let session = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            resource,
            user,
            protocol,
            since,
            endpoint,
            settled: AtomicI64::new(0),
            queue,
            overflowed: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            lapsed: Notify::new(),
        };
        (Arc::new(session), events)
    }

    /// Puts an event into the queue; false if there is no room or nobody who takes it.
    pub fn give(&self, event: &Arc<Event>) -> bool {
        if self.has_overflowed() || self.replaced.load(Ordering::Relaxed) {
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

    pub fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Relaxed)
    }

    /// What a settled place of the log is worth: only what was given before this is told is covered.
    pub fn settle(&self, to: LogPosition) {
        self.settled.fetch_max(to.0, Ordering::AcqRel);
    }

    pub fn settled(&self) -> LogPosition {
        LogPosition(self.settled.load(Ordering::Acquire))
    }

    pub fn lapse(&self) {
        self.lapsed.notify_one();
    }

    /// Returns when notes were missed.
    pub async fn lapsed(&self) {
        self.lapsed.notified().await;
    }

    /// Where in a round this session has its turn, from 0 to 1; neighbours in number are far apart.
    pub fn turn(&self) -> f64 {
        // The golden ratio's fraction spreads consecutive numbers evenly.
        (self.id as f64 * 0.618_033_988_749_895).fract()
    }
}
