//! A store with chat's tables, two resources, and short ways to say what the tests say often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use samband_chat::store::{
    AddMembers, Added, CreateThread, Created, DeleteThread, GetMessage, InThread, ListMembers, ListMessages,
    ListReceipts, ListThreads, RemoveMember, SendMessage, SendReceipt,
};
use samband_chat::{ChatRefused, Member, MessageDoc, ShareHistory, StoredMessage, SystemDoc, ThreadLine};
use samband_core::{Clock, ManualClock, Millis, Random, ResourceId, Stamp, ThreadId, UserId};
use samband_identity::{SigningKeys, Tokens, Users};
use samband_resources::Directory;
use samband_store::testing::{TestStore, every_engine};
use samband_store::{Change, Lease, Migration, Query, Store};
use samband_wire_chat::Metadata;

/// Where the clock stands when a test begins.
pub const START: Millis = Millis(1_700_000_000_000);
/// More than any list of these tests holds.
pub const ALL: usize = 100_000;

/// Never the same bytes twice unless it is set back, and the same ones in every run.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0);
        let end = bytes.len();
        bytes[end - count.len()..].copy_from_slice(&count);
    }
}

pub struct World {
    pub clock: Arc<ManualClock>,
    pub store: Store,
    pub users: Users,
    pub resource: ResourceId,
    pub other: ResourceId,
    random: Arc<Counter>,
    _kept: TestStore,
}

pub fn migrations() -> Vec<Migration> {
    [
        samband_resources::MIGRATIONS,
        samband_identity::MIGRATIONS,
        samband_chat::MIGRATIONS,
    ]
    .concat()
}

/// An empty store on each engine, and the clock that they share.
pub async fn stores() -> (Arc<ManualClock>, Vec<TestStore>) {
    let clock = Arc::new(ManualClock::at(START));
    let shared: Arc<dyn Clock> = clock.clone();
    let stores = every_engine(&migrations(), &shared).await;
    (clock, stores)
}

/// One world per engine. Output is shown when a test fails: it then names the engine.
pub async fn worlds() -> Vec<World> {
    let (clock, stores) = stores().await;
    let mut worlds = Vec::new();
    for kept in stores {
        worlds.push(World::over(kept, &clock, 0).await);
    }
    worlds
}

pub async fn on_every_engine(test: impl AsyncFn(World)) {
    for world in worlds().await {
        println!("engine: {}", world.name());
        world.clock.set(START);
        test(world).await;
    }
}

pub type Said<T> = Result<T, ChatRefused>;

impl World {
    /// A world over what a store holds; its chance begins at a number.
    pub async fn over(kept: TestStore, clock: &Arc<ManualClock>, chance: u64) -> Self {
        let (store, random) = (kept.store.clone(), Arc::new(Counter(AtomicU64::new(chance))));
        let keys = SigningKeys::load(store.clone(), random.clone()).await.expect("keys");
        let directory = Directory::load(store.clone(), random.clone()).await.expect("resources");
        let tokens = Tokens::new(store.clone(), Arc::new(keys), Arc::new(directory));
        let users = Users {
            store: store.clone(),
            tokens: Arc::new(tokens),
            clock: clock.clone(),
            random: random.clone(),
        };
        Self {
            clock: clock.clone(),
            store,
            users,
            resource: ResourceId::from_bytes([0xaa; 16]),
            other: ResourceId::from_bytes([0xbb; 16]),
            random,
            _kept: kept,
        }
    }

    pub fn name(&self) -> &'static str {
        self._kept.name
    }

    /// The right to do what is done once.
    pub async fn lease(&self) -> Lease {
        self.store
            .lease("jobs")
            .await
            .expect("the store answers")
            .expect("nobody else has it")
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub async fn commit<C: Change<Refusal = ChatRefused>>(&self, change: C) -> Said<C::Out> {
        self.store.commit(change).await.map_err(ChatRefused::from)
    }

    pub async fn ask<Q: Query>(&self, query: Q) -> Q::Out {
        self.store.read(query).await.expect("the store answers")
    }

    pub async fn user_of(&self, resource: ResourceId) -> UserId {
        self.users.create(resource, None).await.expect("a user")
    }

    pub async fn user(&self) -> UserId {
        self.user_of(self.resource).await
    }

    /// A user of each resource, both with the same half of an id: only the resource tells them apart.
    pub async fn twins(&self) -> UserId {
        self.twins_of([self.resource, self.other]).await
    }

    pub async fn twins_of(&self, resources: [ResourceId; 2]) -> UserId {
        let mark = self.random.0.load(Ordering::Relaxed);
        let one = self.user_of(resources[0]).await;
        self.random.0.store(mark, Ordering::Relaxed);
        let two = self.user_of(resources[1]).await;
        assert_eq!(one, two);
        one
    }

    pub fn new_thread(&self) -> ThreadId {
        ThreadId::new(self.clock.now(), &*self.random)
    }

    pub fn at(&self, thread: ThreadId, caller: UserId) -> InThread {
        InThread {
            resource: self.resource,
            thread,
            caller,
        }
    }

    pub fn creation(&self, creator: UserId, members: Vec<Member>) -> CreateThread {
        CreateThread {
            at: self.at(self.new_thread(), creator),
            topic: "topic".to_owned(),
            metadata: Metadata::new(),
            retention: None,
            total: members.len(),
            members,
            limit: None,
        }
    }

    pub async fn create(&self, creator: UserId, members: Vec<Member>) -> Created {
        self.commit(self.creation(creator, members)).await.expect("created")
    }

    pub async fn thread(&self, creator: UserId, others: &[UserId]) -> ThreadId {
        let members = others.iter().map(|user| member(*user)).collect();
        ThreadId::from_bytes(self.create(creator, members).await.thread)
    }

    pub async fn add(&self, at: InThread, members: Vec<Member>) -> Said<Added> {
        self.commit(adding(at, members)).await
    }

    pub async fn remove(&self, at: InThread, user: UserId) -> Said<()> {
        self.commit(RemoveMember { at, user }).await
    }

    pub async fn say(&self, at: InThread, text: &str) -> Said<Stamp> {
        self.commit(SendMessage::new(at, false, &text_doc(text))).await
    }

    /// When it was read, as the receipt will say.
    pub async fn read_up_to(&self, at: InThread, message: Stamp) -> Said<Millis> {
        let most_members = None;
        let change = SendReceipt {
            at,
            message,
            most_members,
        };
        Ok(Millis(self.commit(change).await?.read_ms))
    }

    pub async fn delete_thread(&self, at: InThread) -> Said<()> {
        self.commit(DeleteThread { at, by_policy: false }).await
    }

    pub async fn get(&self, at: InThread, message: Stamp) -> Said<StoredMessage> {
        self.ask(GetMessage { at, message }).await
    }

    /// Everything that is seen, newest first, in one page.
    pub async fn list(&self, at: InThread) -> Said<Vec<StoredMessage>> {
        self.list_in_pages(at, None, ALL).await
    }

    /// As a client that follows every `nextLink`. A page is full unless it is the last, and the
    /// last says so.
    pub async fn list_in_pages(&self, at: InThread, start: Option<Millis>, size: usize) -> Said<Vec<StoredMessage>> {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let query = ListMessages {
                at,
                start,
                before,
                size,
            };
            let page = self.ask(query).await?;
            assert!(page.items.len() <= size);
            all.extend(page.items);
            let Some(next) = page.next else { return Ok(all) };
            assert_eq!(all.len() % size, 0, "only the last page may be short");
            before = Some(Stamp(i64::from_be_bytes(next.try_into().expect("8 bytes"))));
        }
    }

    pub async fn texts(&self, at: InThread) -> Said<Vec<String>> {
        let listed = self.list(at).await?;
        Ok(listed.iter().rev().map(in_short).collect())
    }

    /// Members in pages of `size`: user, name, effective share time, metadata.
    pub async fn members_in_pages(&self, at: InThread, size: usize) -> Said<Vec<Shown>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let skip = 0;
            let query = ListMembers { at, after, skip, size };
            let page = self.ask(query).await?;
            all.extend(
                page.items
                    .into_iter()
                    .map(|one| (one.user, one.display_name, one.share_history.0, one.metadata)),
            );
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    pub async fn members(&self, at: InThread) -> Said<Vec<UserId>> {
        let members = self.members_in_pages(at, ALL).await?;
        Ok(members.into_iter().map(|member| member.0).collect())
    }

    /// Receipts in pages of `size`: user, message, when it was read.
    pub async fn receipts_in_pages(&self, at: InThread, size: usize) -> Said<Vec<(UserId, Stamp, Millis)>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let skip = 0;
            let query = ListReceipts { at, after, skip, size };
            let page = self.ask(query).await?;
            all.extend(page.items.into_iter().map(|one| (one.user, one.message, one.read)));
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    pub async fn receipts(&self, at: InThread) -> Said<Vec<(UserId, Stamp, Millis)>> {
        self.receipts_in_pages(at, ALL).await
    }

    pub async fn threads_in_pages(
        &self,
        resource: ResourceId,
        caller: UserId,
        start: Option<Millis>,
        size: usize,
    ) -> Vec<ThreadLine> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let query = ListThreads {
                resource,
                caller,
                start,
                after,
                size,
            };
            let page = self.ask(query).await;
            assert!(page.items.len() <= size);
            all.extend(page.items);
            let Some(next) = page.next else { return all };
            assert_eq!(all.len() % size, 0, "only the last page may be short");
            after = Some(ThreadId::from_bytes(next.try_into().expect("16 bytes")));
        }
    }

    pub async fn threads(&self, caller: UserId) -> Vec<ThreadLine> {
        self.threads_in_pages(self.resource, caller, None, ALL).await
    }
}

/// User, name, effective share time, metadata.
pub type Shown = (UserId, Option<String>, i64, Metadata);

/// A member as requests name most: no name, nothing shared.
pub fn member(user: UserId) -> Member {
    sharing(user, ShareHistory::None)
}

pub fn sharing(user: UserId, share_history: ShareHistory) -> Member {
    Member {
        user,
        display_name: None,
        share_history,
        metadata: Metadata::new(),
        roles: Vec::new(),
    }
}

pub fn named(user: UserId, name: &str) -> Member {
    Member {
        display_name: Some(name.to_owned()),
        ..member(user)
    }
}

/// A request to add that fits in one chunk.
pub fn adding(at: InThread, members: Vec<Member>) -> AddMembers {
    AddMembers {
        at,
        total: members.len(),
        members,
        announce: true,
        since_creation: false,
        limit: None,
    }
}

pub fn text_doc(text: &str) -> MessageDoc {
    MessageDoc {
        content: text.to_owned(),
        sender_display_name: None,
        metadata: Metadata::new(),
        high_priority: false,
        attachments: Vec::new(),
    }
}

pub fn message_doc(message: &StoredMessage) -> MessageDoc {
    serde_json::from_slice(&message.doc).expect("a message's document")
}

pub fn system_doc(message: &StoredMessage) -> SystemDoc {
    serde_json::from_slice(&message.doc).expect("a system message's document")
}

/// What was said, or what kind of system message it is.
pub fn in_short(message: &StoredMessage) -> String {
    use samband_chat::Kinds;
    match message.kind {
        _ if message.deleted.is_some() => "(deleted)".to_owned(),
        Kinds::TOPIC_UPDATED => "(topic)".to_owned(),
        Kinds::PARTICIPANTS_ADDED => "(added)".to_owned(),
        Kinds::PARTICIPANT_REMOVED => "(removed)".to_owned(),
        _ => message_doc(message).content,
    }
}

pub fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    let owned = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
    pairs.iter().map(owned).collect()
}
