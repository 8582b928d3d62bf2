//! Messages: sent in the order of one clock for each thread, edited and deleted by their senders.

use std::collections::HashSet;

use samband_chat::store::{DeleteMessage, InThread, SendMessage, UpdateMessage, UpdateThread};
use samband_chat::{ChatRefused, Kinds, MessageDoc, StoredMessage};
use samband_core::{Millis, Stamp};
use samband_wire_chat::MetadataPatch;

use crate::world::{START, World, member, message_doc, metadata, on_every_engine, text_doc};

fn edit(at: InThread, message: Stamp, content: &str) -> UpdateMessage {
    UpdateMessage {
        at,
        message,
        content: Some(content.to_owned()),
        metadata: None,
        high_priority: None,
        attachments: None,
    }
}

#[tokio::test]
async fn a_message_is_read_as_it_was_sent() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        world.clock.advance(1_000);
        let doc = MessageDoc {
            content: "tea \0 <b>&amp;</b> \u{10ffff} \"quoted\" \\ ☕".to_owned(),
            sender_display_name: Some("A. \0".to_owned()),
            metadata: metadata(&[("k", "v\0"), ("", "")]),
            high_priority: true,
            attachments: Vec::new(),
        };
        let sent = SendMessage::new(world.at(thread, alice), false, &doc);
        let stamp = world.commit(sent).await.unwrap();
        assert_eq!(stamp.0, START.0 + 1_000);
        let read = world.get(world.at(thread, bob), stamp).await.unwrap();
        assert_eq!(message_doc(&read), doc);
        let expected = StoredMessage {
            stamp,
            kind: Kinds::TEXT,
            actor: Some(alice),
            seq: 3,
            version: stamp,
            edited: None,
            deleted: None,
            doc: read.doc.clone(),
        };
        assert_eq!(read, expected);
        assert_eq!(world.list(world.at(thread, bob)).await.unwrap()[0], read);

        let html = SendMessage::new(world.at(thread, bob), true, &text_doc("<b>hi</b>"));
        let stamp = world.commit(html).await.unwrap();
        let read = world.get(world.at(thread, alice), stamp).await.unwrap();
        assert_eq!((read.kind, read.seq, read.actor), (Kinds::HTML, 4, Some(bob)));
    })
    .await;
}

#[tokio::test]
async fn an_empty_and_a_large_message_are_messages() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let at = world.at(world.thread(alice, &[]).await, alice);
        for text in ["", &"x".repeat(28_672), &"\0".repeat(28_672)] {
            let stamp = world.say(at, text).await.unwrap();
            let read = world.get(at, stamp).await.unwrap();
            assert_eq!(message_doc(&read).content, text);
        }
    })
    .await;
}

#[tokio::test]
async fn only_those_who_take_part_send() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[]).await;
        assert_eq!(
            world.say(world.at(thread, bob), "?").await,
            Err(ChatRefused::NotParticipant)
        );
        let missing = world.at(world.new_thread(), alice);
        assert_eq!(world.say(missing, "?").await, Err(ChatRefused::ThreadNotFound));
        let at = world.at(thread, alice);
        assert_eq!(world.texts(at).await.unwrap(), ["(added)", "(topic)"]);
        assert_eq!(
            world.get(world.at(thread, bob), Stamp(START.0)).await,
            Err(ChatRefused::NotParticipant)
        );
    })
    .await;
}

/// `stamp = max(now, last + 1)`, for messages and all other changes alike.
#[tokio::test]
async fn the_threads_clock_never_stands_and_never_goes_back() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let at = world.at(world.thread(alice, &[]).await, alice);
        let first = world.list(at).await.unwrap()[0].stamp;
        assert_eq!(first.0, START.0 + 2, "creation, members, topic in one millisecond");

        // Standing: one millisecond each.
        assert_eq!(world.say(at, "a").await.unwrap().0, first.0 + 1);
        assert_eq!(world.say(at, "b").await.unwrap().0, first.0 + 2);
        let line = &world.threads(alice).await[0];
        assert_eq!(
            line.last_message,
            Some(Millis(first.0 + 2)),
            "by the thread's clock too"
        );
        // Overtaken: the time itself.
        world.clock.set(START.plus(1_000));
        assert_eq!(world.say(at, "c").await.unwrap().0, START.0 + 1_000);
        // Just behind, level and just ahead of the thread.
        world.clock.set(START.plus(999));
        assert_eq!(world.say(at, "d").await.unwrap().0, START.0 + 1_001);
        world.clock.set(START.plus(1_002));
        assert_eq!(world.say(at, "e").await.unwrap().0, START.0 + 1_002);
        // A step back of years.
        world.clock.set(Millis(5));
        let before = world.say(at, "f").await.unwrap();
        assert_eq!(before.0, START.0 + 1_003);
        // Each change takes its place, message or not.
        world.add(at, vec![member(bob)]).await.unwrap();
        world.commit(edit(at, before, "F")).await.unwrap();
        let quiet = UpdateThread {
            at,
            topic: None,
            metadata: Some(MetadataPatch::new()),
            retention: None,
        };
        world.commit(quiet).await.unwrap();
        world.commit(DeleteMessage { at, message: before }).await.unwrap();
        assert_eq!(world.say(at, "g").await.unwrap().0, START.0 + 1_008);
        // Refusals and reading take none.
        world
            .say(world.at(at.thread, world.user().await), "?")
            .await
            .unwrap_err();
        world.read_up_to(at, before).await.unwrap();
        assert_eq!(world.say(at, "h").await.unwrap().0, START.0 + 1_009);

        let listed = world.list(at).await.unwrap();
        let sequence: Vec<_> = listed.iter().rev().map(|message| message.seq).collect();
        assert_eq!(sequence, (1..=11).collect::<Vec<_>>(), "dense over messages");
        assert!(listed.is_sorted_by(|newer, older| newer.stamp > older.stamp));
    })
    .await;
}

#[tokio::test]
async fn one_threads_clock_is_not_anothers() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let one = world.at(world.thread(alice, &[]).await, alice);
        let two = world.at(world.thread(alice, &[]).await, alice);
        let (first, second) = (world.say(one, "1").await.unwrap(), world.say(two, "2").await.unwrap());
        assert_eq!(first, second, "the same id, in different threads");
        assert_eq!(world.texts(one).await.unwrap().last().unwrap(), "1");
        assert_eq!(message_doc(&world.get(two, second).await.unwrap()).content, "2");
    })
    .await;
}

#[tokio::test]
async fn senders_at_the_same_time_get_a_place_each() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let threads = [world.thread(alice, &[bob]).await, world.thread(bob, &[alice]).await];
        let mut sending = tokio::task::JoinSet::new();
        for n in 0..200 {
            let at = world.at(threads[n % 2], if n % 3 == 0 { alice } else { bob });
            let (store, doc) = (world.store.clone(), text_doc(&n.to_string()));
            sending.spawn(async move {
                let stamp = store.commit(SendMessage::new(at, false, &doc)).await.unwrap();
                (at.thread, stamp, n.to_string())
            });
        }
        let sent = sending.join_all().await;
        for thread in threads {
            let listed = world.list(world.at(thread, alice)).await.unwrap();
            let sequence: Vec<_> = listed.iter().rev().map(|message| message.seq).collect();
            assert_eq!(sequence, (1..=102).collect::<Vec<_>>());
            let stamps: HashSet<_> = listed.iter().map(|message| message.stamp).collect();
            assert_eq!(stamps.len(), listed.len());
            assert!(listed.is_sorted_by(|newer, older| newer.stamp > older.stamp));
            for (_, stamp, text) in sent.iter().filter(|(of, ..)| *of == thread) {
                let message = listed.iter().find(|message| message.stamp == *stamp).unwrap();
                assert_eq!(&message_doc(message).content, text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_edit_changes_what_is_given_and_keeps_the_place() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        let doc = MessageDoc {
            content: "before".to_owned(),
            sender_display_name: Some("Alice".to_owned()),
            metadata: metadata(&[("kept", "1"), ("changed", "1"), ("removed", "1")]),
            high_priority: true,
            attachments: Vec::new(),
        };
        let stamp = world.commit(SendMessage::new(at, false, &doc)).await.unwrap();
        let sent = world.get(bobs, stamp).await.unwrap();
        world.say(bobs, "after it").await.unwrap();
        let line = world.threads(bob).await;
        world.clock.advance(1_000);

        world.commit(edit(at, stamp, "after \0")).await.unwrap();
        let edited = world.get(bobs, stamp).await.unwrap();
        let version = Stamp(START.0 + 1_000);
        assert_eq!(edited.version, version);
        assert_eq!(edited.edited, Some(Millis(version.0)));
        let expected = MessageDoc {
            content: "after \0".to_owned(),
            ..doc.clone()
        };
        assert_eq!(message_doc(&edited), expected);
        assert_eq!(
            (edited.stamp, edited.seq, edited.actor),
            (sent.stamp, sent.seq, sent.actor)
        );
        let listed = world.list(bobs).await.unwrap();
        assert_eq!(listed.len(), 4, "an edit is no message");
        assert_eq!(listed[1], edited);
        assert_eq!(world.threads(bob).await, line, "nor is anything received by it");

        let patch = [("changed", Some("2")), ("removed", None), ("added", Some("\0"))];
        let patched = UpdateMessage {
            at,
            message: stamp,
            content: None,
            metadata: Some(
                patch
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.map(str::to_owned)))
                    .collect(),
            ),
            high_priority: Some(false),
            attachments: None,
        };
        world.commit(patched).await.unwrap();
        let patched = world.get(bobs, stamp).await.unwrap();
        let expected = MessageDoc {
            metadata: metadata(&[("added", "\0"), ("changed", "2"), ("kept", "1")]),
            high_priority: false,
            ..expected
        };
        assert_eq!(message_doc(&patched), expected);
        assert_eq!(patched.version.0, version.0 + 1);
    })
    .await;
}

#[tokio::test]
async fn edited_html_is_cleaned_and_edited_text_is_not() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let at = world.at(world.thread(alice, &[]).await, alice);
        let dirty = r#"<b onclick="x()">hi</b><script>alert(1)</script>"#;
        for (html, expected) in [(true, "<b>hi</b>"), (false, dirty)] {
            let sent = SendMessage::new(at, html, &text_doc("hi"));
            let stamp = world.commit(sent).await.unwrap();
            world.commit(edit(at, stamp, dirty)).await.unwrap();
            let read = world.get(at, stamp).await.unwrap();
            assert_eq!(message_doc(&read).content, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_sender_edits_and_deletes_and_only_while_taking_part() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[bob]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        let stamp = world.say(bobs, "mine").await.unwrap();
        let before = world.list(at).await.unwrap();
        let refused = async |at, message, why: ChatRefused| {
            let edited = world.commit(edit(at, message, "x")).await;
            assert_eq!(edited, Err(why.clone()), "editing");
            let deleted = world.commit(DeleteMessage { at, message }).await;
            assert_eq!(deleted, Err(why), "deleting");
        };
        refused(at, stamp, ChatRefused::NotSender).await;
        refused(world.at(thread, carol), stamp, ChatRefused::NotParticipant).await;
        refused(world.at(world.new_thread(), bob), stamp, ChatRefused::ThreadNotFound).await;
        refused(bobs, Stamp(stamp.0 + 1), ChatRefused::MessageNotFound).await;
        refused(bobs, Stamp(-1), ChatRefused::MessageNotFound).await;
        // The creation is an entry, but no message.
        refused(at, Stamp(START.0), ChatRefused::MessageNotFound).await;
        // What the system says in somebody's name is not theirs to change.
        for system in &before[1..] {
            assert_eq!(system.actor, Some(alice));
            refused(at, system.stamp, ChatRefused::NotSender).await;
        }
        world.remove(at, bob).await.unwrap();
        refused(bobs, stamp, ChatRefused::NotParticipant).await;
        assert_eq!(world.list(at).await.unwrap()[1..], before);
        // Back again, with what was said in the first stay.
        world.add(at, vec![member(bob)]).await.unwrap();
        world.commit(edit(bobs, stamp, "still mine")).await.unwrap();
        assert_eq!(message_doc(&world.get(at, stamp).await.unwrap()).content, "still mine");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_leaves_its_place_and_nothing_else() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        let doc = MessageDoc {
            content: "secret".to_owned(),
            sender_display_name: Some("secret".to_owned()),
            metadata: metadata(&[("secret", "secret")]),
            high_priority: true,
            attachments: Vec::new(),
        };
        let stamp = world.commit(SendMessage::new(at, false, &doc)).await.unwrap();
        world.commit(edit(at, stamp, "secret too")).await.unwrap();
        let before = world.get(at, stamp).await.unwrap();
        world.say(bobs, "answer").await.unwrap();
        world.clock.advance(1_000);

        let delete = || DeleteMessage { at, message: stamp };
        world.commit(delete()).await.unwrap();
        let version = Stamp(START.0 + 1_000);
        let expected = StoredMessage {
            version,
            deleted: Some(Millis(version.0)),
            doc: b"{}".to_vec(),
            ..before
        };
        assert_eq!(world.get(bobs, stamp).await, Ok(expected.clone()));
        let listed = world.list(bobs).await.unwrap();
        assert_eq!((listed.len(), &listed[1]), (4, &expected));

        // Again is no error and changes nothing, not even the thread's clock.
        world.clock.advance(1_000);
        world.commit(delete()).await.unwrap();
        assert_eq!(world.list(bobs).await.unwrap(), listed);
        let edited = world.commit(edit(at, stamp, "undead")).await;
        assert_eq!(edited, Err(ChatRefused::MessageNotFound));
        let by_another = world.commit(edit(bobs, stamp, "undead")).await;
        assert_eq!(by_another, Err(ChatRefused::NotSender));
        assert_eq!(world.list(bobs).await.unwrap(), listed);
        assert_eq!(world.say(at, "next").await.unwrap().0, START.0 + 2_000);
        assert_eq!(world.list(bobs).await.unwrap()[0].seq, 5);
    })
    .await;
}
