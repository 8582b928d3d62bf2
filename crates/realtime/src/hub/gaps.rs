//! What the bus did not deliver: found, waited for, read from the store.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use samband_bus::Bus;
use samband_chat::store::{Heads, HeadsNow, Memberships, NotesAfter};
use samband_core::{LogPosition, Note, Stamp, ThreadId};
use samband_store::Store;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::{Command, Room};
use crate::leash::now;
use crate::session::Session;

/// A note that overtook another waits so long for it before the store is asked.
const PATIENCE: Duration = Duration::from_millis(50);
/// After the store could not be asked.
const AGAIN: Duration = Duration::from_secs(1);
/// Heads are compared so often.
const CHECK: Duration = Duration::from_secs(10);
/// And where there is one node, which misses nothing but what it says it missed.
const CHECK_ALONE: Duration = Duration::from_secs(300);
/// Notes that wait in one thread, at most; the others are in the store.
const MOST_WAITING: usize = 256;
/// Entries read at a time.
const CHUNK: usize = 500;
/// Heads asked for at a time.
const HEADS: usize = 1_000;
/// Questions to the store at a time: connected clients' own must not wait behind them.
const AT_A_TIME: usize = 4;

/// Notes of a thread that were heard ahead of what comes before them.
#[derive(Default)]
pub(super) struct Waiting(BTreeMap<Stamp, Arc<Note>>);

impl Waiting {
    pub(super) fn put(&mut self, note: &Arc<Note>) {
        if self.0.len() < MOST_WAITING {
            self.0.insert(note.stamp, note.clone());
        }
    }

    /// The one whose turn it is, if it is here.
    pub(super) fn next(&mut self, last: Stamp) -> Option<Arc<Note>> {
        while let Some(first) = self.0.first_entry() {
            if *first.key() <= last {
                first.remove();
            } else if first.get().prev <= last {
                return Some(first.remove());
            } else {
                break;
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A round of comparing heads.
#[derive(Debug)]
pub(super) struct Checked {
    /// None if the store could not be asked.
    heads: Option<HeadsNow>,
    /// Where nothing will be stored any more, as of the first question of the round.
    settled: LogPosition,
    /// There is more to come in this round.
    more: bool,
}

pub(super) struct Gaps {
    store: Store,
    commands: mpsc::WeakUnboundedSender<Command>,
    at_a_time: Arc<Semaphore>,
    /// When the store is to be asked, in order.
    open: VecDeque<(Instant, ThreadId)>,
    /// Threads that are in `open`, or are being read.
    known: HashSet<ThreadId>,
    every: Duration,
    next_check: Instant,
    /// Memberships are being read; who asks again meanwhile is served by a further sweep.
    sweeping: Arc<AtomicU8>,
    sweep: Arc<Mutex<()>>,
    checking: bool,
    /// The threads that are behind, with what they have in the store.
    behind: HashMap<ThreadId, Stamp>,
    /// Threads that are followed since a moment.
    begun: HashSet<ThreadId>,
    /// What can be counted on once none is behind any more.
    candidate: Option<LogPosition>,
    repaired: metrics::Counter,
}

impl Gaps {
    /// `others`: there may be other nodes, so that what is not heard may be stored all the same.
    pub(super) fn new(store: Store, commands: mpsc::WeakUnboundedSender<Command>, others: bool) -> Self {
        let every = if others { CHECK } else { CHECK_ALONE };
        Self {
            every,
            sweeping: Arc::default(),
            sweep: Arc::default(),
            store,
            commands,
            at_a_time: Arc::new(Semaphore::new(AT_A_TIME)),
            open: VecDeque::new(),
            known: HashSet::new(),
            next_check: now() + every,
            checking: false,
            behind: HashMap::new(),
            begun: HashSet::new(),
            candidate: None,
            repaired: metrics::counter!("samband_realtime_gaps_total"),
        }
    }

    /// There is a gap in a thread: it is read in a moment, unless it closes by itself.
    pub(super) fn open(&mut self, thread: ThreadId) {
        self.open_in(thread, PATIENCE);
    }

    fn open_in(&mut self, thread: ThreadId, patience: Duration) {
        if self.known.insert(thread) {
            let due = now() + patience;
            let place = self.open.partition_point(|(other, _)| *other <= due);
            self.open.insert(place, (due, thread));
        }
    }

    /// A thread has an entry in the store: if it was not heard, it will be read.
    pub(super) fn expect(&mut self, thread: ThreadId, stamp: Stamp, room: Option<&Room>) {
        if room.is_some_and(|room| room.last < stamp) {
            self.behind.insert(thread, stamp);
            self.open(thread);
        }
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Instant {
        match self.open.front() {
            Some((due, _)) => self.next_check.min(*due),
            None => self.next_check,
        }
    }

    /// Does what is due.
    pub(super) fn proceed(&mut self, rooms: &HashMap<ThreadId, Room>) {
        let now = now();
        if self.next_check <= now {
            self.check(rooms);
        }
        while let Some((due, thread)) = self.open.front().copied()
            && due <= now
        {
            self.open.pop_front();
            self.read(thread, rooms.get(&thread));
        }
    }

    /// A thread is followed from now on: what other nodes said of it before the bus knew so is read.
    pub(super) fn begin(&mut self, thread: ThreadId, bus: &Bus) {
        if !bus.is_shared() {
            return;
        }
        self.begun.insert(thread);
        let (bus, commands) = (bus.clone(), self.commands.clone());
        tokio::spawn(async move {
            bus.settled().await;
            if let Some(commands) = commands.upgrade() {
                let _ = commands.send(Command::Followed(thread));
            }
        });
    }

    /// Reads what comes after the newest entry that was heard.
    pub(super) fn read(&mut self, thread: ThreadId, room: Option<&Room>) {
        let Some(room) = room else {
            self.known.remove(&thread);
            self.behind.remove(&thread);
            self.begun.remove(&thread);
            return;
        };
        let begun = self.begun.remove(&thread);
        let behind = self.behind.get(&thread).is_some_and(|head| *head > room.last);
        if room.waiting.is_empty() && !behind && !begun {
            // What was missing came by itself.
            self.known.remove(&thread);
            self.behind.remove(&thread);
            return;
        }
        self.repaired.increment(1);
        let query = NotesAfter {
            resource: room.resource,
            thread,
            after: room.last,
            limit: CHUNK,
        };
        self.ask(move |store| async move {
            let notes = store.read(query).await.ok();
            let all = notes.as_ref().is_some_and(|notes| notes.len() < CHUNK);
            Command::Repaired { thread, notes, all }
        });
    }

    /// A gap was read, wholly or in part, or could not be.
    pub(super) fn closed(&mut self, thread: ThreadId, room: Option<&Room>, whole: bool) {
        self.known.remove(&thread);
        let Some(room) = room else {
            self.behind.remove(&thread);
            return;
        };
        if self.behind.get(&thread).is_some_and(|head| *head <= room.last) {
            self.behind.remove(&thread);
        }
        if !whole {
            self.open_in(thread, if room.waiting.is_empty() { AGAIN } else { PATIENCE });
        } else if !room.waiting.is_empty() {
            self.open_in(thread, PATIENCE);
        }
    }

    /// Compares what was heard with what is stored, for every thread that is followed.
    pub(super) fn check(&mut self, rooms: &HashMap<ThreadId, Room>) {
        self.next_check = now() + self.every;
        if self.checking {
            return;
        }
        self.checking = true;
        self.candidate = None;
        let threads: Vec<ThreadId> = rooms.keys().copied().collect();
        let (store, commands) = (self.store.clone(), self.commands.clone());
        tokio::spawn(async move {
            // Asked first, so that all heads are at least as new.
            let mut settled = None;
            let chunks: Vec<_> = match threads.is_empty() {
                true => vec![Vec::new()],
                false => threads.chunks(HEADS).map(<[_]>::to_vec).collect(),
            };
            let last = chunks.len() - 1;
            for (number, chunk) in chunks.into_iter().enumerate() {
                let heads = store.read(Heads(chunk)).await.ok();
                let first = heads.as_ref().map_or(LogPosition(0), |heads| heads.settled);
                let settled = *settled.get_or_insert(first);
                let failed = heads.is_none();
                let checked = Checked {
                    heads,
                    settled,
                    more: number < last && !failed,
                };
                let Some(commands) = commands.upgrade() else { return };
                let _ = commands.send(Command::Checked(checked));
                if failed {
                    return;
                }
            }
        });
    }

    pub(super) fn checked(&mut self, checked: Checked, rooms: &HashMap<ThreadId, Room>) {
        self.checking = checked.more;
        let Some(heads) = checked.heads else {
            // Nothing is known; the next round tells.
            self.next_check = self.next_check.min(now() + AGAIN);
            return;
        };
        for (thread, head) in heads.last {
            if rooms.get(&thread).is_some_and(|room| room.last < head) {
                self.behind.insert(thread, head);
                self.open(thread);
            }
        }
        if !checked.more {
            self.candidate = Some(checked.settled);
        }
    }

    /// Up to where everything was given to those who follow it; told once.
    pub(super) fn settled(&mut self) -> Option<LogPosition> {
        if self.behind.is_empty() {
            self.candidate.take()
        } else {
            None
        }
    }

    /// Reads the memberships of sessions anew: of what was missed, some may have been joins. One sweep at
    /// a time, and if more was missed meanwhile, one more.
    pub(super) fn read_memberships(&self, sessions: Vec<Arc<Session>>) {
        if self.sweeping.fetch_add(1, Ordering::AcqRel) > 1 {
            self.sweeping.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        let (store, commands, one) = (self.store.clone(), self.commands.clone(), self.sweep.clone());
        let sweeping = self.sweeping.clone();
        tokio::spawn(async move {
            let _one = one.lock().await;
            for session in sessions {
                let Some(user) = session.user else { continue };
                let resource = session.resource;
                // Who is cut off from the store as well will be told of the next lapse.
                let Ok(threads) = store.read(Memberships { resource, user }).await else {
                    continue;
                };
                let Some(commands) = commands.upgrade() else { return };
                let (done, _) = oneshot::channel();
                let _ = commands.send(Command::Follow {
                    session: session.id,
                    threads,
                    done,
                });
            }
            sweeping.fetch_sub(1, Ordering::AcqRel);
        });
    }

    fn ask<F: Future<Output = Command> + Send>(&self, question: impl FnOnce(Store) -> F + Send + 'static) {
        let (store, commands, permits) = (self.store.clone(), self.commands.clone(), self.at_a_time.clone());
        tokio::spawn(async move {
            let Ok(_permit) = permits.acquire().await else { return };
            let answer = question(store).await;
            if let Some(commands) = commands.upgrade() {
                let _ = commands.send(answer);
            }
        });
    }
}
