//! Random sequences of changes, made in the store and in the model: each answer is the same, and so
//! is all that anybody sees in the end. `PROPTEST_CASES` asks for more than the hundred of each run.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use samband_chat::store::{
    AddMembers, CreateThread, DeleteMessage, DeleteThread, GetMessage, GetThread, InThread, MayType, PurgeChunk,
    RemoveMember, SendMessage, SendReceipt, UpdateMessage, UpdateThread,
};
use samband_chat::{ChatRefused, Member, MessageDoc, ShareHistory};
use samband_core::{Millis, ResourceId, Stamp, UserId};
use samband_wire_chat::{Metadata, MetadataPatch, RetentionPolicy};

use crate::model::{By, Edit, Line, Thread};
use crate::world::{START, World, worlds};

const USERS: usize = 4;
/// Threads at a time: two in one resource, one in the other.
const SLOTS: usize = 3;
/// What is written, and what is left of it where it is HTML that is edited in.
const TEXTS: [(&str, &str); 4] = [
    ("plain", "plain"),
    ("", ""),
    ("<b onclick=\"x()\">bold</b><script>x()</script>", "<b>bold</b>"),
    ("quote \" backslash \\ ☕", "quote \" backslash \\ ☕"),
];

#[derive(Debug, Clone)]
enum Op {
    Clock(i64),
    Create(Place, Vec<Wish>, Option<usize>),
    Add(Place, Vec<Wish>, Option<usize>, Chunk),
    Remove(Place, usize),
    Send(Place, bool, usize),
    Edit(Place, usize, Option<usize>, Option<Vec<(u8, Option<u8>)>>, Option<bool>),
    DeleteMessage(Place, usize),
    Read(Place, usize, Option<usize>),
    Update(Place, Option<usize>, Option<Vec<(u8, Option<u8>)>>, Option<i64>),
    DeleteThread(Place, bool),
    Purge(usize),
    DeleteUser(usize, bool),
}

/// Which thread, who asks, and whether by way of the wrong resource.
#[derive(Debug, Clone, Copy)]
struct Place {
    slot: usize,
    user: usize,
    astray: bool,
}

#[derive(Debug, Clone)]
struct Wish {
    /// One more than there are: nobody.
    user: usize,
    name: Option<u8>,
    share: Share,
    metadata: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Share {
    All,
    Nothing,
    /// Counted from the present moment.
    Since(i64),
}

#[derive(Debug, Clone, Copy)]
enum Chunk {
    Only,
    Later,
    OfCreation,
}

fn place() -> impl Strategy<Value = Place> {
    (0..SLOTS, 0..USERS, prop::bool::weighted(0.04)).prop_map(|(slot, user, astray)| Place { slot, user, astray })
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let share = prop_oneof![
        Just(Share::All),
        Just(Share::Nothing),
        (-60i64..20).prop_map(Share::Since),
    ];
    // Rarely the one who does not exist.
    let user = prop_oneof![9 => 0..USERS, 1 => Just(USERS)];
    let wish = (user, option::of(0u8..3), share, option::of(0u8..3)).prop_map(|(user, name, share, metadata)| Wish {
        user,
        name,
        share,
        metadata,
    });
    vec(wish, 0..4)
}

fn limit() -> impl Strategy<Value = Option<usize>> {
    option::weighted(0.2, 1usize..5)
}

fn patch() -> impl Strategy<Value = Option<Vec<(u8, Option<u8>)>>> {
    option::of(vec((0u8..3, option::of(0u8..3)), 0..3))
}

fn op() -> impl Strategy<Value = Op> {
    let text = 0..TEXTS.len();
    prop_oneof![
        3 => prop_oneof![Just(0), -40i64..80].prop_map(Op::Clock),
        1 => (place(), wishes(), limit()).prop_map(|(at, wishes, limit)| Op::Create(at, wishes, limit)),
        6 => (place(), wishes(), limit(), prop_oneof![
            4 => Just(Chunk::Only),
            1 => Just(Chunk::Later),
            1 => Just(Chunk::OfCreation),
        ]).prop_map(|(at, wishes, limit, chunk)| Op::Add(at, wishes, limit, chunk)),
        5 => (place(), 0..USERS).prop_map(|(at, user)| Op::Remove(at, user)),
        9 => (place(), any::<bool>(), text.clone()).prop_map(|(at, html, text)| Op::Send(at, html, text)),
        5 => (place(), any::<usize>(), option::of(text.clone()), patch(), option::of(any::<bool>()))
            .prop_map(|(at, message, text, patch, priority)| Op::Edit(at, message, text, patch, priority)),
        3 => (place(), any::<usize>()).prop_map(|(at, message)| Op::DeleteMessage(at, message)),
        4 => (place(), any::<usize>(), limit()).prop_map(|(at, message, most)| Op::Read(at, message, most)),
        2 => (place(), option::of(text), patch(), option::of(0i64..5))
            .prop_map(|(at, topic, patch, days)| Op::Update(at, topic, patch, days)),
        1 => (place(), prop::bool::weighted(0.2)).prop_map(|(at, policy)| Op::DeleteThread(at, policy)),
        1 => (0..SLOTS).prop_map(Op::Purge),
        1 => (0..USERS, any::<bool>()).prop_map(|(user, there)| Op::DeleteUser(user, there)),
    ]
}

fn patch_of(pairs: &Option<Vec<(u8, Option<u8>)>>) -> Option<MetadataPatch> {
    let pairs = pairs.as_ref()?.iter();
    Some(
        pairs
            .map(|(key, value)| (format!("key {key}"), value.map(|value| format!("value {value}"))))
            .collect(),
    )
}

/// Zero days stand for the policy "none".
fn retention_of(days: Option<i64>) -> Option<RetentionPolicy> {
    days.map(|days| match days {
        0 => RetentionPolicy::None,
        delete_thread_after_days => RetentionPolicy::ThreadCreationDate {
            delete_thread_after_days,
        },
    })
}

/// The model beside the store that it is compared with.
struct Both<'w> {
    world: &'w World,
    resources: [ResourceId; 2],
    users: [UserId; USERS],
    /// Of each resource, who exists.
    known: [BTreeSet<UserId>; 2],
    /// All threads there ever were.
    threads: Vec<Thread>,
    /// Which of them the operations are about.
    slots: [Option<usize>; SLOTS],
    now: i64,
}

impl<'w> Both<'w> {
    /// Resources of its own, so that what other sequences left is not in the way.
    async fn new(world: &'w World, case: u32) -> Self {
        world.clock.set(START);
        let resource = |which: u8| {
            let mut bytes = [which; 16];
            bytes[..4].copy_from_slice(&case.to_be_bytes());
            ResourceId::from_bytes(bytes)
        };
        let resources = [resource(0xaa), resource(0xbb)];
        let mut users = Vec::new();
        for _ in 0..USERS {
            // The same id in both: only the resource tells them apart.
            users.push(world.twins_of(resources).await);
        }
        let users: [UserId; USERS] = users.try_into().expect("as many as asked for");
        Self {
            world,
            resources,
            users,
            known: [users.into(), users.into()],
            threads: Vec::new(),
            slots: [None; SLOTS],
            now: START.0,
        }
    }

    fn home(slot: usize) -> usize {
        usize::from(slot == SLOTS - 1)
    }

    fn by(&self, place: Place) -> By {
        By {
            resource: self.resources[Self::home(place.slot) ^ usize::from(place.astray)],
            caller: self.users[place.user],
        }
    }

    fn members(&self, wishes: &[Wish]) -> Vec<Member> {
        let member = |wish: &Wish| Member {
            user: *self.users.get(wish.user).unwrap_or(&UserId::from_bytes([7; 16])),
            display_name: wish.name.map(|name| format!("name {name}")),
            share_history: match wish.share {
                Share::All => ShareHistory::All,
                Share::Nothing => ShareHistory::None,
                Share::Since(offset) => ShareHistory::Since(Millis(self.now + offset)),
            },
            metadata: wish
                .metadata
                .map(|value| Metadata::from([("key".to_owned(), format!("value {value}"))]))
                .unwrap_or_default(),
            roles: Vec::new(),
        };
        wishes.iter().map(member).collect()
    }

    async fn create(&mut self, place: Place, wishes: &[Wish], limit: Option<usize>) {
        let place = Place { astray: false, ..place };
        let by = self.by(place);
        let known = &self.known[Self::home(place.slot)];
        // What a creator who does not exist gets is told apart, in `isolation`.
        if !known.contains(&by.caller) {
            return;
        }
        let mut members = self.members(wishes);
        let mut seen = BTreeSet::new();
        // Requests name nobody twice: they are sorted before.
        members.retain(|member| seen.insert(member.user));
        let id = self.world.new_thread();
        let metadata: Metadata = (0..3).map(|key| (format!("key {key}"), "first".to_owned())).collect();
        let mut thread = Thread::new(id, by, "first topic", metadata.clone(), None);
        let change = CreateThread {
            at: InThread {
                resource: by.resource,
                thread: id,
                caller: by.caller,
            },
            topic: "first topic".to_owned(),
            metadata,
            retention: None,
            members: members.clone(),
            total: members.len(),
            limit,
        };
        let expected = thread.create(self.now, by, known, &members, limit);
        let got = self.world.commit(change).await;
        let got = got.map(|created| {
            assert_eq!((created.thread, created.created_ms), (*id.as_bytes(), self.now));
            created.added
        });
        assert_eq!(got, expected);
        if expected.is_ok() {
            self.slots[place.slot] = Some(self.threads.len());
            self.threads.push(thread);
        }
    }

    async fn apply(&mut self, op: &Op) {
        let world = self.world;
        let place = match op {
            Op::Clock(step) => {
                self.now += step;
                return world.clock.set(Millis(self.now));
            }
            Op::DeleteUser(user, there) => {
                let which = usize::from(*there);
                let existed = self.known[which].remove(&self.users[*user]);
                let deleted = world.users.delete(self.resources[which], self.users[*user]).await;
                return assert_eq!(deleted.is_ok(), existed);
            }
            Op::Purge(slot) => {
                let deleted = self.slots[*slot]
                    .map(|at| &self.threads[at])
                    .filter(|one| one.is_deleted());
                if let Some(thread) = deleted {
                    while !world.store.background(PurgeChunk(thread.id)).await.expect("purges") {}
                }
                return;
            }
            Op::Create(place, wishes, limit) => return self.create(*place, wishes, *limit).await,
            Op::Add(place, ..)
            | Op::Remove(place, _)
            | Op::Send(place, ..)
            | Op::Edit(place, ..)
            | Op::DeleteMessage(place, _)
            | Op::Read(place, ..)
            | Op::Update(place, ..)
            | Op::DeleteThread(place, _) => *place,
        };
        let Some(slot) = self.slots[place.slot] else { return };
        let (now, by) = (self.now, self.by(place));
        let known = self.known[Self::home(place.slot)].clone();
        let at = InThread {
            resource: by.resource,
            thread: self.threads[slot].id,
            caller: by.caller,
        };
        match op {
            Op::Add(_, wishes, limit, chunk) => {
                let members = self.members(wishes);
                let (announce, since_creation) = match chunk {
                    Chunk::Only => (true, false),
                    Chunk::Later => (false, false),
                    Chunk::OfCreation => (false, true),
                };
                let change = AddMembers {
                    at,
                    total: members.len(),
                    members: members.clone(),
                    announce,
                    since_creation,
                    limit: *limit,
                };
                let thread = &mut self.threads[slot];
                let expected = thread.add(now, by, &known, &members, *limit, announce, since_creation);
                assert_eq!(world.commit(change).await, expected);
            }
            Op::Remove(_, user) => {
                let user = self.users[*user];
                let expected = self.threads[slot].remove(now, by, user);
                assert_eq!(world.commit(RemoveMember { at, user }).await, expected);
            }
            Op::Send(_, html, text) => {
                let doc = MessageDoc {
                    content: TEXTS[*text].0.to_owned(),
                    sender_display_name: html.then(|| "sender".to_owned()),
                    metadata: Metadata::from([("key 0".to_owned(), "sent".to_owned())]),
                    high_priority: *html,
                    attachments: Vec::new(),
                };
                let expected = self.threads[slot].send(now, by, *html, &doc);
                assert_eq!(world.commit(SendMessage::new(at, *html, &doc)).await, expected);
            }
            Op::Edit(_, message, text, patch, high_priority) => {
                let message = self.threads[slot].some_stamp(*message);
                let edit = Edit {
                    text: text.map(|text| TEXTS[text].0.to_owned()),
                    cleaned: text.map(|text| TEXTS[text].1.to_owned()),
                    metadata: patch_of(patch),
                    high_priority: *high_priority,
                };
                let change = UpdateMessage {
                    at,
                    message: Stamp(message),
                    content: edit.text.clone(),
                    metadata: edit.metadata.clone(),
                    high_priority: edit.high_priority,
                    attachments: None,
                };
                let expected = self.threads[slot].edit(now, by, message, &edit);
                assert_eq!(world.commit(change).await, expected);
            }
            Op::DeleteMessage(_, message) => {
                let message = self.threads[slot].some_stamp(*message);
                let expected = self.threads[slot].delete_message(now, by, message);
                let message = Stamp(message);
                assert_eq!(world.commit(DeleteMessage { at, message }).await, expected);
            }
            Op::Read(_, message, most) => {
                let message = self.threads[slot].some_stamp(*message);
                let expected = self.threads[slot].read_up_to(now, by, message, *most);
                let change = SendReceipt {
                    at,
                    message: Stamp(message),
                    most_members: *most,
                };
                let told = world.commit(change).await;
                assert_eq!(told.map(|told| Millis(told.read_ms)), expected);
            }
            Op::Update(_, topic, patch, days) => {
                let topic = topic.map(|topic| TEXTS[topic].0.to_owned());
                let (metadata, retention) = (patch_of(patch), retention_of(*days));
                let expected = self.threads[slot].update(now, by, &topic, &metadata, retention);
                let change = UpdateThread {
                    at,
                    topic,
                    metadata,
                    retention,
                };
                assert_eq!(world.commit(change).await, expected);
            }
            Op::DeleteThread(_, by_policy) => {
                // A policy that comes second is told apart, in `deletion`.
                let by_policy = *by_policy && !self.threads[slot].is_deleted();
                let expected = self.threads[slot].delete(now, by, by_policy);
                assert_eq!(world.commit(DeleteThread { at, by_policy }).await, expected);
            }
            Op::Clock(_) | Op::Create(..) | Op::Purge(_) | Op::DeleteUser(..) => unreachable!("done above"),
        }
    }

    /// All that each user of each resource sees, in pages of a few sizes.
    async fn compare(&self, size: usize) {
        for resource in self.resources {
            for caller in self.users {
                let by = By { resource, caller };
                let mut lines: Vec<_> = self.threads.iter().filter_map(|thread| thread.line(by)).collect();
                lines.sort_by_key(|line| line.thread);
                let listed = self.world.threads_in_pages(resource, caller, None, size).await;
                assert_eq!(listed, lines, "threads of {by:?}");
                let start = lines.first().and_then(|line| line.last_message);
                lines.retain(|line| line.last_message >= start);
                let listed = self.world.threads_in_pages(resource, caller, start, size).await;
                assert_eq!(listed, lines, "threads of {by:?} from {start:?}");
                for thread in &self.threads {
                    self.compare_thread(thread, by, size).await;
                }
            }
        }
    }

    async fn compare_thread(&self, thread: &Thread, by: By, size: usize) {
        let world = self.world;
        let at = InThread {
            resource: by.resource,
            thread: thread.id,
            caller: by.caller,
        };
        let in_model = |listed: Vec<samband_chat::StoredMessage>| listed.iter().map(Line::stored).collect::<Vec<_>>();
        let seen = thread.seen(by);
        let listed = world.list_in_pages(at, None, size).await;
        assert_eq!(listed.map(in_model), seen, "messages of {at:?}");
        assert_eq!(world.ask(GetThread(at)).await, thread.info(by), "{at:?}");
        if by.resource != thread.resource {
            return;
        }
        let members = thread.members(by);
        assert_eq!(world.members_in_pages(at, size).await, members, "members of {at:?}");
        let receipts = thread.receipts(by);
        assert_eq!(world.receipts_in_pages(at, size).await, receipts, "receipts of {at:?}");
        let may_type = MayType {
            at,
            most_members: Some(2),
        };
        let expected = members.and_then(|members| match members.len() {
            met @ 3.. => Err(ChatRefused::TooManyForReceipts { limit: 2, met }),
            met => Ok(met as i64),
        });
        assert_eq!(world.ask(may_type).await, expected);

        let Ok(seen) = seen else { return };
        // From the middle, and one by one what one user in four sees and does not see.
        let start = seen.get(seen.len() / 2).map(|line| line.stamp);
        if let Some(start) = start {
            let listed = world.list_in_pages(at, Some(Millis(start)), size).await;
            let expected: Vec<_> = seen.iter().filter(|line| line.stamp >= start).cloned().collect();
            assert_eq!(listed.map(in_model), Ok(expected), "messages of {at:?} from {start}");
        }
        for (n, line) in thread.lines.iter().enumerate() {
            if self.users[n % USERS] == by.caller {
                let message = Stamp(line.stamp);
                let got = world.ask(GetMessage { at, message }).await;
                let expected = seen.iter().find(|one| one.stamp == line.stamp).cloned();
                let expected = expected.ok_or(ChatRefused::MessageNotFound);
                assert_eq!(got.as_ref().map(Line::stored).map_err(Clone::clone), expected, "{at:?}");
            }
        }
    }
}

/// Begins with a thread in each slot: a sequence that waits for one to be created does little.
async fn sequence(world: &World, case: u32, beginnings: &[Vec<Wish>], ops: &[Op], size: usize) {
    let mut both = Both::new(world, case).await;
    for (slot, wishes) in beginnings.iter().enumerate() {
        let place = Place {
            slot,
            user: slot,
            astray: false,
        };
        both.create(place, wishes, None).await;
    }
    for op in ops {
        both.apply(op).await;
    }
    both.compare(size).await;
}

#[test]
fn the_store_does_what_the_model_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/contract/sequences.regressions",
        ))),
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 100;
    }
    for world in runtime.block_on(worlds()) {
        println!("engine: {}", world.name());
        let case = std::cell::Cell::new(0);
        let sequences = (vec(wishes(), SLOTS), vec(op(), 20..60), 1..6usize);
        let outcome = TestRunner::new(config.clone()).run(&sequences, |(beginnings, ops, size)| {
            case.set(case.get() + 1);
            runtime.block_on(sequence(&world, case.get(), &beginnings, &ops, size));
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{}: {error}", world.name());
        }
    }
}
