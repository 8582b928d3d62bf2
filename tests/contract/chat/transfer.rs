//! Everything carried from one store to another: nobody sees a difference, it goes on where it was
//! interrupted, and what differs in the end is found.

use std::ops::ControlFlow;

use samband_chat::store::{
    CHUNK_BYTES, CreateThread, Created, DeleteMessage, GetThread, InThread, MayType, Memberships, NotesOfResource,
    UpdateMessage, UpdateThread, View,
};
use samband_chat::{Kinds, Member, ShareHistory};
use samband_core::{LogPosition, StreamId, ThreadId, UserId};
use samband_resources::{Directory, NewResource};
use samband_store::transfer::{
    Compared, Progress, Side, Table, Transfer, TransferError, UnfinishedTransfer, Work, check_tables,
};
use samband_store::{
    BoxFuture, Change, LogState, RepeatKey, Repeatable, Stop, Store, Transaction, forget_expired_repeats, postgres,
    sqlite,
};
use samband_wire_chat::RetentionPolicy;
use sha2::{Digest, Sha256};

use crate::images;
use crate::world::{ALL, START, World, member, metadata, named, sharing, stores, worlds};

const ROOMS: &[&[Table]] = &[
    samband_resources::TABLES,
    samband_identity::TABLES,
    samband_chat::TABLES,
];
/// Far from all that a world has taken before.
const LATER: u64 = 1_000_000;

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn differing(compared: &[Compared]) -> Vec<&'static str> {
    let differing = compared.iter().filter(|table| !table.is_same());
    differing.map(|table| table.table).collect()
}

/// All of it, in chunks that are smaller than any table of these tests.
async fn carry(from: &Store, to: &Store) {
    let transfer = Transfer::begin(from.clone(), to.clone(), ROOMS).await.unwrap();
    let transfer = transfer.in_chunks_of(3);
    transfer.copy(go_on).await.unwrap();
    let compared = transfer.verify(go_on).await.unwrap();
    assert_eq!(differing(&compared), [""; 0]);
    let counts = transfer.counts(Side::Destination).await.unwrap();
    let rows = compared.iter().map(|table| (table.table, table.source.rows));
    assert_eq!(counts, rows.collect::<Vec<_>>());
    transfer.finish().await.unwrap();
}

/// Who and what there is in a store that holds something of everything.
struct Filled {
    users: Vec<UserId>,
    threads: Vec<ThreadId>,
    /// A thread in which much happened, as its creator sees it.
    lively: InThread,
    creation: Created,
}

fn repeated(world: &World, creator: UserId) -> Repeatable<CreateThread> {
    let key = RepeatKey {
        scope: b"scope \0".to_vec(),
        key: "key \0 \u{2615}".to_owned(),
        request_hash: [7; 32],
    };
    let change = world.creation(creator, vec![]);
    Repeatable { key, change }
}

async fn fill(world: &World) -> Filled {
    let directory = Directory::load(world.store.clone(), std::sync::Arc::new(samband_core::SystemRandom));
    let directory = directory.await.unwrap();
    for (id, name, port) in [(world.resource, "one", None), (world.other, "two", Some(50_000))] {
        let new = NewResource {
            name: name.to_owned(),
            port,
            data_location: "Local".to_owned(),
            primary: samband_core::Secret::new(b"first".to_vec()),
            secondary: samband_core::Secret::new(b"second".to_vec()),
        };
        directory.create_as(id, new).await.unwrap();
    }
    let (alice, bob, carol, dave) = (
        world.twins().await,
        world.user().await,
        world.user().await,
        world.user().await,
    );
    let creation = world.store.commit(repeated(world, alice)).await.unwrap();

    let guest = Member {
        metadata: metadata(&[("role", "guest \0")]),
        ..named(carol, "Carol \0")
    };
    let created = world.create(alice, vec![member(bob), guest]).await;
    let at = world.at(ThreadId::from_bytes(created.thread), alice);
    let bobs = InThread { caller: bob, ..at };
    let mut said = Vec::new();
    for n in 0..20 {
        world.clock.advance(n % 3);
        let by = if n % 2 == 0 { at } else { bobs };
        said.push(world.say(by, &format!("text {n} \0")).await.unwrap());
    }
    let edit = UpdateMessage {
        at,
        message: said[0],
        content: Some("edited \0".to_owned()),
        metadata: Some([("key".to_owned(), Some("value".to_owned()))].into_iter().collect()),
        high_priority: Some(true),
        attachments: None,
    };
    world.commit(edit).await.unwrap();
    let deletion = DeleteMessage {
        at: bobs,
        message: said[1],
    };
    world.commit(deletion).await.unwrap();
    world.read_up_to(bobs, said[2]).await.unwrap();
    world.read_up_to(at, said[19]).await.unwrap();
    world.remove(at, carol).await.unwrap();
    world.say(at, "without her").await.unwrap();
    world
        .add(at, vec![sharing(carol, ShareHistory::Since(START)), member(dave)])
        .await
        .unwrap();
    world.remove(at, dave).await.unwrap();
    let update = UpdateThread {
        at,
        topic: Some("topic \0".to_owned()),
        metadata: Some([("m".to_owned(), Some("v".to_owned()))].into_iter().collect()),
        retention: Some(RetentionPolicy::ThreadCreationDate {
            delete_thread_after_days: 30,
        }),
    };
    world.commit(update).await.unwrap();

    let deleted = world.thread(bob, &[alice, carol]).await;
    world.say(world.at(deleted, bob), "gone").await.unwrap();
    world.delete_thread(world.at(deleted, bob)).await.unwrap();
    let elsewhere = world.creation(alice, vec![]);
    let elsewhere = CreateThread {
        at: InThread {
            resource: world.other,
            ..elsewhere.at
        },
        ..elsewhere
    };
    let other = world.commit(elsewhere).await.unwrap();
    let large = 3 * CHUNK_BYTES + 5;
    images::upload(world, at, images::id(1), large, Some(9)).await.unwrap();
    images::upload(world, bobs, images::id(2), 9, None).await.unwrap();
    images::begin(world, at, images::id(3), 9, None).await.unwrap();
    world.users.delete(world.resource, dave).await.unwrap();
    Filled {
        users: vec![alice, bob, carol, dave],
        threads: vec![
            ThreadId::from_bytes(creation.thread),
            at.thread,
            deleted,
            ThreadId::from_bytes(other.thread),
        ],
        lively: at,
        creation,
    }
}

/// All that anybody is told of anything.
async fn seen(world: &World, filled: &Filled) -> Vec<String> {
    let mut seen = Vec::new();
    for resource in [world.resource, world.other] {
        for caller in filled.users.iter().copied() {
            let threads = world.threads_in_pages(resource, caller, None, ALL).await;
            seen.push(format!("{resource:?} {caller:?}: {threads:?}"));
            let mut memberships = world.ask(Memberships { resource, user: caller }).await;
            memberships.sort();
            seen.push(format!("memberships: {memberships:?}"));
            for thread in filled.threads.iter().copied() {
                let at = InThread {
                    resource,
                    thread,
                    caller,
                };
                seen.push(format!("{thread:?}: {:?}", world.ask(GetThread(at)).await));
                seen.push(format!("messages: {:?}", world.list(at).await));
                seen.push(format!("members: {:?}", world.members_in_pages(at, ALL).await));
                seen.push(format!("receipts: {:?}", world.receipts(at).await));
                for view in [View::Original, View::Small] {
                    for number in 1..=3 {
                        let image = images::get(world, at, images::id(number), view).await;
                        seen.push(format!(
                            "image: {:?}",
                            image.map(|(file, whole)| (file, Sha256::digest(whole)))
                        ));
                    }
                }
                let may_type = world.ask(MayType { at, most_members: None }).await;
                seen.push(format!("may type: {}", may_type.is_ok()));
            }
        }
    }
    seen
}

async fn notes_after(world: &World, after: LogPosition) -> Vec<samband_core::Note> {
    let query = NotesOfResource {
        resource: world.resource,
        after,
        limit: ALL,
    };
    world.ask(query).await.notes
}

/// What was carried there goes on as if it had always been there.
async fn goes_on(world: &World, filled: &Filled) {
    let resource = world.resource;
    let end = world.ask(LogState { resource }).await.end;
    assert_eq!(notes_after(world, end).await, [], "nothing of before is heard again");

    let at = filled.lively;
    let newest = world.list(at).await.unwrap()[0].clone();
    let said = world.say(at, "after").await.unwrap();
    assert!(said > newest.stamp, "{said:?} after {newest:?}");
    assert_eq!(world.list(at).await.unwrap()[0].seq, newest.seq + 1);
    let heard = notes_after(world, end).await;
    let [note] = &heard[..] else {
        panic!("one message: {heard:?}")
    };
    assert_eq!((note.kind, note.stamp), (Kinds::TEXT, said));

    let again = world.store.commit(repeated(world, at.caller)).await.unwrap();
    assert_eq!(again, filled.creation, "a repeated request is still one");
    let read = world.read_up_to(at, said).await.unwrap();
    assert!(world.receipts(at).await.unwrap().contains(&(at.caller, said, read)));
    let newcomer = world.user().await;
    world.add(at, vec![member(newcomer)]).await.unwrap();
    let kids =
        samband_identity::SigningKeys::load(world.store.clone(), std::sync::Arc::new(samband_core::SystemRandom));
    kids.await.unwrap().rotate().await.unwrap();
    let lease = world.lease().await;
    samband_chat::jobs::purge(&world.store, &lease).await.unwrap();
    forget_expired_repeats(&world.store, &lease).await.unwrap();
}

#[tokio::test]
async fn every_column_of_every_table_is_declared() {
    for store in stores().await.1 {
        println!("engine: {}", store.name);
        assert_eq!(check_tables(&store.store, ROOMS).await, Ok(()));
        let forgotten = check_tables(&store.store, &ROOMS[..2]).await.unwrap_err();
        assert!(forgotten.contains("receipt.pos is not known"), "{forgotten}");
    }
}

/// From each engine to each, and from there to another.
#[tokio::test]
async fn nobody_sees_a_difference() {
    for source in worlds().await {
        source.clock.set(START);
        let filled = fill(&source).await;
        let before = seen(&source, &filled).await;
        let (clock, first) = stores().await;
        let mut second = stores().await.1;
        second.rotate_left(1);
        for (first, second) in first.into_iter().zip(second) {
            println!("from {} to {} to {}", source.name(), first.name, second.name);
            carry(&source.store, &first.store).await;
            carry(&first.store, &second.store).await;
            clock.set(source.now());
            let first = World::over(first, &clock, LATER).await;
            assert_eq!(seen(&first, &filled).await, before);
            goes_on(&first, &filled).await;
            let second = World::over(second, &clock, LATER).await;
            assert_eq!(seen(&second, &filled).await, before);
            goes_on(&second, &filled).await;
        }
        assert_eq!(seen(&source, &filled).await, before, "the source stays as it is");
    }
}

#[tokio::test]
async fn what_was_interrupted_goes_on() {
    let worlds = worlds().await;
    for source in &worlds {
        source.clock.set(START);
        let filled = fill(source).await;
        let before = seen(source, &filled).await;
        let (clock, destinations) = stores().await;
        for destination in destinations {
            println!("from {} to {}", source.name(), destination.name);
            let to = destination.store.clone();
            let (mut attempts, mut done) = (0, false);
            while !done {
                attempts += 1;
                let transfer = Transfer::begin(source.store.clone(), to.clone(), ROOMS).await.unwrap();
                let transfer = transfer.in_chunks_of(2);
                let mut chunks = 0;
                let stopping = |progress: Progress| {
                    assert_eq!(progress.work, Work::Copying);
                    chunks += 1;
                    match chunks < attempts * 4 {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                };
                match transfer.copy(stopping).await {
                    Ok(()) => {
                        let compared = transfer.verify(go_on).await.unwrap();
                        assert_eq!(differing(&compared), [""; 0]);
                        transfer.finish().await.unwrap();
                        done = true;
                    }
                    Err(TransferError::Stopped) => {
                        assert!(to.read(UnfinishedTransfer).await.unwrap().is_some());
                        // What is there in part is no source, and nobody else's destination.
                        let other = stores().await.1.remove(1);
                        let onwards = Transfer::begin(to.clone(), other.store.clone(), ROOMS).await;
                        assert!(matches!(onwards, Err(TransferError::SourceUnfinished)));
                        let others = Transfer::begin(other.store.clone(), to.clone(), ROOMS).await;
                        assert!(matches!(others, Err(TransferError::OtherSource)));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(attempts > 3, "it was interrupted: {attempts} attempts");
            assert!(to.read(UnfinishedTransfer).await.unwrap().is_none());
            clock.set(source.now());
            let world = World::over(destination, &clock, LATER).await;
            assert_eq!(seen(&world, &filled).await, before);
            goes_on(&world, &filled).await;
        }
    }
}

#[tokio::test]
async fn a_destination_that_holds_something_is_refused() {
    let worlds = worlds().await;
    for source in &worlds {
        source.user().await;
        let same = Transfer::begin(source.store.clone(), source.store.clone(), ROOMS).await;
        assert!(matches!(same, Err(TransferError::Same)));
        for destination in &worlds {
            if destination.name() == source.name() {
                continue;
            }
            let refused = Transfer::begin(source.store.clone(), destination.store.clone(), ROOMS).await;
            assert!(matches!(refused, Err(TransferError::NotEmpty(_))));
            let unfinished = destination.store.read(UnfinishedTransfer).await;
            assert!(unfinished.unwrap().is_none(), "it stays usable");
        }
    }
}

/// The same on both engines.
struct Tamper(&'static str);

impl Change for Tamper {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        StreamId([0; 16])
    }
    fn sqlite(&self, tx: &mut sqlite::Tx<'_>) -> Result<(), Stop<()>> {
        assert_eq!(tx.execute(self.0, ())?, 1, "one row");
        Ok(())
    }
    fn postgres<'a>(&'a self, tx: &'a mut postgres::Tx) -> BoxFuture<'a, Result<(), Stop<()>>> {
        Box::pin(async {
            assert_eq!(tx.db().execute(self.0, &[]).await?, 1, "one row");
            Ok(())
        })
    }
}

#[tokio::test]
async fn what_differs_is_found() {
    let tamperings = [
        (
            "entry",
            "UPDATE entry SET edited_ms = 1 WHERE seq = 5 AND stream IN (SELECT stream FROM entry WHERE seq = 9)",
        ),
        (
            "identity",
            "UPDATE identity SET deleted_ms = NULL WHERE deleted_ms IS NOT NULL",
        ),
        (
            "thread_of_user",
            "UPDATE thread_of_user SET removed_pos = NULL WHERE removed_pos IS NOT NULL",
        ),
        ("purge", "DELETE FROM purge"),
    ];
    for source in worlds().await {
        source.clock.set(START);
        fill(&source).await;
        for destination in stores().await.1 {
            println!("from {} to {}", source.name(), destination.name);
            let transfer = Transfer::begin(source.store.clone(), destination.store.clone(), ROOMS).await;
            let transfer = transfer.unwrap();
            transfer.copy(go_on).await.unwrap();
            assert_eq!(differing(&transfer.verify(go_on).await.unwrap()), [""; 0]);
            let mut expected = Vec::new();
            for (table, sql) in tamperings {
                destination.store.commit(Tamper(sql)).await.unwrap();
                expected.push(table);
                let mut found = differing(&transfer.verify(go_on).await.unwrap());
                found.sort_unstable();
                expected.sort_unstable();
                assert_eq!(found, expected);
            }
        }
    }
}
