//! Members: added in chunks, renamed, removed, and come back.

use samband_chat::store::{AddMembers, Added, ListMembers, MayType, UpdateMember};
use samband_chat::{ChatRefused, Kinds, Member, ShareHistory};
use samband_core::{ThreadId, UserId};

use crate::world::{START, World, adding, member, metadata, named, on_every_engine, sharing, system_doc};

fn bytes(users: &[UserId]) -> Vec<[u8; 16]> {
    users.iter().map(|user| *user.as_bytes()).collect()
}

#[tokio::test]
async fn who_is_added_takes_part_and_the_thread_says_so() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol, dave] = [
            world.user().await,
            world.user().await,
            world.user().await,
            world.user().await,
        ];
        let thread = world.thread(alice, &[bob]).await;
        world.clock.advance(1_000);
        let wish = Member {
            metadata: metadata(&[("role", "guest\0")]),
            ..named(carol, "Carol \0 ☕")
        };
        let added = world
            .add(world.at(thread, bob), vec![wish, member(dave)])
            .await
            .unwrap();
        assert_eq!(added.valid, bytes(&[carol, dave]));
        assert_eq!(added.unknown, bytes(&[]));

        let joined = START.0 + 1_000;
        let at = world.at(thread, carol);
        let shown = world.members_in_pages(at, 2).await.unwrap();
        let expected = [
            (alice, None, 0, metadata(&[])),
            (bob, None, 0, metadata(&[])),
            (
                carol,
                Some("Carol \0 ☕".to_owned()),
                joined,
                metadata(&[("role", "guest\0")]),
            ),
            (dave, None, joined, metadata(&[])),
        ];
        assert_eq!(shown, expected);

        let listed = world.list(at).await.unwrap();
        let [message] = &listed[..] else {
            panic!("their own coming: {listed:?}")
        };
        assert_eq!((message.kind, message.seq), (Kinds::PARTICIPANTS_ADDED, 3));
        assert_eq!((message.stamp.0, message.actor), (joined, Some(bob)));
        let doc = system_doc(message);
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
        assert_eq!(told, [(carol, Some("Carol \0 ☕"), joined), (dave, None, joined)]);
        assert_eq!(doc.total, None);
        assert_eq!(world.threads(dave).await[0].thread, thread);
        world.say(world.at(thread, dave), "hello").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_those_who_take_part_add_even_nobody() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[]).await;
        for members in [vec![], vec![member(carol)], vec![member(bob)]] {
            let refused = world.add(world.at(thread, bob), members.clone()).await;
            assert_eq!(refused, Err(ChatRefused::NotParticipant));
            let refused = world.add(world.at(world.new_thread(), alice), members).await;
            assert_eq!(refused, Err(ChatRefused::ThreadNotFound));
        }
        let added = world.add(world.at(thread, alice), vec![]).await;
        assert_eq!(added, Ok(Added::default()));
        assert_eq!(world.members(world.at(thread, alice)).await.unwrap(), [alice]);
    })
    .await;
}

#[tokio::test]
async fn unknown_users_are_reported_and_nobody_new_is_told_to_nobody() {
    on_every_engine(async |world: World| {
        let [alice, bob, gone] = [world.user().await, world.user().await, world.user().await];
        world.users.delete(world.resource, gone).await.unwrap();
        let never = UserId::from_bytes([5; 16]);
        let at = world.at(world.thread(alice, &[bob]).await, alice);
        let added = world
            .add(at, vec![member(gone), member(bob), member(never)])
            .await
            .unwrap();
        assert_eq!(added.unknown, bytes(&[gone, never]));
        assert_eq!(added.valid, bytes(&[bob]), "in the thread now, and before");
        assert_eq!(world.texts(at).await.unwrap(), ["(added)", "(topic)"]);
        // Not even the thread's clock has moved.
        let last = world.list(at).await.unwrap()[0].stamp;
        assert_eq!(world.say(at, "next").await.unwrap().0, last.0 + 1);
    })
    .await;
}

#[tokio::test]
async fn who_is_in_already_keeps_all_but_the_name() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        world.say(at, "before").await.unwrap();
        let wish = Member {
            metadata: metadata(&[("a", "1")]),
            ..named(bob, "Bob")
        };
        world.add(at, vec![wish]).await.unwrap();
        let before = world.members_in_pages(at, 9).await.unwrap();
        let texts = world.texts(at).await.unwrap();

        world.clock.advance(1_000);
        let wish = Member {
            metadata: metadata(&[("b", "2")]),
            share_history: ShareHistory::All,
            ..named(bob, "Robert")
        };
        let added = world.add(at, vec![wish]).await.unwrap();
        assert_eq!(added.valid, bytes(&[bob]));
        let mut expected = before;
        expected[1].1 = Some("Robert".to_owned());
        assert_eq!(world.members_in_pages(at, 9).await.unwrap(), expected);
        assert_eq!(
            world.texts(world.at(thread, bob)).await.unwrap(),
            ["(added)"],
            "no more history"
        );

        // Without a name there is nothing to change.
        world.add(at, vec![sharing(bob, ShareHistory::All)]).await.unwrap();
        assert_eq!(world.members_in_pages(at, 9).await.unwrap(), expected);
        assert_eq!(world.texts(at).await.unwrap(), texts);
    })
    .await;
}

#[tokio::test]
async fn a_user_named_twice_comes_once() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let at = world.at(world.thread(alice, &[]).await, alice);
        let limited = AddMembers {
            limit: Some(2),
            ..adding(at, vec![named(bob, "Bob"), named(bob, "Robert")])
        };
        world.commit(limited).await.expect("two members, one of them new");
        assert_eq!(world.members(at).await.unwrap(), [alice, bob]);
        let listed = world.list(at).await.unwrap();
        assert_eq!(system_doc(&listed[0]).members.len(), 1);
        // Nobody is counted twice: the thread is full with two.
        let may_type = |most| MayType {
            at,
            most_members: Some(most),
        };
        assert_eq!(world.ask(may_type(2)).await, Ok(2));
        let refused = Err(ChatRefused::TooManyForReceipts { limit: 1, met: 2 });
        assert_eq!(world.ask(may_type(1)).await, refused);
    })
    .await;
}

#[tokio::test]
async fn a_request_over_the_limit_adds_nobody() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol, dave] = [
            world.user().await,
            world.user().await,
            world.user().await,
            world.user().await,
        ];
        let at = world.at(world.thread(alice, &[bob]).await, alice);
        let limited = |members, limit| AddMembers {
            limit: Some(limit),
            ..adding(at, members)
        };
        let full = Err(ChatRefused::ThreadFull { limit: 3, met: 4 });
        assert_eq!(world.commit(limited(vec![member(carol), member(dave)], 3)).await, full);
        assert_eq!(world.members(at).await.unwrap(), [alice, bob]);
        assert_eq!(world.threads(carol).await, []);
        assert_eq!(world.texts(at).await.unwrap(), ["(added)", "(topic)"]);

        // Who is in already takes no place.
        let all_but_one = vec![member(alice), member(bob), member(carol)];
        world.commit(limited(all_but_one, 3)).await.expect("just fits");
        assert_eq!(world.commit(limited(vec![member(dave)], 3)).await, full);
        // A place that was left is free.
        world.remove(at, bob).await.unwrap();
        world
            .commit(limited(vec![member(dave)], 3))
            .await
            .expect("fits in his place");
        assert_eq!(world.members(at).await.unwrap(), [alice, carol, dave]);
        // Nobody new, nothing to refuse, even where there are more than allowed now.
        world.commit(limited(vec![member(alice)], 2)).await.unwrap_err();
        let added = world.commit(limited(vec![member(alice)], 3)).await.unwrap();
        assert_eq!(added.valid, bytes(&[alice]));
    })
    .await;
}

#[tokio::test]
async fn of_a_request_in_chunks_the_first_is_told_and_says_how_many() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let mut others = Vec::new();
        for _ in 0..6 {
            others.push(world.user().await);
        }
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        world.clock.advance(1_000);
        let chunk = |members: &[UserId], announce, total| AddMembers {
            total,
            announce,
            ..adding(at, members.iter().map(|user| member(*user)).collect())
        };
        world.commit(chunk(&others[..3], true, 600)).await.unwrap();
        let told = world.list(at).await.unwrap();
        let doc = system_doc(&told[0]);
        assert_eq!((doc.members.len(), doc.total), (3, Some(600)));

        world.store.background(chunk(&others[3..], false, 600)).await.unwrap();
        assert_eq!(world.list(at).await.unwrap(), told, "the others come in silence");
        assert_eq!(world.threads(alice).await[0].last_message, Some(START.plus(1_000)));
        assert_eq!(world.members(at).await.unwrap().len(), 7);
        let late = world.at(thread, others[5]);
        assert_eq!(world.list(late).await.unwrap(), [], "what was before is not theirs");

        // Coming in is ordered with all else, and is no message.
        let next = world.say(late, "hello").await.unwrap();
        assert_eq!(next.0, START.0 + 1_002);
        assert_eq!(world.get(at, next).await.unwrap().seq, 4);
        assert_eq!(world.texts(late).await.unwrap(), ["hello"]);
    })
    .await;
}

#[tokio::test]
async fn chunks_after_the_creation_share_its_history() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[bob]).await;
        let at = world.at(thread, alice);
        let rest = AddMembers {
            announce: false,
            since_creation: true,
            ..adding(at, vec![sharing(carol, ShareHistory::None)])
        };
        world.store.background(rest).await.unwrap();
        let carols = world.at(thread, carol);
        assert_eq!(world.texts(carols).await.unwrap(), ["(added)", "(topic)"]);
        assert_eq!(world.members_in_pages(carols, 9).await.unwrap()[2].2, 0);
    })
    .await;
}

#[tokio::test]
async fn who_is_removed_is_told_last_and_has_no_voice() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[carol]).await;
        let at = world.at(thread, alice);
        world.add(at, vec![named(bob, "Bob")]).await.unwrap();
        let bobs = world.at(thread, bob);
        let share = world.members_in_pages(at, 9).await.unwrap()[1].2;
        world.clock.advance(1_000);
        world.remove(at, bob).await.unwrap();

        let listed = world.list(bobs).await.unwrap();
        assert_eq!((listed[0].kind, listed[0].seq), (Kinds::PARTICIPANT_REMOVED, 4));
        assert_eq!((listed[0].stamp.0, listed[0].actor), (START.0 + 1_000, Some(alice)));
        let doc = system_doc(&listed[0]);
        let [told] = &doc.members[..] else {
            panic!("one member: {doc:?}")
        };
        assert_eq!(
            (told.user, told.display_name.as_deref()),
            (*bob.as_bytes(), Some("Bob"))
        );
        assert_eq!(told.share_history_ms, share);

        world.say(at, "behind his back").await.unwrap();
        assert_eq!(
            world.list(bobs).await.unwrap(),
            listed,
            "the past stays, nothing is added"
        );
        assert_eq!(world.members(at).await.unwrap(), [alice, carol]);
        assert_eq!(world.threads(bob).await, []);
        let no_voice = ChatRefused::NotParticipant;
        assert_eq!(world.say(bobs, "still here").await, Err(no_voice.clone()));
        assert_eq!(world.remove(bobs, alice).await, Err(no_voice.clone()));
        assert_eq!(world.add(bobs, vec![member(bob)]).await, Err(no_voice.clone()));
        assert_eq!(world.members(bobs).await, Err(no_voice.clone()));
        assert_eq!(world.receipts(bobs).await, Err(no_voice.clone()));
        let may_type = MayType {
            at: bobs,
            most_members: None,
        };
        assert_eq!(world.ask(may_type).await, Err(no_voice));
    })
    .await;
}

#[tokio::test]
async fn only_a_participant_is_removed_and_by_a_participant() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[bob]).await;
        let at = world.at(thread, alice);
        let nobody = Err(ChatRefused::ParticipantNotFound);
        assert_eq!(world.remove(at, carol).await, nobody);
        assert_eq!(world.remove(at, UserId::from_bytes([5; 16])).await, nobody);
        let outside = world.at(thread, carol);
        assert_eq!(world.remove(outside, bob).await, Err(ChatRefused::NotParticipant));
        let missing = world.at(world.new_thread(), alice);
        assert_eq!(world.remove(missing, bob).await, Err(ChatRefused::ThreadNotFound));

        world.remove(at, bob).await.unwrap();
        assert_eq!(world.remove(at, bob).await, nobody, "once is enough");
        assert_eq!(world.texts(at).await.unwrap(), ["(added)", "(topic)", "(removed)"]);
    })
    .await;
}

#[tokio::test]
async fn one_may_leave_and_the_last_one_closes_the_door() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let (alices, bobs) = (world.at(thread, alice), world.at(thread, bob));
        world.remove(alices, alice).await.unwrap();
        assert_eq!(world.members(bobs).await.unwrap(), [bob]);
        assert_eq!(world.texts(alices).await.unwrap(), ["(added)", "(topic)", "(removed)"]);
        world.remove(bobs, bob).await.unwrap();
        for at in [alices, bobs] {
            assert_eq!(
                world.add(at, vec![member(alice)]).await,
                Err(ChatRefused::NotParticipant)
            );
        }
        assert_eq!(world.texts(bobs).await.unwrap().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_begins_a_new_stay() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        let wish = Member {
            metadata: metadata(&[("stay", "1")]),
            ..named(bob, "Bob")
        };
        world.add(at, vec![wish]).await.unwrap();
        world.remove(at, bob).await.unwrap();
        let away = world.say(at, "away").await.unwrap();
        world.clock.advance(1_000);
        let added = world.add(at, vec![member(bob)]).await.unwrap();
        assert_eq!(added.valid, bytes(&[bob]));
        // Nothing is left of what was said of them before.
        let shown = &world.members_in_pages(at, 9).await.unwrap()[1];
        assert_eq!(*shown, (bob, None, START.0 + 1_000, metadata(&[])));
        assert_eq!(world.texts(bobs).await.unwrap(), ["(added)", "(removed)", "(added)"]);
        assert_eq!(world.get(bobs, away).await, Err(ChatRefused::MessageNotFound));
        world.say(bobs, "back").await.unwrap();
        assert_eq!(world.threads(bob).await.len(), 1);
        assert_eq!(world.members(at).await.unwrap(), [alice, bob]);
    })
    .await;
}

/// People push at the same door: each comes in once, and the limit holds.
#[tokio::test]
async fn adding_at_the_same_time_keeps_count() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let thread: ThreadId = world.thread(alice, &[]).await;
        let mut users = Vec::new();
        for _ in 0..10 {
            users.push(world.user().await);
        }
        let mut requests = tokio::task::JoinSet::new();
        for user in users.iter().chain(&users) {
            let change = AddMembers {
                limit: Some(6),
                ..adding(world.at(thread, alice), vec![member(*user)])
            };
            let store = world.store.clone();
            requests.spawn(async move { store.commit(change).await.is_ok() });
        }
        let outcomes = requests.join_all().await;
        let at = world.at(thread, alice);
        assert_eq!(world.members(at).await.unwrap().len(), 6);
        let announced = world.list(at).await.unwrap().len() - 2;
        assert_eq!(announced, 5, "each is told once");
        assert!(outcomes.iter().filter(|done| **done).count() >= 5);
    })
    .await;
}

#[tokio::test]
async fn roles_names_and_shared_history_can_be_changed() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[]).await;
        world.clock.advance(1_000);
        let wish = Member {
            roles: vec!["reader".into()],
            ..named(bob, "Bob")
        };
        world.add(world.at(thread, alice), vec![wish]).await.unwrap();
        let shown = async || {
            let list = ListMembers {
                at: world.at(thread, bob),
                after: None,
                skip: 0,
                size: 10,
            };
            let members = world.ask(list).await.unwrap().items;
            let member = members.into_iter().find(|member| member.user == bob).unwrap();
            (member.roles, member.display_name, member.share_history.0)
        };
        let joined = START.0 + 1_000;
        assert_eq!(shown().await, (vec!["reader".into()], Some("Bob".into()), joined));
        assert_eq!(
            world.list(world.at(thread, bob)).await.unwrap().len(),
            1,
            "from their coming on"
        );

        let change = |user, by| UpdateMember {
            at: world.at(thread, by),
            user,
            display_name: None,
            share_history: None,
            roles: Some(vec!["owner".into(), "\0 ☕".into()]),
        };
        world.commit(change(bob, alice)).await.unwrap();
        let roles = vec!["owner".to_owned(), "\0 ☕".into()];
        assert_eq!(shown().await, (roles, Some("Bob".into()), joined), "the rest stays");
        world
            .commit(UpdateMember {
                display_name: Some("Robert".into()),
                share_history: Some(samband_core::Millis(0)),
                roles: Some(Vec::new()),
                ..change(bob, alice)
            })
            .await
            .unwrap();
        assert_eq!(shown().await, (Vec::new(), Some("Robert".into()), 0));
        assert!(world.list(world.at(thread, bob)).await.unwrap().len() > 1, "all of it");

        let missing = world.commit(change(carol, alice)).await;
        assert_eq!(missing, Err(ChatRefused::ParticipantNotFound));
        let stranger = world.commit(change(bob, carol)).await;
        assert_eq!(stranger, Err(ChatRefused::NotParticipant));
    })
    .await;
}
