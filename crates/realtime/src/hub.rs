//! Who hears what. One task owns the map of threads and sessions and takes notes from the bus in
//! order; it hands each event to the sessions of the thread's members and never waits for one.
//!
//! A session first registers (from then on joins and leaves of its user are seen), reads its
//! memberships from the store, then follows those threads; where there are other nodes it waits until
//! what they say of them is heard here, and reads once more; only then is its client told that it is
//! connected. Members are followed from the events themselves, never read for a message.
//!
//! The bus is a doorbell. Each note names the stamp before its own, so a gap shows: what comes after it
//! waits a moment, then the gap is read from the store (`gaps`). Lost tails are found by comparing the
//! threads' heads every few seconds, and at once when the bus says that notes may have been missed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use samband_bus::{Bus, Heard, Listener, Topic};
use samband_chat::store::Memberships;
use samband_core::{Millis, Note, ResourceId, Stamp, StreamId, ThreadId, UserId};
use samband_store::Store;
use tokio::sync::{mpsc, oneshot};

use self::gaps::{Checked, Gaps, Waiting};
use crate::event::{Event, Membership};
use crate::session::Session;

mod gaps;

/// The way to the hub's task; cheap to clone.
#[derive(Clone)]
pub struct Hub {
    commands: mpsc::UnboundedSender<Command>,
    store: Store,
    bus: Bus,
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
    /// What the store has of a thread after the newest entry that was heard, and whether that is all.
    Repaired {
        thread: ThreadId,
        notes: Option<Vec<Note>>,
        all: bool,
    },
    /// What other nodes say of a thread is heard by now.
    Followed(ThreadId),
    /// How far threads are in the store.
    Checked(Checked),
    Endpoints {
        resource: ResourceId,
        done: oneshot::Sender<Vec<Endpoint>>,
    },
}

impl Hub {
    /// Starts the task; it ends with the bus.
    pub fn start(store: Store, bus: &Bus) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        let task = Task::new(store.clone(), bus.clone(), commands.downgrade());
        tokio::spawn(task.run(received, bus.listen()));
        Self {
            commands,
            store,
            bus: bus.clone(),
        }
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
        let follow = async || match session.user {
            Some(user) => self.follow(session, user).await,
            None => true,
        };
        // What other nodes say is heard once the bus has it so; what they said before is read. While
        // the bus is cut nobody waits for it: when it is back, all is compared.
        if !follow().await || (self.bus.is_shared() && self.bus.settled().await && !follow().await) {
            self.leave(session);
            return false;
        }
        true
    }

    async fn follow(&self, session: &Session, user: UserId) -> bool {
        let resource = session.resource;
        let Ok(threads) = self.store.read(Memberships { resource, user }).await else {
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
    /// What was heard ahead of what comes before it.
    waiting: Waiting,
}

struct Connected {
    session: Arc<Session>,
    rooms: HashSet<ThreadId>,
    /// Threads left between the reading of memberships and the following.
    left: HashSet<ThreadId>,
    following: bool,
}

struct Task {
    bus: Bus,
    gaps: Gaps,
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
    fn new(store: Store, bus: Bus, commands: mpsc::WeakUnboundedSender<Command>) -> Self {
        Self {
            gaps: Gaps::new(store, commands, bus.is_shared()),
            bus,
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
        let due = tokio::time::sleep_until(self.gaps.due());
        tokio::pin!(due);
        loop {
            tokio::select! {
                heard = bus.next() => match heard {
                    None => return,
                    Some(Heard::Note(note)) => self.hear(&note),
                    Some(Heard::Missed(notes)) => {
                        tracing::warn!(notes, "notes may have been missed; the store is read");
                        self.missed();
                    }
                    Some(Heard::Moved { resource, user, endpoint, connection }) => {
                        self.moved(resource, user, &endpoint, &connection);
                    }
                },
                command = commands.recv() => match command {
                    None => return,
                    Some(command) => self.obey(command),
                },
                () = &mut due => self.gaps.proceed(&self.rooms),
            }
            // Set anew only when it changed: this is passed for every note.
            if due.deadline() != self.gaps.due() {
                due.as_mut().reset(self.gaps.due());
            }
        }
    }

    /// Nobody knows what was not heard: heads are compared, and everybody's memberships are read anew.
    fn missed(&mut self) {
        self.gaps.check(&self.rooms);
        for connected in self.sessions.values() {
            // Open streams read the log themselves, from where they are.
            connected.session.lapse();
        }
        let users = self.sessions.values().map(|connected| &connected.session);
        let users: Vec<_> = users.filter(|session| session.user.is_some()).cloned().collect();
        self.gaps.read_memberships(users);
    }

    /// An endpoint's newest connection is at another node: those here hear no more for it.
    fn moved(&self, resource: ResourceId, user: UserId, endpoint: &str, connection: &str) {
        let ids = self.users.get(&(resource, user)).into_iter().flatten();
        for connected in ids.filter_map(|id| self.sessions.get(id)) {
            let named = connected.session.endpoint.as_ref();
            if named.is_some_and(|(name, current)| name == endpoint && current != connection) {
                connected.session.replace();
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Register { session, done } => {
                match session.user {
                    Some(user) => {
                        let ids = self.users.entry((session.resource, user)).or_default();
                        if ids.is_empty() {
                            self.bus.follow(Topic::User(session.resource, user));
                        }
                        ids.insert(session.id);
                    }
                    None => {
                        self.bus.follow(Topic::Resource(session.resource));
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
                        self.gaps.expect(thread, stamp, self.rooms.get(&thread));
                    }
                }
                if let Some(connected) = self.sessions.get_mut(&session) {
                    connected.following = true;
                    connected.left = HashSet::new();
                }
                let _ = done.send(());
            }
            Command::Leave(session) => self.forget(session),
            Command::Repaired { thread, notes, all } => self.repaired(thread, notes, all),
            Command::Followed(thread) => self.gaps.read(thread, self.rooms.get(&thread)),
            Command::Checked(checked) => {
                self.gaps.checked(checked, &self.rooms);
                self.settle();
            }
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
        let bus = &self.bus;
        let room = self.rooms.entry(thread).or_insert_with(|| {
            bus.follow(Topic::Thread(resource, stream(thread)));
            Room {
                resource,
                last: stamp,
                sessions: HashMap::new(),
                waiting: Waiting::default(),
            }
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
        self.leave_room(id, thread);
    }

    fn leave_room(&mut self, id: u64, thread: ThreadId) {
        if let Some(room) = self.rooms.get_mut(&thread) {
            room.sessions.remove(&id);
            if room.sessions.is_empty() {
                self.bus.unfollow(Topic::Thread(room.resource, stream(thread)));
                self.rooms.remove(&thread);
            }
        }
    }

    fn forget(&mut self, id: u64) {
        let Some(connected) = self.sessions.remove(&id) else {
            return;
        };
        for thread in connected.rooms {
            self.leave_room(id, thread);
        }
        let resource = connected.session.resource;
        match connected.session.user {
            Some(user) => {
                if let Some(ids) = self.users.get_mut(&(resource, user)) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.bus.unfollow(Topic::User(resource, user));
                        self.users.remove(&(resource, user));
                    }
                }
            }
            None => {
                self.bus.unfollow(Topic::Resource(resource));
                if let Some(sessions) = self.whole.get_mut(&resource) {
                    sessions.remove(&id);
                    if sessions.is_empty() {
                        self.whole.remove(&resource);
                    }
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
        if note.stamp.0 != 0
            && let Some(room) = self.rooms.get_mut(&thread)
        {
            if note.stamp <= room.last {
                return;
            }
            if note.prev > room.last {
                // Perhaps what comes before is on its way.
                room.waiting.put(note);
                self.gaps.open(thread);
                return;
            }
        }
        self.take(thread, note);
        self.take_waiting(thread);
    }

    /// What waited for what was just heard.
    fn take_waiting(&mut self, thread: ThreadId) {
        while let Some(room) = self.rooms.get_mut(&thread)
            && let Some(note) = room.waiting.next(room.last)
        {
            self.take(thread, &note);
        }
    }

    /// The store's part of a gap. What was heard meanwhile comes after it.
    fn repaired(&mut self, thread: ThreadId, notes: Option<Vec<Note>>, all: bool) {
        let read = notes.is_some();
        for note in notes.into_iter().flatten() {
            let last = self.rooms.get(&thread).map(|room| room.last);
            if last.is_some_and(|last| note.stamp > last) {
                self.take(thread, &Arc::new(note));
            }
        }
        self.take_waiting(thread);
        let room = self.rooms.get(&thread);
        self.gaps.closed(thread, room, read && all);
        self.settle();
    }

    /// Once everything up to a place of the log was given to all, readers may count on it.
    fn settle(&mut self) {
        if let Some(settled) = self.gaps.settled() {
            for connected in self.sessions.values() {
                connected.session.settle(settled);
            }
        }
    }

    fn take(&mut self, thread: ThreadId, note: &Arc<Note>) {
        // A wildcard of the bus brings what nobody here hears, too.
        let heard = self.rooms.contains_key(&thread) || self.whole.contains_key(&note.resource);
        if !heard && crate::event::newcomers(note).is_empty() {
            return;
        }
        let Some(event) = Event::of(note).map(Arc::new) else {
            self.advance(thread, note);
            return;
        };
        // Who comes hears of it, and so does who goes.
        let followed = self.rooms.contains_key(&thread);
        for id in self.sessions_of(&event, Membership::Joined) {
            self.enter(id, thread, note.prev);
        }
        if !followed && self.rooms.contains_key(&thread) {
            self.gaps.begin(thread, &self.bus);
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
}

fn stream(thread: ThreadId) -> StreamId {
    thread.into()
}

#[cfg(test)]
mod tests;
