//! Lists: what each stay in a thread lets its user see, and pages of any size that lose and
//! repeat nothing.

use samband_chat::ShareHistory::{All, None as Nothing, Since};
use samband_chat::store::{GetMessage, InThread, ListMembers, ListMessages, ListThreads};
use samband_chat::{ChatRefused, StoredMessage};
use samband_core::{Millis, Stamp};

use crate::world::{START, World, member, on_every_engine, sharing};

/// The list and each message by itself tell the same, in pages of every size and from every start.
async fn sees(world: &World, at: InThread, everything: &[StoredMessage], expected: &[&str]) {
    let whole = world.list(at).await.unwrap();
    let texts = world.texts(at).await.unwrap();
    assert_eq!(texts, expected);
    for size in 1..=whole.len() + 1 {
        let pages = world.list_in_pages(at, None, size).await.unwrap();
        assert_eq!(pages, whole, "pages of {size}");
    }
    for message in everything {
        let found = world
            .ask(GetMessage {
                at,
                message: message.stamp,
            })
            .await;
        if whole.contains(message) {
            assert_eq!(found.as_ref(), Ok(message));
        } else {
            assert_eq!(found, Err(ChatRefused::MessageNotFound), "{message:?}");
        }
        // From each message on, and from just after it.
        for start in [message.stamp.0, message.stamp.0 + 1] {
            let listed = world.list_in_pages(at, Some(Millis(start)), 2).await.unwrap();
            let expected: Vec<_> = whole.iter().filter(|one| one.stamp.0 >= start).cloned().collect();
            assert_eq!(listed, expected, "from {start}");
        }
        // Every place is one to go on from, seen or not.
        for before in [message.stamp.0, message.stamp.0 + 1] {
            let query = ListMessages {
                at,
                start: None,
                before: Some(Stamp(before)),
                size: 1,
            };
            let page = world.ask(query).await.unwrap();
            let expected: Vec<_> = whole.iter().filter(|one| one.stamp.0 < before).collect();
            assert_eq!(page.items.iter().collect::<Vec<_>>(), expected[..expected.len().min(1)]);
            assert_eq!(page.next.is_some(), expected.len() > 1);
        }
    }
}

#[tokio::test]
async fn how_much_is_shared_with_who_comes_later() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        for n in 1..=4 {
            world.clock.set(START.plus(n * 100));
            world.say(at, &n.to_string()).await.unwrap();
        }
        world.clock.set(START.plus(1_000));
        let all = ["(added)", "(topic)", "1", "2", "3", "4", "(added)"];
        let cases = [
            (All, 0, 0),
            (Nothing, START.0 + 1_000, 6),
            // From the first entry at or after the moment.
            (Since(START.plus(200)), START.0 + 200, 3),
            (Since(START.plus(201)), START.0 + 201, 4),
            (Since(START.plus(299)), START.0 + 299, 4),
            // Before the thread was there: all of it.
            (Since(Millis(0)), 0, 0),
            (Since(Millis(-5)), 0, 0),
            (Since(Millis(i64::MIN)), 0, 0),
            // Nothing is shared from a moment to come.
            (Since(START.plus(1_000)), START.0 + 1_000, 6),
            (Since(START.plus(5_000_000)), START.0 + 1_000, 6),
            (Since(Millis(i64::MAX)), START.0 + 1_000, 6),
        ];
        // All in one request, so that each comes in with the same entry.
        let mut wishes = Vec::new();
        for (share, ..) in cases {
            wishes.push(sharing(world.user().await, share));
        }
        let users: Vec<_> = wishes.iter().map(|wish| wish.user).collect();
        world.add(at, wishes).await.unwrap();
        let everything = world.list(at).await.unwrap();
        let shown = world.members_in_pages(at, 100).await.unwrap();
        for (user, (share, effective, first)) in users.iter().zip(cases) {
            println!("{share:?}");
            sees(&world, world.at(thread, *user), &everything, &all[first..]).await;
            let member = shown.iter().find(|one| one.0 == *user).unwrap();
            assert_eq!(member.2, effective);
        }
    })
    .await;
}

#[tokio::test]
async fn each_stay_shows_its_own_part() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        for stay in 1..=3 {
            world.clock.advance(1_000);
            world.say(at, &format!("before {stay}")).await.unwrap();
            world.add(at, vec![member(bob)]).await.unwrap();
            world.say(at, &format!("during {stay}")).await.unwrap();
            world.say(bobs, &format!("mine {stay}")).await.unwrap();
            world.remove(at, bob).await.unwrap();
        }
        world.say(at, "after").await.unwrap();
        let everything = world.list(at).await.unwrap();
        assert_eq!(everything.len(), 2 + 3 * 5 + 1);
        let three = [
            "(added)",
            "during 1",
            "mine 1",
            "(removed)",
            "(added)",
            "during 2",
            "mine 2",
            "(removed)",
            "(added)",
            "during 3",
            "mine 3",
            "(removed)",
        ];
        sees(&world, bobs, &everything, &three).await;

        // A fourth that goes on.
        world.add(at, vec![member(bob)]).await.unwrap();
        world.say(at, "now").await.unwrap();
        let everything = world.list(at).await.unwrap();
        sees(&world, bobs, &everything, &[&three[..], &["(added)", "now"]].concat()).await;
    })
    .await;
}

/// Out and in again within a millisecond: the stays touch, and what is between them shows once.
#[tokio::test]
async fn stays_that_touch_show_nothing_twice() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        for n in 1..=3 {
            world.say(at, &n.to_string()).await.unwrap();
            world.remove(at, bob).await.unwrap();
            world.add(at, vec![member(bob)]).await.unwrap();
        }
        let everything = world.list(at).await.unwrap();
        let expected = world.texts(at).await.unwrap();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        assert_eq!(expected.len(), 2 + 9);
        sees(&world, bobs, &everything, &expected).await;
    })
    .await;
}

/// A later stay may share what an earlier one showed already, or what lay between the two.
#[tokio::test]
async fn stays_that_overlap_show_nothing_twice() {
    on_every_engine(async |world: World| {
        for (share, expected) in [
            (
                All,
                &[
                    "(added)",
                    "(topic)",
                    "1",
                    "(added)",
                    "2",
                    "(removed)",
                    "3",
                    "4",
                    "(added)",
                ][..],
            ),
            // From within the first stay.
            (
                Since(START.plus(1_000)),
                &["(added)", "2", "(removed)", "3", "4", "(added)"],
            ),
            // From between the two.
            (Since(START.plus(3_000)), &["(added)", "2", "(removed)", "4", "(added)"]),
            (Nothing, &["(added)", "2", "(removed)", "(added)"]),
        ] {
            println!("{share:?}");
            world.clock.set(START);
            let (alice, bob) = (world.user().await, world.user().await);
            let thread = world.thread(alice, &[]).await;
            let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
            world.say(at, "1").await.unwrap();
            world.clock.set(START.plus(500));
            world.add(at, vec![member(bob)]).await.unwrap();
            world.clock.set(START.plus(1_500));
            world.say(at, "2").await.unwrap();
            world.remove(at, bob).await.unwrap();
            world.clock.set(START.plus(2_000));
            world.say(at, "3").await.unwrap();
            world.clock.set(START.plus(3_000));
            world.say(at, "4").await.unwrap();
            world.add(at, vec![sharing(bob, share)]).await.unwrap();
            let everything = world.list(at).await.unwrap();
            sees(&world, bobs, &everything, expected).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_never_in_sees_nothing() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[]).await;
        assert_eq!(
            world.list(world.at(thread, bob)).await,
            Err(ChatRefused::NotParticipant)
        );
        assert_eq!(
            world.list(world.at(world.new_thread(), alice)).await,
            Err(ChatRefused::ThreadNotFound)
        );
    })
    .await;
}

fn from_anywhere(at: InThread, start: Option<Millis>, before: Option<Stamp>) -> ListMessages {
    ListMessages {
        at,
        start,
        before,
        size: 10,
    }
}

#[tokio::test]
async fn any_start_and_any_place_is_answered() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let at = world.at(world.thread(alice, &[]).await, alice);
        for (start, found) in [(i64::MIN, 2), (-1, 2), (0, 2), (i64::MAX, 0)] {
            let page = world.ask(from_anywhere(at, Some(Millis(start)), None)).await.unwrap();
            assert_eq!((page.items.len(), page.next), (found, None), "from {start}");
        }
        for (before, found) in [(i64::MAX, 2), (START.0, 0), (0, 0), (-1, 0)] {
            let page = world.ask(from_anywhere(at, None, Some(Stamp(before)))).await.unwrap();
            assert_eq!((page.items.len(), page.next), (found, None), "before {before}");
        }
    })
    .await;
}

/// Clients choose the eight bytes of a continuation token.
#[tokio::test]
async fn the_least_place_is_answered_too() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let at = world.at(world.thread(alice, &[]).await, alice);
        let page = world.ask(from_anywhere(at, None, Some(Stamp(i64::MIN)))).await.unwrap();
        assert_eq!((page.items.len(), page.next), (0, None));
    })
    .await;
}

#[tokio::test]
async fn members_come_in_pages() {
    on_every_engine(async |world: World| {
        let mut users = Vec::new();
        for _ in 0..7 {
            users.push(world.user().await);
        }
        // Asked for in another order than they are listed in.
        let others: Vec<_> = users.iter().skip(1).rev().copied().collect();
        let thread = world.thread(users[0], &others).await;
        let at = world.at(thread, users[0]);
        world.remove(at, users[3]).await.unwrap();
        users.remove(3);
        for size in 1..=7 {
            let members = world.members_in_pages(at, size).await.unwrap();
            let listed: Vec<_> = members.into_iter().map(|one| one.0).collect();
            assert_eq!(listed, users, "pages of {size}");
        }
        for skip in 0..=8 {
            let query = ListMembers {
                at,
                after: None,
                skip,
                size: 2,
            };
            let page = world.ask(query).await.unwrap();
            let listed: Vec<_> = page.items.iter().map(|one| one.user).collect();
            let rest = &users[skip.min(users.len())..];
            assert_eq!(listed, rest[..rest.len().min(2)], "after {skip}");
            assert_eq!(page.next.is_some(), rest.len() > 2);
        }
    })
    .await;
}

#[tokio::test]
async fn a_users_threads_come_in_pages_and_from_a_start() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let mut ids = Vec::new();
        for n in 0..7 {
            world.clock.set(START.plus(n * 1_000));
            let others = if n % 2 == 0 { vec![bob] } else { vec![] };
            ids.push(world.thread(alice, &others).await);
        }
        // The first becomes the one with the newest message.
        world.clock.set(START.plus(10_000));
        let newest = world.say(world.at(ids[0], bob), "hi").await.unwrap();
        let all = world.threads(alice).await;
        let mut sorted = ids.clone();
        sorted.sort();
        assert_eq!(all.iter().map(|line| line.thread).collect::<Vec<_>>(), sorted);
        assert!(all.iter().all(|line| line.topic == "topic" && line.deleted.is_none()));
        let received = |line: &samband_chat::ThreadLine| line.last_message.unwrap();
        let first = all.iter().find(|line| line.thread == ids[0]).unwrap();
        assert_eq!(received(first), Millis(newest.0));

        assert_eq!(world.threads(bob).await.len(), 4);
        assert_eq!(world.threads(carol).await, []);
        let mut starts = vec![None, Some(Millis(i64::MIN)), Some(Millis(i64::MAX))];
        for line in &all {
            starts.extend([Some(received(line)), Some(received(line).plus(1))]);
        }
        for start in starts {
            let least = start.unwrap_or(Millis(0));
            let expected: Vec<_> = all.iter().filter(|line| received(line) >= least).cloned().collect();
            for size in 1..=8 {
                let listed = world.threads_in_pages(world.resource, alice, start, size).await;
                assert_eq!(listed, expected, "from {start:?} in pages of {size}");
            }
        }

        // A place to go on from need not be in the list.
        let query = ListThreads {
            resource: world.resource,
            caller: bob,
            start: None,
            after: Some(ids[1]),
            size: 10,
        };
        let page = world.ask(query).await;
        let rest = world.threads(bob).await.into_iter().filter(|line| line.thread > ids[1]);
        assert_eq!(page.items, rest.collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn who_left_has_the_thread_in_the_list_no_more() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let at = world.at(thread, alice);
        assert_eq!(world.threads(bob).await.len(), 1);
        world.remove(at, bob).await.unwrap();
        assert_eq!(world.threads(bob).await, []);
        world.add(at, vec![member(bob)]).await.unwrap();
        assert_eq!(world.threads(bob).await, world.threads(alice).await);
    })
    .await;
}
