//! Holds the subscriptions that follow from what is followed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::calls::Reply;
use super::ear::Turn;
use super::{Common, PATIENCE};
use crate::interest::{Filter, Interest, Topic};
use crate::lock;

/// The ear's number for `samband.lapse`; those of what is followed come after it.
pub(crate) const LAPSES: u64 = 0;
/// How long a subscription goes on beside the one that replaces it. The new one being in force is not
/// enough: the server may still be handing out a message by what was subscribed to before, and the
/// servers of a cluster take their time to tell each other.
const OVERLAP: Duration = Duration::from_secs(1);
/// How long a round trip waits at a server that did not answer the last one.
const LESS_PATIENCE: Duration = Duration::from_millis(250);

/// What is followed. Following takes a lock for as long as it takes to write it down: the task does the
/// rest, and what was followed and unfollowed meanwhile it never sees.
#[derive(Default)]
pub(crate) struct Interests {
    written: Mutex<Written>,
    has_changed: Notify,
    /// The last round trip did not come back.
    is_silent: AtomicBool,
}

#[derive(Default)]
struct Written {
    interest: Interest,
    /// Who waits until what was written so far is in force.
    waiting: Vec<oneshot::Sender<bool>>,
}

impl Interests {
    pub fn follow(&self, topic: Topic) {
        lock(&self.written).interest.follow(topic);
        self.has_changed.notify_one();
    }

    pub fn unfollow(&self, topic: Topic) {
        lock(&self.written).interest.unfollow(topic);
        self.has_changed.notify_one();
    }

    /// See [`crate::Bus::settled`].
    pub async fn settled(&self) -> bool {
        let (sender, in_force) = oneshot::channel();
        {
            let mut written = lock(&self.written);
            written.waiting.retain(|waiting| !waiting.is_closed());
            written.waiting.push(sender);
        }
        self.has_changed.notify_one();
        matches!(timeout(PATIENCE + LESS_PATIENCE, in_force).await, Ok(Ok(true)))
    }
}

/// The subscriptions that there are.
struct Subscriptions {
    common: Arc<Common>,
    ear: mpsc::Sender<Turn>,
    active: HashMap<Filter, u64>,
    /// Of these, those that were replaced, and when they end.
    replaced: HashMap<Filter, Instant>,
    last: u64,
}

/// Why the task ends: the client or the ear is gone.
struct Gone;

pub(crate) async fn run(common: Arc<Common>, interests: Arc<Interests>, ear: mpsc::Sender<Turn>) {
    let mut subscriptions = Subscriptions {
        common,
        ear,
        active: HashMap::new(),
        replaced: HashMap::new(),
        last: LAPSES,
    };
    while subscriptions.change(&interests).await.is_ok() {}
}

impl Subscriptions {
    async fn change(&mut self, interests: &Interests) -> Result<(), Gone> {
        let next_end = self.replaced.values().min().copied();
        tokio::select! {
            () = interests.has_changed.notified() => {}
            () = sleep_until(next_end.unwrap_or_else(Instant::now)), if next_end.is_some() => {}
        }
        let ((wanted, unwanted), waiting) = {
            let mut written = lock(&interests.written);
            (written.interest.take_changes(), std::mem::take(&mut written.waiting))
        };
        let replaces = !wanted.is_empty() && !unwanted.is_empty();
        for filter in wanted {
            self.subscribe(filter).await?;
        }
        if replaces || !waiting.is_empty() {
            let is_in_force = round_trip(&self.common, interests).await;
            for waiting in waiting {
                let _ = waiting.send(is_in_force);
            }
        }
        let now = Instant::now();
        for filter in unwanted {
            if replaces {
                self.replaced.insert(filter, now + OVERLAP);
            } else {
                self.unsubscribe(filter).await?;
            }
        }
        let ended: Vec<_> = self.replaced.extract_if(|_, end| *end <= now).collect();
        for (filter, _) in ended {
            self.unsubscribe(filter).await?;
        }
        self.common.meter.subscriptions.set(self.active.len() as f64);
        Ok(())
    }

    async fn subscribe(&mut self, filter: Filter) -> Result<(), Gone> {
        if self.replaced.remove(&filter).is_some() {
            return Ok(());
        }
        // Waits while the connection is away. It fails only when the client has ended.
        let subscribed = self.common.client.subscribe(filter.subject()).await;
        let subscriber = subscribed.map_err(|_| Gone)?;
        self.last += 1;
        self.active.insert(filter, self.last);
        self.ear.send(Turn::Hear(self.last, subscriber)).await.map_err(|_| Gone)
    }

    async fn unsubscribe(&mut self, filter: Filter) -> Result<(), Gone> {
        let Some(id) = self.active.remove(&filter) else {
            return Ok(());
        };
        self.ear.send(Turn::Leave(id)).await.map_err(|_| Gone)
    }
}

/// To the server and back on the one connection, so everything sent before has come there, and what came
/// here before is in its queue. The server itself answers what nobody listens to.
async fn round_trip(common: &Common, interests: &Interests) -> bool {
    let Some(epoch) = common.link.epoch() else { return false };
    let was_silent = interests.is_silent.load(Ordering::Relaxed);
    let patience = if was_silent { LESS_PATIENCE } else { PATIENCE };
    // Not below `samband.`: who watches the bus would be taken for one who could answer.
    let subject = format!("_samband.settled.{}", common.node);
    match timeout(patience, common.call(subject, Vec::new())).await {
        Ok(reply) => {
            let is_answered = reply == Some(Reply::Nobody);
            if is_answered {
                interests.is_silent.store(false, Ordering::Relaxed);
            }
            is_answered
        }
        Err(_) => {
            if !was_silent {
                tracing::warn!("the bus does not answer: does somebody subscribe to '>' there?");
            }
            interests.is_silent.store(true, Ordering::Relaxed);
            // Nobody knows; but new connections must not depend on who else listens.
            common.link.epoch() == Some(epoch)
        }
    }
}
