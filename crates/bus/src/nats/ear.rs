//! Hears all subscriptions in the order in which their messages came.
//!
//! The client has a queue for each subscription, and one thread may come by two: while one
//! subscription takes the place of another, and by the subject of a user it concerns. So all queues are
//! emptied by one task, in passes. What a pass has found waits for the next one: whatever came before
//! it is then found too, since who puts messages into the queues puts in one after the other. Only then
//! are a thread's notes put in order and handed on. Nothing waits for time: the second pass follows at
//! once.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use async_nats::Subscriber;
use futures_util::Stream;
use samband_core::{Note, ResourceId, Stamp, StreamId};
use tokio::sync::{Notify, mpsc};

use super::Common;
use crate::codec::{self, Content, Unreadable};
use crate::local::Item;
use crate::lock;
use crate::recent::Recent;

/// Messages taken from one subscription before the others have their turn.
const AT_ONCE: usize = 1_024;
/// What is held back at most: beyond it, order is left to the store's stamps.
const HELD: usize = 65_536;
/// Passes before new subscriptions have their turn.
const PASSES: usize = 64;

/// What the ear is told to do.
pub(crate) enum Turn {
    Hear(u64, Subscriber),
    /// What has come until now is heard still.
    Leave(u64),
}

#[derive(Default)]
struct Ready {
    /// Subscriptions that may have messages.
    list: Mutex<Vec<u64>>,
    some: Notify,
}

struct Bell {
    id: u64,
    has_rung: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut list = lock(&self.ready.list);
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            list.push(self.id);
        }
        drop(list);
        self.ready.some.notify_one();
    }
}

struct Tap {
    subscriber: Subscriber,
    bell: Arc<Bell>,
    waker: Waker,
}

struct Held {
    tap: u64,
    item: Item,
}

pub(crate) struct Ear {
    common: Arc<Common>,
    taps: HashMap<u64, Tap>,
    ready: Arc<Ready>,
    recent: Recent,
    held: Vec<Held>,
}

impl Ear {
    pub fn new(common: Arc<Common>) -> Self {
        Self {
            common,
            taps: HashMap::new(),
            ready: Arc::default(),
            recent: Recent::default(),
            held: Vec::new(),
        }
    }

    /// Ends with the sender of turns.
    pub async fn run(self, turns: mpsc::Receiver<Turn>) {
        // A queue that says it is empty must be: otherwise it would say so now and then to let others run.
        tokio::task::unconstrained(self.hear_all(turns)).await;
    }

    async fn hear_all(mut self, mut turns: mpsc::Receiver<Turn>) {
        let ready = self.ready.clone();
        loop {
            tokio::select! {
                turn = turns.recv() => match turn {
                    None => return,
                    Some(Turn::Hear(id, subscriber)) => self.hear(id, subscriber),
                    Some(Turn::Leave(id)) => self.leave(id),
                },
                () = ready.some.notified() => {}
            }
            while self.listen() && turns.is_empty() {
                tokio::task::yield_now().await;
            }
        }
    }

    fn hear(&mut self, id: u64, subscriber: Subscriber) {
        let bell = Arc::new(Bell {
            id,
            has_rung: AtomicBool::new(false),
            ready: self.ready.clone(),
        });
        let waker = Waker::from(bell.clone());
        self.taps.insert(
            id,
            Tap {
                subscriber,
                bell: bell.clone(),
                waker,
            },
        );
        bell.wake();
    }

    fn leave(&mut self, id: u64) {
        let mut found = Vec::new();
        while self.take(id, &mut found) {}
        self.held.extend(found);
        // Dropped, it is unsubscribed from.
        self.taps.remove(&id);
    }

    /// True if there is more.
    fn listen(&mut self) -> bool {
        for _ in 0..PASSES {
            let ready = std::mem::take(&mut *lock(&self.ready.list));
            if ready.is_empty() && self.held.is_empty() {
                return false;
            }
            let (mut found, mut is_whole) = (Vec::new(), true);
            for id in ready {
                if let Some(tap) = self.taps.get(&id) {
                    tap.bell.has_rung.store(false, Ordering::Release);
                    if self.take(id, &mut found) {
                        is_whole = false;
                        if let Some(tap) = self.taps.get(&id) {
                            tap.bell.clone().wake();
                        }
                    }
                }
            }
            if !is_whole && self.held.len() + found.len() <= HELD {
                self.held.extend(found);
                continue;
            }
            let ripe = in_order(std::mem::replace(&mut self.held, found), &mut self.held);
            for held in ripe {
                self.common.local.tell(held.item);
            }
        }
        self.ready.some.notify_one();
        true
    }

    /// Takes what a subscription has. True if it may have more.
    fn take(&mut self, id: u64, found: &mut Vec<Held>) -> bool {
        let Self {
            common, taps, recent, ..
        } = self;
        let Some(tap) = taps.get_mut(&id) else { return false };
        let mut context = Context::from_waker(&tap.waker);
        for _ in 0..AT_ONCE {
            let message = match Pin::new(&mut tap.subscriber).poll_next(&mut context) {
                Poll::Pending => return false,
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => {
                    taps.remove(&id);
                    return false;
                }
            };
            common.meter.received.increment(1);
            let message = match codec::decode(&message.payload) {
                Ok(message) => message,
                Err(why) => {
                    common.meter.unread(why == Unreadable::Unknown);
                    continue;
                }
            };
            let item = match message.content {
                Content::Note(note) => Item::Note(note),
                Content::Moved(moved) => Item::Moved(moved),
                Content::Lapse => {
                    common.missed();
                    continue;
                }
            };
            if message.node == common.node || !recent.is_new(&message.node, message.counter) {
                continue;
            }
            found.push(Held { tap: id, item });
        }
        true
    }
}

/// The note and its place in its thread, if it has one.
fn place(held: &Held) -> Option<(ResourceId, StreamId, Stamp)> {
    let Item::Note(note) = &held.item else { return None };
    let Note {
        resource,
        stream,
        stamp,
        ..
    } = **note;
    (stamp.0 > 0).then_some((resource, stream, stamp))
}

/// Adds to what is ripe those of `fresh` that belong before it, and puts the notes of each thread in
/// order. What is not ordered stays where it is.
fn in_order(mut ripe: Vec<Held>, fresh: &mut Vec<Held>) -> Vec<Held> {
    let Some(first) = ripe.first().map(|held| held.tap) else {
        return ripe;
    };
    // What came by one subscription came in order.
    if ripe.iter().chain(fresh.iter()).all(|held| held.tap == first) {
        return ripe;
    }
    let mut last: HashMap<(ResourceId, StreamId), Stamp> = HashMap::new();
    for (resource, stream, stamp) in ripe.iter().filter_map(place) {
        let last = last.entry((resource, stream)).or_insert(stamp);
        *last = stamp.max(*last);
    }
    let belongs = |held: &mut Held| {
        place(held)
            .is_some_and(|(resource, stream, stamp)| last.get(&(resource, stream)).is_some_and(|last| stamp < *last))
    };
    ripe.extend(fresh.extract_if(.., belongs));
    let mut threads: HashMap<(ResourceId, StreamId), Vec<(Stamp, usize)>> = HashMap::new();
    for (at, held) in ripe.iter().enumerate() {
        if let Some((resource, stream, stamp)) = place(held) {
            threads.entry((resource, stream)).or_default().push((stamp, at));
        }
    }
    let mut order: Vec<usize> = (0..ripe.len()).collect();
    for notes in threads.into_values() {
        let mut sorted = notes.clone();
        sorted.sort();
        for ((_, to), (_, from)) in notes.into_iter().zip(sorted) {
            order[to] = from;
        }
    }
    let mut ripe: Vec<_> = ripe.into_iter().map(Some).collect();
    order.into_iter().filter_map(|from| ripe[from].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::note;

    fn held(tap: u64, thread: u8, stamp: i64) -> Held {
        let mut note = note(stamp);
        note.stream = StreamId([thread; 16]);
        Held {
            tap,
            item: Item::Note(Arc::new(note)),
        }
    }

    fn shown(held: &[Held]) -> Vec<(u8, i64)> {
        let show = |held: &Held| match &held.item {
            Item::Note(note) => (note.stream.0[0], note.stamp.0),
            _ => (0, 0),
        };
        held.iter().map(show).collect()
    }

    #[test]
    fn a_threads_notes_are_put_in_order_and_those_that_may_be_missing_one_wait() {
        let ripe = vec![held(1, 7, 5), held(1, 8, 1), held(1, 7, 0), held(2, 7, 4)];
        let mut fresh = vec![held(2, 7, 6), held(2, 7, 3), held(2, 9, 1)];
        let ripe = in_order(ripe, &mut fresh);
        assert_eq!(shown(&ripe), [(7, 3), (8, 1), (7, 0), (7, 4), (7, 5)]);
        assert_eq!(shown(&fresh), [(7, 6), (9, 1)]);
    }

    #[test]
    fn what_came_by_one_subscription_is_left_as_it_came() {
        let ripe = in_order(vec![held(1, 7, 5), held(1, 7, 4)], &mut vec![held(1, 7, 3)]);
        assert_eq!(shown(&ripe), [(7, 5), (7, 4)]);
    }
}
