//! A small world on a store: a resource, users, threads, and senders that write down what they ask
//! and what they are told.

use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use samband_chat::store::{
    CreateThread, DeleteMessage, DeleteThread, GetMessage, InThread, SendMessage, UpdateMessage,
};
use samband_chat::{Member, MessageDoc, ShareHistory};
use samband_core::{Clock, KeySlot, ManualClock, Millis, ResourceId, Secret, Stamp, SystemRandom, ThreadId, UserId};
use samband_faults::ledger::{Ledger, Op, OpId, Told, text};
use samband_faults::{Frozen, PowerCutDisk, SplitMix64};
use samband_identity::{SigningKeys, Tokens, Users};
use samband_resources::{Directory, NewResource};
use samband_store::sqlite::{Options, Synchronous};
use samband_store::{Change, CommitError, Migration, OpenError, RepeatKey, Repeatable, Store};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

pub const SENDERS: u32 = 64;
const SHARED_THREADS: u32 = 6;
/// An answer that takes longer will never come.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Some day in 2023.
const EPOCH: i64 = 1_700_000_000_000;

/// What was acknowledged beside the chat.
#[derive(Clone, Default)]
pub struct Place {
    pub resource: Option<(ResourceId, Secret<Vec<u8>>)>,
    pub users: Vec<UserId>,
    /// The public half of the keys that sign tokens.
    pub jwks: Option<serde_json::Value>,
}

pub struct World {
    pub store: Store,
    pub disk: PowerCutDisk,
    pub clock: Arc<ManualClock>,
    pub ledger: Arc<Ledger<ThreadId>>,
    place: Mutex<Place>,
    shared: Mutex<Vec<ThreadId>>,
    /// Senders hold it while they wait for an answer.
    gate: RwLock<()>,
    stop: AtomicBool,
}

/// The disk at one moment, with what had been told before it and asked until after it.
pub struct Moment {
    pub place: Place,
    pub told: usize,
    pub asked: usize,
    pub frozen: Frozen,
}

pub fn migrations() -> Vec<Migration> {
    [
        samband_resources::MIGRATIONS,
        samband_identity::MIGRATIONS,
        samband_chat::MIGRATIONS,
    ]
    .concat()
}

/// As the server opens it, on the disk that can lose power.
pub fn open(disk: &PowerCutDisk, dir: &Path, synchronous: Synchronous) -> Result<(Store, Arc<ManualClock>), OpenError> {
    let options = Options {
        vfs: Some(disk.vfs_name().to_owned()),
        synchronous,
        ..Options::in_directory(dir)
    };
    let clock = Arc::new(ManualClock::at(Millis(EPOCH)));
    Ok((Store::open_sqlite(options, &migrations(), clock.clone())?, clock))
}

impl World {
    pub fn new(disk: &PowerCutDisk, (store, clock): (Store, Arc<ManualClock>)) -> Arc<Self> {
        Arc::new(Self {
            store,
            disk: disk.clone(),
            clock,
            ledger: Arc::default(),
            place: Mutex::default(),
            shared: Mutex::default(),
            gate: RwLock::default(),
            stop: AtomicBool::new(false),
        })
    }

    /// A new store with all that the senders need.
    pub async fn furnished(disk: &PowerCutDisk, dir: &Path, synchronous: Synchronous) -> Arc<Self> {
        let world = Self::new(disk, open(disk, dir, synchronous).expect("opens"));
        world.furnish(SENDERS).await;
        world
    }

    /// The same world, on the store of its directory opened anew.
    pub fn reopened(&self, dir: &Path) -> Arc<Self> {
        let (store, clock) = open(&self.disk, dir, Synchronous::Full).expect("opens");
        Arc::new(Self {
            store,
            clock,
            disk: self.disk.clone(),
            ledger: self.ledger.clone(),
            place: Mutex::new(self.with_place(|place| place.clone())),
            shared: Mutex::new(self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            gate: RwLock::default(),
            stop: AtomicBool::new(false),
        })
    }

    fn with_place<R>(&self, with: impl FnOnce(&mut Place) -> R) -> R {
        with(&mut self.place.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The resource, the signing key, as many users, and the threads that they share.
    pub async fn furnish(&self, users: u32) {
        let random = Arc::new(SystemRandom);
        let directory = Directory::load(self.store.clone(), random.clone())
            .await
            .expect("loads");
        let id = ResourceId::new(self.clock.now(), &*random);
        let new = NewResource {
            name: "faults".into(),
            port: None,
            data_location: "Local".into(),
            primary: Secret::new(vec![1; 64]),
            secondary: Secret::new(vec![2; 64]),
        };
        let resource = directory.create_as(id, new).await.expect("a resource");
        let secret = resource.key(KeySlot::Primary).secret.clone();
        self.with_place(|place| place.resource = Some((id, secret)));

        let keys = SigningKeys::load(self.store.clone(), random.clone())
            .await
            .expect("keys");
        let keys = Arc::new(keys);
        let jwks = serde_json::to_value(keys.jwks()).expect("JSON");
        self.with_place(|place| place.jwks = Some(jwks));
        let people = Users {
            store: self.store.clone(),
            tokens: Arc::new(Tokens::new(self.store.clone(), keys, Arc::new(directory))),
            clock: self.clock.clone(),
            random,
        };
        for _ in 0..users {
            let user = people.create(id, None).await.expect("a user");
            self.with_place(|place| place.users.push(user));
        }
        let mut creator = Sender::new(0, 0);
        for _ in 0..SHARED_THREADS {
            let thread = creator.create_thread(self, true).await.expect("a thread");
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        // Numbers that no sender of the traffic to come uses.
        assert!(creator.number < Sender::FIRST);
    }

    fn at(&self, thread: ThreadId, sender: u32) -> InThread {
        self.with_place(|place| InThread {
            resource: place.resource.as_ref().expect("a resource").0,
            thread,
            caller: place.users[sender as usize],
        })
    }

    /// The acknowledgement, or none if the store is unavailable. There is no third way.
    async fn commit<C: Change<Refusal: Debug>>(&self, change: C) -> Option<C::Out> {
        let answer = tokio::time::timeout(PATIENCE, self.store.commit(change)).await;
        match answer.expect("the store answers every change") {
            Ok(out) => Some(out),
            Err(CommitError::Unavailable) => None,
            Err(CommitError::Refused(refusal)) => panic!("refused: {refusal:?}"),
        }
    }

    /// The disk as it is now.
    pub fn now(&self) -> Moment {
        self.moment(|| self.disk.freeze())
    }

    /// The order in here is what makes the test sound: told before, asked after.
    pub fn moment(&self, freeze: impl FnOnce() -> Frozen) -> Moment {
        let told = self.ledger.mark();
        let place = self.with_place(|place| place.clone());
        let frozen = freeze();
        let asked = self.ledger.mark();
        Moment {
            place,
            told,
            asked,
            frozen,
        }
    }

    /// The disk right after its `operations`-th operation from now, which must be on its way.
    pub async fn after_operations(self: &Arc<Self>, operations: u64) -> Moment {
        let (found, moment) = tokio::sync::oneshot::channel();
        let (mut left, mut found) = (operations, Some(found));
        // Weak: the disk must not hold on to itself.
        let world = Arc::downgrade(self);
        self.disk.on_operation(move |operation| {
            left = left.saturating_sub(1);
            if left == 0
                && let (Some(found), Some(world)) = (found.take(), world.upgrade())
            {
                let _ = found.send(world.moment(|| operation.freeze()));
            }
        });
        let moment = tokio::time::timeout(PATIENCE, moment).await;
        self.disk.stop_observing();
        moment.expect("the senders are at work").expect("the observer lives")
    }

    /// One sender makes some requests, one after another.
    pub async fn work(&self, requests: u32, rng: &mut SplitMix64) {
        let mut sender = Sender::new(0, rng.next_u64());
        sender.number = Sender::FIRST;
        for _ in 0..requests {
            assert!(sender.step(self, true).await);
        }
    }

    /// Lets senders go to work: they write, and if asked to they read as well.
    pub fn start(self: &Arc<Self>, reading: bool, rng: &mut SplitMix64) -> Traffic {
        let mut tasks = JoinSet::new();
        for sender in 0..SENDERS {
            let world = self.clone();
            let seed = rng.next_u64();
            tasks.spawn(async move { Sender::new(sender, seed).run(&world, reading).await });
        }
        let world = self.clone();
        tasks.spawn(async move {
            while reading && world.running() {
                let at_work = world.gate.read().await;
                // What cannot be removed now will be removed the next time.
                if let Ok(Some(lease)) = world.store.lease("jobs").await {
                    let _ = samband_chat::jobs::purge(&world.store, &lease).await;
                }
                drop(at_work);
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        });
        Traffic {
            world: self.clone(),
            tasks,
        }
    }

    fn running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Lets every sender finish what it is at; they go on when the guard is dropped.
    pub async fn pause(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        let paused = tokio::time::timeout(2 * PATIENCE, self.gate.write()).await;
        paused.expect("every change is answered")
    }

    /// Waits until as many acknowledgements and failures have come since `mark`.
    pub async fn until(&self, mark: usize, told: usize, failed: usize) {
        let waiting = async {
            loop {
                let counts = self.ledger.since(mark);
                if counts.told >= told && counts.failed >= failed {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "waited in vain: {:?}", self.ledger.since(mark));
    }
}

/// The senders at work.
pub struct Traffic {
    world: Arc<World>,
    tasks: JoinSet<()>,
}

impl Traffic {
    /// Lets them finish; passes on their panics, and those of senders that failed meanwhile.
    pub async fn stop(mut self) {
        self.world.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a sender");
        }
        self.world.stop.store(false, Ordering::Relaxed);
    }
}

/// A message that was acknowledged and can be changed.
struct OwnMessage {
    thread: ThreadId,
    op: OpId,
    stamp: Stamp,
}

struct Sender {
    sender: u32,
    number: u32,
    rng: SplitMix64,
    messages: Vec<OwnMessage>,
    threads: Vec<ThreadId>,
}

impl Sender {
    const FIRST: u32 = 1_000;

    fn new(sender: u32, seed: u64) -> Self {
        Self {
            sender,
            // Traffic that is started again uses other numbers, rising over the whole test.
            number: 0,
            rng: SplitMix64::new(seed),
            messages: Vec::new(),
            threads: Vec::new(),
        }
    }

    fn pick(&mut self, of: usize) -> usize {
        self.rng.below(of as u64) as usize
    }

    fn next(&mut self) -> OpId {
        self.number += 1;
        OpId {
            sender: self.sender,
            number: self.number,
        }
    }

    async fn run(mut self, world: &World, reading: bool) {
        self.number = world.ledger.mark() as u32 + Self::FIRST;
        while world.running() {
            let at_work = world.gate.read().await;
            let well = self.step(world, reading).await;
            if !well {
                world.ledger.fail();
            }
            // Not before it is written down: whoever has paused the senders counts what they wrote.
            drop(at_work);
            if !well {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// One request; whether it was acknowledged.
    async fn step(&mut self, world: &World, reading: bool) -> bool {
        match self.rng.below(100) {
            0..8 if !self.messages.is_empty() => self.edit(world).await,
            8..14 if !self.messages.is_empty() => self.delete(world).await,
            14..16 => match self.create_thread(world, false).await {
                Some(thread) => {
                    self.threads.push(thread);
                    true
                }
                None => false,
            },
            16..17 if self.threads.len() > 1 => self.delete_thread(world).await,
            17..21 if reading && !self.messages.is_empty() => self.read_back(world).await,
            21..30 if !self.threads.is_empty() => {
                let thread = self.threads[self.rng.below(self.threads.len() as u64) as usize];
                self.send(world, thread).await
            }
            _ => {
                let thread = {
                    let shared = world.shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared[self.rng.below(shared.len() as u64) as usize]
                };
                self.send(world, thread).await
            }
        }
    }

    async fn send(&mut self, world: &World, thread: ThreadId) -> bool {
        let op = self.next();
        world.ledger.ask(op, Op::Send(thread));
        let doc = MessageDoc {
            content: text(op),
            sender_display_name: None,
            metadata: Default::default(),
            high_priority: false,
            attachments: Vec::new(),
        };
        let change = SendMessage::new(world.at(thread, self.sender), false, &doc);
        let Some(stamp) = world.commit(change).await else {
            return false;
        };
        world.ledger.tell(op, Told::Sent(stamp.0));
        if self.messages.len() >= 40 {
            let oldest = self.pick(self.messages.len());
            self.messages.swap_remove(oldest);
        }
        self.messages.push(OwnMessage { thread, op, stamp });
        true
    }

    async fn edit(&mut self, world: &World) -> bool {
        let chosen = self.pick(self.messages.len());
        let op = self.next();
        let message = &self.messages[chosen];
        world.ledger.ask(op, Op::Edit(message.op));
        let change = UpdateMessage {
            at: world.at(message.thread, self.sender),
            message: message.stamp,
            content: Some(text(op)),
            metadata: None,
            high_priority: None,
            attachments: None,
        };
        let told = world.commit(change).await.is_some();
        if told {
            world.ledger.tell(op, Told::Done);
        }
        told
    }

    async fn delete(&mut self, world: &World) -> bool {
        let chosen = self.pick(self.messages.len());
        // Whatever the answer: it may be gone, and is not touched again.
        let message = self.messages.swap_remove(chosen);
        let op = self.next();
        world.ledger.ask(op, Op::Delete(message.op));
        let change = DeleteMessage {
            at: world.at(message.thread, self.sender),
            message: message.stamp,
        };
        let told = world.commit(change).await.is_some();
        if told {
            world.ledger.tell(op, Told::Done);
        }
        told
    }

    /// A request that may be repeated, as clients make it.
    async fn create_thread(&mut self, world: &World, with_all: bool) -> Option<ThreadId> {
        let op = self.next();
        world.ledger.ask(op, Op::CreateThread);
        let thread = ThreadId::new(world.clock.now(), &SystemRandom);
        let users = world.with_place(|place| place.users.clone());
        let members = match with_all {
            true => users,
            false => vec![users[(self.sender as usize + 1) % users.len()]],
        };
        let change = creation(world.at(thread, self.sender), op, &members);
        let created = world.commit(change).await?;
        assert_eq!(created.thread, *thread.as_bytes(), "its key is new");
        world.ledger.tell(op, Told::Thread(thread));
        Some(thread)
    }

    async fn delete_thread(&mut self, world: &World) -> bool {
        let chosen = self.pick(self.threads.len());
        let thread = self.threads.swap_remove(chosen);
        self.messages.retain(|message| message.thread != thread);
        let op = self.next();
        world.ledger.ask(op, Op::DeleteThread(thread));
        let change = DeleteThread {
            at: world.at(thread, self.sender),
            by_policy: false,
        };
        let told = world.commit(change).await.is_some();
        if told {
            world.ledger.tell(op, Told::Done);
        }
        told
    }

    /// What was acknowledged is seen by every later query.
    async fn read_back(&mut self, world: &World) -> bool {
        let chosen = self.pick(self.messages.len());
        let message = &self.messages[chosen];
        let query = GetMessage {
            at: world.at(message.thread, self.sender),
            message: message.stamp,
        };
        match world.store.read(query).await {
            Ok(found) => {
                let found = found.expect("what was acknowledged is seen");
                assert!(found.deleted.is_none() && found.stamp == message.stamp);
            }
            Err(error) => panic!("the disk can be read: {error}"),
        }
        true
    }
}

/// The creation of a thread as request `op` asks for it, first or again.
pub fn creation(at: InThread, op: OpId, members: &[UserId]) -> Repeatable<CreateThread> {
    let member = |user: &UserId| Member {
        user: *user,
        display_name: None,
        share_history: ShareHistory::All,
        metadata: Default::default(),
        roles: Vec::new(),
    };
    let name = format!("{}.{}", op.sender, op.number);
    Repeatable {
        key: RepeatKey {
            scope: at.caller.as_bytes().to_vec(),
            key: name.clone(),
            request_hash: [7; 32],
        },
        change: CreateThread {
            at,
            topic: name,
            metadata: Default::default(),
            retention: None,
            total: members.len(),
            members: members.iter().map(member).collect(),
            limit: None,
        },
    }
}
