//! Who hears what. One task owns the map of threads and sessions and takes notes from the bus in
//! order; it hands each event to the sessions of the thread's members and never waits for one.
//!
//! A session first registers (from then on joins and leaves of its user are seen), reads its
//! memberships from the store, then follows those threads; only then is its client told that it is
//! connected. Members are followed from the events themselves, never read for a message.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use samband_bus::{Bus, Heard, Listener};
use samband_chat::store::{Memberships, NotesAfter};
use samband_core::{Millis, Note, ResourceId, Stamp, ThreadId, UserId};
use samband_store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::event::{Event, Membership};
use crate::session::Session;

/// Entries read at a time when notes were missed.
const REPAIR_CHUNK: usize = 500;

/// The way to the hub's task; cheap to clone.
#[derive(Clone)]
pub struct Hub {
    commands: mpsc::UnboundedSender<Command>,
    store: Store,
}

enum Command {
    Register {
        session: Arc<Session>,
        done: oneshot::Sender<()>,
    },
    Follow {
        session: u64,
        threads: Vec<(ThreadId, Stamp)>,
        done: oneshot::Sender<()>,
    },
    Leave(u64),
    Endpoints {
        resource: ResourceId,
        done: oneshot::Sender<Vec<Endpoint>>,
    },
}

impl Hub {
    /// Starts the task; it ends with the bus.
    pub fn start(store: Store, bus: &Bus) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        let task = Task::new(store.clone());
        tokio::spawn(task.run(received, bus.listen()));
        Self { commands, store }
    }

    /// Lets a session hear all that its user takes part in; it hears from when this returns.
    /// False if the store could not be asked.
    pub async fn join(&self, session: &Arc<Session>) -> bool {
        let (done, registered) = oneshot::channel();
        let _ = self.commands.send(Command::Register {
            session: session.clone(),
            done,
        });
        if registered.await.is_err() {
            return false;
        }
        let Some(user) = session.user else { return true };
        let Ok(threads) = self
            .store
            .read(Memberships {
                resource: session.resource,
                user,
            })
            .await
        else {
            self.leave(session);
            return false;
        };
        let (done, followed) = oneshot::channel();
        let _ = self.commands.send(Command::Follow {
            session: session.id,
            threads,
            done,
        });
        followed.await.is_ok()
    }

    pub fn leave(&self, session: &Session) {
        let _ = self.commands.send(Command::Leave(session.id));
    }

    /// The endpoints of users that are connected here.
    pub async fn endpoints(&self, resource: ResourceId) -> Vec<Endpoint> {
        let (done, counted) = oneshot::channel();
        let _ = self.commands.send(Command::Endpoints { resource, done });
        counted.await.unwrap_or_default()
    }
}

/// A connected endpoint of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub user: UserId,
    pub protocol: &'static str,
    pub since: Millis,
}

/// A thread that somebody here hears.
struct Room {
    resource: ResourceId,
    /// The newest entry that was heard.
    last: Stamp,
    sessions: HashMap<u64, Arc<Session>>,
}

struct Connected {
    session: Arc<Session>,
    rooms: HashSet<ThreadId>,
    /// Threads left between the reading of memberships and the following.
    left: HashSet<ThreadId>,
    following: bool,
}

struct Task {
    store: Store,
    rooms: HashMap<ThreadId, Room>,
    sessions: HashMap<u64, Connected>,
    users: HashMap<(ResourceId, UserId), HashSet<u64>>,
    /// Sessions that hear a whole resource.
    whole: HashMap<ResourceId, HashMap<u64, Arc<Session>>>,
    open: metrics::Gauge,
    connected_users: metrics::Gauge,
    delivered: metrics::Counter,
}

impl Task {
    fn new(store: Store) -> Self {
        Self {
            store,
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            users: HashMap::new(),
            whole: HashMap::new(),
            open: metrics::gauge!("samband_realtime_endpoints"),
            connected_users: metrics::gauge!("samband_realtime_users"),
            delivered: metrics::counter!("samband_realtime_deliveries_total"),
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>, mut bus: Listener) {
        loop {
            tokio::select! {
                // What was said first is heard first, but nobody waits behind a busy bus for ever.
                heard = bus.next() => match heard {
                    None => return,
                    Some(Heard::Note(note)) => self.hear(&note),
                    Some(Heard::Missed(notes)) => {
                        tracing::warn!(notes, "notes were missed and are read from the store");
                        // Open streams read the log themselves, from where they are.
                        for connected in self.sessions.values() {
                            connected.session.lapse();
                        }
                        self.repair().await;
                    }
                },
                command = commands.recv() => match command {
                    None => return,
                    Some(command) => self.obey(command),
                },
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Register { session, done } => {
                match session.user {
                    Some(user) => {
                        self.users
                            .entry((session.resource, user))
                            .or_default()
                            .insert(session.id);
                    }
                    None => {
                        self.whole
                            .entry(session.resource)
                            .or_default()
                            .insert(session.id, session.clone());
                    }
                }
                let connected = Connected {
                    session: session.clone(),
                    rooms: HashSet::new(),
                    left: HashSet::new(),
                    following: false,
                };
                self.sessions.insert(session.id, connected);
                self.count();
                let _ = done.send(());
            }
            Command::Follow { session, threads, done } => {
                for (thread, stamp) in threads {
                    let left = self
                        .sessions
                        .get(&session)
                        .is_none_or(|connected| connected.left.contains(&thread));
                    if !left {
                        self.enter(session, thread, stamp);
                    }
                }
                if let Some(connected) = self.sessions.get_mut(&session) {
                    connected.following = true;
                    connected.left = HashSet::new();
                }
                let _ = done.send(());
            }
            Command::Leave(session) => self.forget(session),
            Command::Endpoints { resource, done } => {
                let endpoint = |connected: &Connected| {
                    let session = &connected.session;
                    Some(Endpoint {
                        user: session.user.filter(|_| session.resource == resource)?,
                        protocol: session.protocol.as_str(),
                        since: session.since,
                    })
                };
                let _ = done.send(self.sessions.values().filter_map(endpoint).collect());
            }
        }
    }

    fn enter(&mut self, id: u64, thread: ThreadId, stamp: Stamp) {
        let Some(connected) = self.sessions.get_mut(&id) else {
            return;
        };
        let resource = connected.session.resource;
        connected.rooms.insert(thread);
        let room = self.rooms.entry(thread).or_insert_with(|| Room {
            resource,
            last: stamp,
            sessions: HashMap::new(),
        });
        room.sessions.insert(id, connected.session.clone());
    }

    fn exit(&mut self, id: u64, thread: ThreadId) {
        if let Some(connected) = self.sessions.get_mut(&id) {
            connected.rooms.remove(&thread);
            if !connected.following {
                connected.left.insert(thread);
            }
        }
        if let Some(room) = self.rooms.get_mut(&thread) {
            room.sessions.remove(&id);
            if room.sessions.is_empty() {
                self.rooms.remove(&thread);
            }
        }
    }

    fn forget(&mut self, id: u64) {
        let Some(connected) = self.sessions.remove(&id) else {
            return;
        };
        for thread in connected.rooms {
            if let Some(room) = self.rooms.get_mut(&thread) {
                room.sessions.remove(&id);
                if room.sessions.is_empty() {
                    self.rooms.remove(&thread);
                }
            }
        }
        let resource = connected.session.resource;
        match connected.session.user {
            Some(user) => {
                if let Some(ids) = self.users.get_mut(&(resource, user)) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.users.remove(&(resource, user));
                    }
                }
            }
            None => {
                if let Some(sessions) = self.whole.get_mut(&resource) {
                    sessions.remove(&id);
                }
            }
        }
        self.count();
    }

    fn count(&self) {
        self.open.set(self.sessions.len() as f64);
        self.connected_users.set(self.users.len() as f64);
    }

    /// Delivers a note to all who should hear it, once and in order.
    fn hear(&mut self, note: &Arc<Note>) {
        let thread = ThreadId::from_bytes(note.stream.0);
        if note.stamp.0 != 0 && self.rooms.get(&thread).is_some_and(|room| note.stamp <= room.last) {
            return;
        }
        let Some(event) = Event::of(note).map(Arc::new) else {
            self.advance(thread, note);
            return;
        };
        // Who comes hears of it, and so does who goes.
        for id in self.sessions_of(&event, Membership::Joined) {
            self.enter(id, thread, note.prev);
        }
        self.advance(thread, note);
        self.deliver(thread, &event);
        for id in self.sessions_of(&event, Membership::Left) {
            self.exit(id, thread);
        }
        if event.ends_thread() {
            let ids: Vec<_> = self
                .rooms
                .get(&thread)
                .into_iter()
                .flat_map(|room| room.sessions.keys().copied())
                .collect();
            for id in ids {
                self.exit(id, thread);
            }
        }
    }

    fn deliver(&self, thread: ThreadId, event: &Arc<Event>) {
        let mut delivered = 0;
        for session in self
            .rooms
            .get(&thread)
            .into_iter()
            .flat_map(|room| room.sessions.values())
        {
            if session.user.is_some_and(|user| event.is_for(user)) {
                delivered += u64::from(session.give(event));
            }
        }
        for session in self
            .whole
            .get(&event.note.resource)
            .into_iter()
            .flat_map(HashMap::values)
        {
            delivered += u64::from(session.give(event));
        }
        self.delivered.increment(delivered);
    }

    /// The sessions here of those who came or went by an event.
    fn sessions_of(&self, event: &Event, membership: Membership) -> Vec<u64> {
        let users = event.memberships().iter().filter(|(_, how)| *how == membership);
        users
            .filter_map(|(user, _)| self.users.get(&(event.note.resource, *user)))
            .flat_map(|ids| ids.iter().copied())
            .collect()
    }

    fn advance(&mut self, thread: ThreadId, note: &Note) {
        if note.stamp.0 != 0
            && let Some(room) = self.rooms.get_mut(&thread)
        {
            room.last = room.last.max(note.stamp);
        }
    }

    /// Reads from the store what the bus did not deliver, for every thread that is followed.
    async fn repair(&mut self) {
        let threads: Vec<_> = self
            .rooms
            .iter()
            .map(|(thread, room)| (*thread, room.resource))
            .collect();
        for (thread, resource) in threads {
            while let Some(after) = self.rooms.get(&thread).map(|room| room.last) {
                let query = NotesAfter {
                    resource,
                    thread,
                    after,
                    limit: REPAIR_CHUNK,
                };
                let Ok(notes) = self.store.read(query).await else { break };
                let last_chunk = notes.len() < REPAIR_CHUNK;
                for note in notes {
                    self.hear(&Arc::new(note));
                }
                if last_chunk {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
