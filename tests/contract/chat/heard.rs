//! What listeners ask: which threads a user hears, and what they missed in one.

use samband_chat::store::{
    CreateThread, DeleteMessage, InThread, Memberships, MissedBy, NotesAfter, NotesAt, NotesOfResource, PurgeChunk,
    Told, UpdateMessage, UpdateThread, is_gone,
};
use samband_chat::{ChangedDoc, Kinds};
use samband_core::{LogPosition, Note, ResourceId, Stamp, StreamId, ThreadId, UserId};

use crate::world::{START, World, member, metadata, on_every_engine};

async fn memberships(world: &World, resource: ResourceId, user: UserId) -> Vec<(ThreadId, Stamp)> {
    let mut threads = world.ask(Memberships { resource, user }).await;
    threads.sort();
    threads
}

/// As a listener that asks again until nothing is left.
async fn notes_in_pages(world: &World, thread: ThreadId, mut after: Stamp, limit: usize) -> Vec<Note> {
    let mut all: Vec<Note> = Vec::new();
    loop {
        let query = NotesAfter {
            resource: world.resource,
            thread,
            after,
            limit,
        };
        let notes = world.ask(query).await;
        assert!(notes.len() <= limit);
        let Some(last) = notes.last() else { return all };
        after = last.stamp;
        all.extend(notes);
    }
}

#[tokio::test]
async fn a_user_hears_the_live_threads_they_are_in() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.twins().await, world.user().await);
        let one = world.thread(alice, &[bob]).await;
        let two = world.thread(bob, &[alice]).await;
        let three = world.thread(bob, &[]).await;
        let creation = world.creation(alice, vec![]);
        let elsewhere = InThread {
            resource: world.other,
            ..creation.at
        };
        world
            .commit(CreateThread {
                at: elsewhere,
                ..creation
            })
            .await
            .unwrap();
        let began = Stamp(START.0 + 2);
        let mut expected = vec![(one, began), (two, began)];
        expected.sort();
        assert_eq!(memberships(&world, world.resource, alice).await, expected);
        assert_eq!(
            memberships(&world, world.other, alice).await,
            [(elsewhere.thread, began)]
        );

        // The newest entry counts, message or not.
        let said = world.say(world.at(two, bob), "hi").await.unwrap();
        let deletion = DeleteMessage {
            at: world.at(two, bob),
            message: said,
        };
        world.commit(deletion).await.unwrap();
        world.remove(world.at(one, bob), alice).await.unwrap();
        let newest = Stamp(said.0 + 1);
        assert_eq!(memberships(&world, world.resource, alice).await, [(two, newest)]);
        world.delete_thread(world.at(two, bob)).await.unwrap();
        assert_eq!(memberships(&world, world.resource, alice).await, []);
        world.add(world.at(three, bob), vec![member(alice)]).await.unwrap();
        assert_eq!(
            memberships(&world, world.resource, alice).await,
            [(three, Stamp(began.0 + 1))]
        );
    })
    .await;
}

/// Makes every kind of entry; what is secret is deleted in the end.
async fn eventful_thread(world: &World) -> (InThread, [Stamp; 2]) {
    let (alice, bob) = (world.user().await, world.user().await);
    let at = world.at(world.thread(alice, &[]).await, alice);
    let edit = async |message, text: &str| {
        let edit = UpdateMessage {
            at,
            message,
            content: Some(text.to_owned()),
            metadata: None,
            high_priority: None,
            attachments: None,
        };
        world.commit(edit).await.unwrap();
    };
    let kept = world.say(at, "first").await.unwrap();
    edit(kept, "second").await;
    let secret = world.say(at, "secret").await.unwrap();
    edit(secret, "secret too").await;
    edit(kept, "third").await;
    world.commit(DeleteMessage { at, message: secret }).await.unwrap();
    world.add(at, vec![member(bob)]).await.unwrap();
    world.remove(at, bob).await.unwrap();
    for topic in [Some("new topic".to_owned()), None] {
        let update = UpdateThread {
            at,
            topic,
            metadata: Some(
                metadata(&[])
                    .into_iter()
                    .map(|(key, value)| (key, Some(value)))
                    .collect(),
            ),
            retention: None,
        };
        world.commit(update).await.unwrap();
    }
    (at, [kept, secret])
}

const EVENTFUL: [samband_core::Kind; 13] = [
    Kinds::THREAD_CREATED,
    Kinds::PARTICIPANTS_ADDED,
    Kinds::TOPIC_UPDATED,
    Kinds::TEXT,
    Kinds::MESSAGE_EDITED,
    Kinds::TEXT,
    Kinds::MESSAGE_EDITED,
    Kinds::MESSAGE_EDITED,
    Kinds::MESSAGE_DELETED,
    Kinds::PARTICIPANTS_ADDED,
    Kinds::PARTICIPANT_REMOVED,
    Kinds::TOPIC_UPDATED,
    Kinds::THREAD_UPDATED,
];

#[tokio::test]
async fn what_was_missed_is_told_in_order_and_without_a_gap() {
    on_every_engine(async |world: World| {
        let (at, [kept, secret]) = eventful_thread(&world).await;
        let notes = notes_in_pages(&world, at.thread, Stamp(0), 100).await;
        let kinds: Vec<_> = notes.iter().map(|note| note.kind).collect();
        assert_eq!(kinds, EVENTFUL);
        let mut last = Stamp(0);
        for note in &notes {
            assert_eq!(note.prev, last, "who heard the one before has missed nothing");
            assert!(note.stamp > note.prev);
            last = note.stamp;
            assert_eq!(note.stream, StreamId::from(at.thread));
            assert_eq!((note.resource, note.at), (world.resource, START));
            let actor = note.actor.as_deref().and_then(samband_chat::store::user_of);
            assert_eq!(actor, Some(at.caller));
        }
        let messages: Vec<_> = notes.iter().filter_map(|note| note.seq).collect();
        assert_eq!(messages, [1, 2, 3, 4, 5, 6, 7]);
        let about: Vec<_> = notes.iter().filter_map(|note| note.about).collect();
        assert_eq!(about, [kept, secret, kept, secret]);

        for limit in 1..=notes.len() + 1 {
            assert_eq!(notes_in_pages(&world, at.thread, Stamp(0), limit).await, notes);
        }
        for (n, note) in notes.iter().enumerate() {
            let rest = notes_in_pages(&world, at.thread, note.stamp, 3).await;
            assert_eq!(rest, notes[n + 1..]);
        }
        let nowhere = notes_in_pages(&world, world.new_thread(), Stamp(0), 3).await;
        assert_eq!(nowhere, []);
    })
    .await;
}

#[tokio::test]
async fn what_was_missed_is_told_as_it_is_today() {
    on_every_engine(async |world: World| {
        let (at, [kept, secret]) = eventful_thread(&world).await;
        let notes = notes_in_pages(&world, at.thread, Stamp(0), 100).await;
        for note in &notes {
            let body = std::str::from_utf8(&note.body).unwrap();
            assert!(!body.contains("secret"), "{note:?}: {body}");
            // The message, and its edit; not that it was deleted.
            let of_secret = note.stamp == secret || note.about == Some(secret);
            assert_eq!(is_gone(note), of_secret && note.kind != Kinds::MESSAGE_DELETED);
            if note.about == Some(kept) {
                let changed: ChangedDoc = serde_json::from_slice(&note.body).unwrap();
                assert_eq!(changed.message.content, "third", "each edit shows the present text");
                assert!(!changed.html);
            }
        }
        let said = notes.iter().find(|note| note.stamp == kept).unwrap();
        assert!(std::str::from_utf8(&said.body).unwrap().contains("third"));
    })
    .await;
}

#[tokio::test]
async fn of_a_purged_thread_nothing_that_was_said_is_told() {
    on_every_engine(async |world: World| {
        let (at, _) = eventful_thread(&world).await;
        world.delete_thread(at).await.unwrap();
        while !world.store.background(PurgeChunk(at.thread)).await.unwrap() {}
        for note in notes_in_pages(&world, at.thread, Stamp(0), 100).await {
            let body = std::str::from_utf8(&note.body).unwrap();
            for said in ["first", "second", "third", "secret"] {
                assert!(!body.contains(said), "{note:?}: {body}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn another_resource_is_told_nothing() {
    on_every_engine(async |world: World| {
        let (at, _) = eventful_thread(&world).await;
        let query = NotesAfter {
            resource: world.other,
            thread: at.thread,
            after: Stamp(0),
            limit: 100,
        };
        assert_eq!(world.ask(query).await, []);
    })
    .await;
}

/// All that a reader of the open stream is told after a position: a user, or a whole resource.
async fn replay(world: &World, user: Option<UserId>, after: LogPosition) -> Vec<Note> {
    let resource = world.resource;
    let Some(user) = user else {
        // In chunks of every size the same comes out.
        let mut whole: Option<Vec<Note>> = None;
        for limit in [1, 2, 3, 1_000] {
            let (mut notes, mut after) = (Vec::new(), after);
            loop {
                let chunk = world.ask(NotesOfResource { resource, after, limit }).await;
                notes.extend(chunk.notes);
                match chunk.read_to {
                    Some(read_to) => after = read_to,
                    None => break,
                }
            }
            assert!(whole.is_none_or(|whole| whole == notes), "limit {limit}");
            whole = Some(notes);
        }
        return whole.unwrap_or_default();
    };
    let told = Told::up_to(after);
    let found = world.ask(MissedBy { resource, user, told }).await;
    let missed = found.missed;
    assert!(found.settled.0 < i64::MAX || missed.is_sorted_by_key(|missed| missed.position));
    world.ask(NotesAt { resource, missed }).await
}

/// The gist of what is heard: kinds, without what is gone.
fn kinds(notes: &[Note]) -> Vec<samband_core::Kind> {
    notes
        .iter()
        .filter(|note| !is_gone(note))
        .map(|note| note.kind)
        .collect()
}

#[tokio::test]
async fn a_reader_that_resumes_hears_its_own_threads_while_it_was_in_them() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let one = world.at(world.thread(alice, &[bob]).await, alice);
        let two = world.at(world.thread(alice, &[]).await, alice);
        let from = replay(&world, None, LogPosition(0)).await.last().unwrap().position;
        assert_eq!(replay(&world, Some(bob), from).await, []);

        let first = world.say(one, "first").await.unwrap();
        world.say(two, "before bob").await.unwrap();
        world.add(two, vec![member(bob)]).await.unwrap();
        world.read_up_to(world.at(one.thread, bob), first).await.unwrap();
        world.say(two, "with bob").await.unwrap();
        world.remove(two, bob).await.unwrap();
        world.say(two, "after bob").await.unwrap();
        let heard = replay(&world, Some(bob), from).await;
        let expected = [
            Kinds::TEXT,
            Kinds::PARTICIPANTS_ADDED,
            Kinds::READ_RECEIPT,
            Kinds::TEXT,
            Kinds::PARTICIPANT_REMOVED,
        ];
        assert_eq!(kinds(&heard), expected);
        assert!(heard.iter().all(|note| note.position > from));
        // After each of them the rest, and nothing twice.
        for (index, note) in heard.iter().enumerate() {
            assert_eq!(replay(&world, Some(bob), note.position).await, heard[index + 1..]);
        }
        // Who comes back hears of both stays.
        world.add(two, vec![member(bob)]).await.unwrap();
        world.say(two, "with bob again").await.unwrap();
        let again = replay(&world, Some(bob), from).await;
        assert_eq!(kinds(&again)[5..], [Kinds::PARTICIPANTS_ADDED, Kinds::TEXT]);
        // A newer receipt takes the older one's place.
        let second = world.say(one, "second").await.unwrap();
        world.read_up_to(world.at(one.thread, bob), second).await.unwrap();
        // A late one for an older message changes nothing.
        world.read_up_to(world.at(one.thread, bob), first).await.unwrap();
        let receipts: Vec<_> = replay(&world, Some(alice), from).await;
        let receipts = receipts.iter().filter(|note| note.kind == Kinds::READ_RECEIPT).count();
        assert_eq!(receipts, 1);
        assert_eq!(replay(&world, Some(carol), LogPosition(0)).await, []);

        // The whole resource hears all of it, and nothing of another.
        let whole = kinds(&replay(&world, None, from).await);
        assert_eq!(whole.iter().filter(|kind| **kind == Kinds::TEXT).count(), 6);
        let elsewhere = NotesOfResource {
            resource: world.other,
            after: LogPosition(0),
            limit: 10,
        };
        assert!(world.ask(elsewhere).await.notes.is_empty());
    })
    .await;
}

#[tokio::test]
async fn of_a_deleted_thread_a_reader_hears_only_that() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let (at, _) = eventful_thread(&world).await;
        world.add(at, vec![member(alice), member(bob)]).await.unwrap();
        world.remove(at, bob).await.unwrap();
        world.delete_thread(at).await.unwrap();
        let all = [Some(alice), Some(at.caller), None];
        for reader in all {
            let heard = replay(&world, reader, LogPosition(0)).await;
            assert_eq!(kinds(&heard), [Kinds::THREAD_DELETED], "{reader:?}");
        }
        // Bob was removed before: for him there is nothing left.
        assert_eq!(kinds(&replay(&world, Some(bob), LogPosition(0)).await), []);
        while !world.store.background(PurgeChunk(at.thread)).await.unwrap() {}
        for reader in all {
            let heard = replay(&world, reader, LogPosition(0)).await;
            assert_eq!(kinds(&heard), [Kinds::THREAD_DELETED], "{reader:?}");
        }
    })
    .await;
}
