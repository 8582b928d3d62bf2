//! Threads: created, found, updated, and created once where the request is repeated.

use samband_chat::store::{CreateThread, Created, GetThread, UpdateThread};
use samband_chat::{ChatRefused, Kinds, Member, ThreadInfo};
use samband_core::{Millis, ThreadId, UserId};
use samband_store::{CommitError, RepeatKey, RepeatRefused, Repeatable};
use samband_wire_chat::{Metadata, MetadataPatch, RetentionPolicy};

use crate::world::{START, World, member, metadata, named, on_every_engine, sharing, system_doc};

fn thread_of(created: &Created) -> ThreadId {
    ThreadId::from_bytes(created.thread)
}

fn bytes(users: &[UserId]) -> Vec<[u8; 16]> {
    users.iter().map(|user| *user.as_bytes()).collect()
}

#[tokio::test]
async fn a_thread_is_found_by_its_members_as_it_was_created() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let creation = CreateThread {
            topic: "tea \0 & <b>cake</b> ☕".to_owned(),
            metadata: metadata(&[("a", "1"), ("", "\0")]),
            retention: Some(RetentionPolicy::ThreadCreationDate {
                delete_thread_after_days: 30,
            }),
            ..world.creation(alice, vec![named(bob, "Bob")])
        };
        let thread = creation.at.thread;
        let created = world.commit(creation).await.unwrap();
        assert_eq!(thread_of(&created), thread);
        assert_eq!(created.created_ms, START.0);
        for user in [alice, bob] {
            let info = world.ask(GetThread(world.at(thread, user))).await;
            let expected = ThreadInfo {
                thread,
                topic: "tea \0 & <b>cake</b> ☕".to_owned(),
                created: START,
                created_by: alice,
                metadata: metadata(&[("a", "1"), ("", "\0")]),
                retention: Some(RetentionPolicy::ThreadCreationDate {
                    delete_thread_after_days: 30,
                }),
            };
            assert_eq!(info, Ok(expected));
        }
        let asked = world.ask(GetThread(world.at(thread, carol))).await;
        assert_eq!(asked, Err(ChatRefused::NotParticipant));
        let asked = world.ask(GetThread(world.at(world.new_thread(), alice))).await;
        assert_eq!(asked, Err(ChatRefused::ThreadNotFound));
    })
    .await;
}

#[tokio::test]
async fn a_thread_begins_with_who_is_in_it_and_what_it_is_about() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let created = world.create(alice, vec![named(bob, "Bob")]).await;
        let at = world.at(thread_of(&created), bob);
        let listed = world.list(at).await.unwrap();
        let [topic, added] = &listed[..] else {
            panic!("two messages: {listed:?}")
        };
        assert_eq!((added.kind, added.seq), (Kinds::PARTICIPANTS_ADDED, 1));
        assert_eq!((topic.kind, topic.seq), (Kinds::TOPIC_UPDATED, 2));
        // The creation is an entry of its own, before both.
        assert!(added.stamp.0 > START.0 && topic.stamp > added.stamp);
        for message in [added, topic] {
            assert_eq!(message.actor, Some(alice));
            assert_eq!(message.version, message.stamp);
            assert_eq!((message.edited, message.deleted), (None, None));
        }
        assert_eq!(system_doc(topic).topic.as_deref(), Some("topic"));
        let doc = system_doc(added);
        let told: Vec<_> = doc
            .members
            .iter()
            .map(|one| {
                (
                    UserId::from_bytes(one.user),
                    one.display_name.as_deref(),
                    one.share_history_ms,
                )
            })
            .collect();
        assert_eq!(told, [(alice, None, 0), (bob, Some("Bob"), 0)]);
        assert_eq!(doc.total, None, "all are named");
    })
    .await;
}

#[tokio::test]
async fn the_creator_takes_part_named_or_not() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let unnamed = world.create(alice, vec![member(bob)]).await;
        assert_eq!(unnamed.added.valid, bytes(&[alice, bob]));
        let named_too = world.create(alice, vec![member(bob), named(alice, "Me")]).await;
        assert_eq!(named_too.added.valid, bytes(&[bob, alice]));
        let alone = world.create(alice, vec![]).await;
        assert_eq!(alone.added.valid, bytes(&[alice]));

        let names = async |created: &Created| {
            let shown = world.members_in_pages(world.at(thread_of(created), alice), 1).await;
            let names = shown.unwrap().into_iter().map(|one| (one.0, one.1));
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(&unnamed).await, [(alice, None), (bob, None)]);
        assert_eq!(names(&named_too).await, [(alice, Some("Me".to_owned())), (bob, None)]);
        assert_eq!(names(&alone).await, [(alice, None)]);
    })
    .await;
}

#[tokio::test]
async fn at_creation_everybody_sees_everything() {
    on_every_engine(async |world: World| {
        use samband_chat::ShareHistory::{All, None, Since};
        let mut users = Vec::new();
        for _ in 0..4 {
            users.push(world.user().await);
        }
        let members = vec![
            sharing(users[1], All),
            sharing(users[2], None),
            sharing(users[3], Since(START.plus(1_000_000))),
        ];
        let created = world.create(users[0], members).await;
        for user in &users {
            let at = world.at(thread_of(&created), *user);
            assert_eq!(world.texts(at).await.unwrap(), ["(added)", "(topic)"]);
            let shown = world.members_in_pages(at, 3).await.unwrap();
            assert!(shown.iter().all(|one| one.2 == 0), "{shown:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_users_are_reported_and_the_others_come_in() {
    on_every_engine(async |world: World| {
        let [alice, bob, gone] = [world.user().await, world.user().await, world.user().await];
        world.users.delete(world.resource, gone).await.unwrap();
        let never = UserId::from_bytes([5; 16]);
        let created = world
            .create(alice, vec![member(gone), member(bob), member(never)])
            .await;
        assert_eq!(created.added.unknown, bytes(&[gone, never]));
        assert_eq!(created.added.valid, bytes(&[alice, bob]));
        let at = world.at(thread_of(&created), alice);
        assert_eq!(world.members(at).await.unwrap(), [alice, bob]);
        let outside = world.at(at.thread, gone);
        assert_eq!(world.list(outside).await, Err(ChatRefused::NotParticipant));
    })
    .await;
}

/// `SystemDoc::total` stands beside a list that does not name all who came.
#[tokio::test]
async fn a_total_counts_who_came_and_not_who_was_asked_for() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let nobody = [UserId::from_bytes([5; 16]), UserId::from_bytes([6; 16])];
        let thread = world.thread(alice, &nobody).await;
        let listed = world.list(world.at(thread, alice)).await.unwrap();
        let added = system_doc(&listed[1]);
        assert_eq!(added.members.len(), 1);
        assert_eq!(added.total, None, "the only one is named");

        let (at, bob) = (world.at(thread, alice), world.user().await);
        let wishes = [alice, bob, nobody[0]].map(member);
        world.add(at, wishes.to_vec()).await.unwrap();
        let added = system_doc(&world.list(at).await.unwrap()[0]);
        assert_eq!((added.members.len(), added.total), (1, None));
    })
    .await;
}

#[tokio::test]
async fn a_thread_that_would_be_too_full_is_not_created_at_all() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let limited = |members: Vec<Member>, limit| CreateThread {
            limit: Some(limit),
            ..world.creation(alice, members)
        };
        let full = |limit, met| Err(ChatRefused::ThreadFull { limit, met });

        // The creator counts, named or not.
        let refused = limited(vec![member(bob), member(carol)], 2);
        let thread = refused.at.thread;
        assert_eq!(world.commit(refused).await, full(2, 3));
        let refused = limited(vec![member(alice), member(bob), member(carol)], 2);
        assert_eq!(world.commit(refused).await, full(2, 3));
        // Of a request in chunks the first one knows how many there will be.
        let refused = CreateThread {
            total: 600,
            ..limited(vec![member(bob)], 600)
        };
        assert_eq!(world.commit(refused).await, full(600, 601));

        assert_eq!(world.threads(alice).await, []);
        assert_eq!(
            world.list(world.at(thread, alice)).await,
            Err(ChatRefused::ThreadNotFound)
        );
        for members in [
            vec![member(bob), member(carol)],
            vec![member(bob), member(carol), member(alice)],
        ] {
            world.commit(limited(members, 3)).await.expect("just fits");
        }
    })
    .await;
}

#[tokio::test]
async fn of_a_creation_in_chunks_the_first_says_how_many_there_will_be() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let mut others = Vec::new();
        for _ in 0..249 {
            others.push(world.user().await);
        }
        let creation = CreateThread {
            total: 600,
            ..world.creation(alice, others.iter().map(|user| member(*user)).collect())
        };
        let at = creation.at;
        let created = world.commit(creation).await.unwrap();
        assert_eq!(created.added.valid.len(), 250);
        let members = world.members(at).await.unwrap();
        assert_eq!(members, [&[alice][..], &others].concat());
        let added = system_doc(&world.list(at).await.unwrap()[1]);
        assert_eq!((added.members.len(), added.total), (250, Some(601)));
    })
    .await;
}

fn patch(pairs: &[(&str, Option<&str>)]) -> MetadataPatch {
    let owned = |(key, value): &(&str, Option<&str>)| (key.to_string(), value.map(str::to_owned));
    pairs.iter().map(owned).collect()
}

#[tokio::test]
async fn updating_changes_what_is_given_and_only_a_topic_is_told() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let creation = CreateThread {
            metadata: metadata(&[("kept", "1"), ("changed", "1"), ("removed", "1")]),
            ..world.creation(alice, vec![member(bob)])
        };
        let at = world.at(creation.at.thread, bob);
        world.commit(creation).await.unwrap();
        let update = UpdateThread {
            at,
            topic: None,
            metadata: Some(patch(&[
                ("changed", Some("2")),
                ("removed", None),
                ("added", Some("")),
                ("never there", None),
            ])),
            retention: Some(RetentionPolicy::None),
        };
        let last_message = world.threads(bob).await[0].last_message;
        world.commit(update).await.unwrap();
        let info = world.ask(GetThread(at)).await.unwrap();
        assert_eq!(info.topic, "topic");
        assert_eq!(
            info.metadata,
            metadata(&[("added", ""), ("changed", "2"), ("kept", "1")])
        );
        assert_eq!(info.retention, Some(RetentionPolicy::None));
        assert_eq!(world.texts(at).await.unwrap(), ["(added)", "(topic)"]);
        assert_eq!(world.threads(bob).await[0].last_message, last_message);

        world.clock.advance(1_000);
        let update = UpdateThread {
            at,
            topic: Some("new \0 topic".to_owned()),
            metadata: None,
            retention: None,
        };
        world.commit(update).await.unwrap();
        let changed = world.ask(GetThread(at)).await.unwrap();
        assert_eq!(changed.topic, "new \0 topic");
        assert_eq!((changed.metadata, changed.retention), (info.metadata, info.retention));
        let listed = world.list(at).await.unwrap();
        assert_eq!(
            (listed.len(), listed[0].kind, listed[0].seq),
            (3, Kinds::TOPIC_UPDATED, 3)
        );
        assert_eq!(listed[0].actor, Some(bob));
        assert_eq!(system_doc(&listed[0]).topic.as_deref(), Some("new \0 topic"));
        let line = &world.threads(alice).await[0];
        assert_eq!(
            (line.topic.as_str(), line.last_message),
            ("new \0 topic", Some(START.plus(1_000)))
        );
    })
    .await;
}

#[tokio::test]
async fn only_those_who_take_part_update() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        world.remove(world.at(thread, alice), bob).await.unwrap();
        let update = |at| UpdateThread {
            at,
            topic: Some("mine".to_owned()),
            metadata: Some(patch(&[("x", Some("y"))])),
            retention: Some(RetentionPolicy::None),
        };
        let before = world.ask(GetThread(world.at(thread, alice))).await;
        let refused = world.commit(update(world.at(thread, bob))).await;
        assert_eq!(refused, Err(ChatRefused::NotParticipant));
        let refused = world.commit(update(world.at(world.new_thread(), alice))).await;
        assert_eq!(refused, Err(ChatRefused::ThreadNotFound));
        assert_eq!(world.ask(GetThread(world.at(thread, alice))).await, before);
    })
    .await;
}

fn repeat(key: &str, hash: u8, change: CreateThread) -> Repeatable<CreateThread> {
    let key = RepeatKey {
        scope: b"scope".to_vec(),
        key: key.to_owned(),
        request_hash: [hash; 32],
    };
    Repeatable { key, change }
}

#[tokio::test]
async fn a_repeated_creation_gives_the_first_thread_again() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let never = UserId::from_bytes([5; 16]);
        // As requests do: each proposes an id of its own.
        let creation = || world.creation(alice, vec![member(bob), member(never)]);
        let first = world.store.commit(repeat("key", 1, creation())).await.unwrap();
        world.clock.advance(1_000);
        let again = world.store.commit(repeat("key", 1, creation())).await.unwrap();
        assert_eq!(again, first, "down to the unknown members and the time");
        assert_eq!(world.threads(bob).await.len(), 1);

        let other = world.store.commit(repeat("key", 2, creation())).await;
        assert_eq!(other, Err(CommitError::Refused(RepeatRefused::OtherRequest)));
        let second = world.store.commit(repeat("other key", 1, creation())).await.unwrap();
        assert_ne!(second.thread, first.thread);
        assert_eq!(world.threads(bob).await.len(), 2);

        // Deleted meanwhile, it is still what the request made.
        world.delete_thread(world.at(thread_of(&first), alice)).await.unwrap();
        let again = world.store.commit(repeat("key", 1, creation())).await.unwrap();
        assert_eq!(again, first);

        world.clock.advance(24 * Millis::HOUR);
        let later = world.store.commit(repeat("key", 2, creation())).await.unwrap();
        assert_ne!(later.thread, first.thread, "a day later the key is free");
    })
    .await;
}

#[tokio::test]
async fn a_refused_creation_is_not_remembered() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let limited = |limit| CreateThread {
            limit: Some(limit),
            ..world.creation(alice, vec![member(bob)])
        };
        let refused = world.store.commit(repeat("key", 1, limited(1))).await;
        let full = ChatRefused::ThreadFull { limit: 1, met: 2 };
        assert_eq!(refused, Err(CommitError::Refused(RepeatRefused::Change(full))));
        assert_eq!(world.threads(alice).await, []);
        assert!(world.store.commit(repeat("key", 1, limited(2))).await.is_ok());
    })
    .await;
}

/// Ten at once, as a client that lost its patience sends them.
#[tokio::test]
async fn of_repeats_at_the_same_time_one_creates() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let (store, change) = (world.store.clone(), world.creation(alice, vec![]));
            requests.spawn(async move { store.commit(repeat("key", 1, change)).await.unwrap() });
        }
        let outcomes = requests.join_all().await;
        assert!(outcomes.iter().all(|created| *created == outcomes[0]));
        assert_eq!(world.threads(alice).await.len(), 1);
    })
    .await;
}

/// Metadata is empty where none was given, and stays what it is when it is emptied.
#[tokio::test]
async fn metadata_may_be_emptied() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let creation = CreateThread {
            metadata: metadata(&[("only", "one")]),
            ..world.creation(alice, vec![])
        };
        let at = creation.at;
        world.commit(creation).await.unwrap();
        let update = UpdateThread {
            at,
            topic: None,
            metadata: Some(patch(&[("only", None)])),
            retention: None,
        };
        world.commit(update).await.unwrap();
        assert_eq!(world.ask(GetThread(at)).await.unwrap().metadata, Metadata::new());
    })
    .await;
}
