//! Threads deleted: by a participant or by their retention policy, at once for all, and purged
//! afterwards in chunks.

use samband_chat::jobs;
use samband_chat::store::{
    CreateThread, DeleteMessage, DeleteThread, GetThread, InThread, MayType, PurgeChunk, ThreadsDue, ThreadsToPurge,
    UpdateMessage, UpdateThread,
};
use samband_chat::{ChatRefused, ThreadLine};
use samband_core::{Millis, Stamp, ThreadId};
use samband_wire_chat::RetentionPolicy;

use crate::world::{START, World, member, on_every_engine};

const DAY: i64 = 24 * Millis::HOUR;

fn after_days(delete_thread_after_days: i64) -> RetentionPolicy {
    RetentionPolicy::ThreadCreationDate {
        delete_thread_after_days,
    }
}

/// Nothing can be asked of the thread and nothing done in it.
async fn is_gone(world: &World, at: InThread, message: Stamp) {
    let gone = ChatRefused::ThreadNotFound;
    assert_eq!(world.ask(GetThread(at)).await.unwrap_err(), gone);
    assert_eq!(world.list(at).await.unwrap_err(), gone);
    assert_eq!(world.get(at, message).await.unwrap_err(), gone);
    assert_eq!(world.members(at).await.unwrap_err(), gone);
    assert_eq!(world.receipts(at).await.unwrap_err(), gone);
    let may_type = MayType { at, most_members: None };
    assert_eq!(world.ask(may_type).await.unwrap_err(), gone);
    assert_eq!(world.say(at, "?").await.unwrap_err(), gone);
    assert_eq!(world.add(at, vec![member(at.caller)]).await.unwrap_err(), gone);
    assert_eq!(world.remove(at, at.caller).await.unwrap_err(), gone);
    assert_eq!(world.read_up_to(at, message).await.unwrap_err(), gone);
    let edit = UpdateMessage {
        at,
        message,
        content: Some("?".to_owned()),
        metadata: None,
        high_priority: None,
        attachments: None,
    };
    assert_eq!(world.commit(edit).await.unwrap_err(), gone);
    assert_eq!(world.commit(DeleteMessage { at, message }).await.unwrap_err(), gone);
    let update = UpdateThread {
        at,
        topic: Some("?".to_owned()),
        metadata: None,
        retention: Some(after_days(1)),
    };
    assert_eq!(world.commit(update).await.unwrap_err(), gone);
}

#[tokio::test]
async fn a_deleted_thread_is_a_line_in_its_participants_lists() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol, dave] = [
            world.user().await,
            world.user().await,
            world.user().await,
            world.user().await,
        ];
        let thread = world.thread(alice, &[bob, carol]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        let message = world.say(at, "hi").await.unwrap();
        world.remove(at, carol).await.unwrap();
        let before = world.threads(bob).await;
        world.clock.advance(1_000);

        let outside = world.at(thread, dave);
        assert_eq!(world.delete_thread(outside).await, Err(ChatRefused::NotParticipant));
        let left = world.at(thread, carol);
        assert_eq!(world.delete_thread(left).await, Err(ChatRefused::NotParticipant));
        assert_eq!(world.threads(bob).await, before);

        world.delete_thread(bobs).await.unwrap();
        let line = ThreadLine {
            deleted: Some(START.plus(1_000)),
            ..before[0].clone()
        };
        for user in [alice, bob] {
            assert_eq!(world.threads(user).await, std::slice::from_ref(&line));
        }
        for user in [carol, dave] {
            assert_eq!(world.threads(user).await, []);
        }
        for user in [alice, bob, carol, dave] {
            is_gone(&world, world.at(thread, user), message).await;
        }

        // Again is no error for those who have it in their list, and changes nothing.
        world.clock.advance(1_000);
        for at in [at, bobs] {
            world.delete_thread(at).await.unwrap();
        }
        for at in [outside, left, world.at(world.new_thread(), alice)] {
            assert_eq!(world.delete_thread(at).await, Err(ChatRefused::ThreadNotFound));
        }
        assert_eq!(world.threads(alice).await, [line]);
    })
    .await;
}

#[tokio::test]
async fn what_was_deleted_is_purged_in_chunks() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let neighbour = world.thread(alice, &[bob]).await;
        let neighbours = world.at(neighbour, bob);
        world.say(neighbours, "still here").await.unwrap();
        let thread = world.thread(alice, &[bob]).await;
        let at = world.at(thread, alice);
        let mut message = Stamp(0);
        for n in 0..450 {
            message = world.say(at, &n.to_string()).await.unwrap();
        }
        world.read_up_to(at, message).await.unwrap();
        world
            .read_up_to(neighbours, world.list(neighbours).await.unwrap()[0].stamp)
            .await
            .unwrap();
        let kept = (
            world.list(neighbours).await,
            world.members_in_pages(neighbours, 9).await,
            world.receipts(neighbours).await,
        );
        assert_eq!(world.ask(ThreadsToPurge).await, []);
        world.delete_thread(at).await.unwrap();
        assert_eq!(world.ask(ThreadsToPurge).await, [thread]);
        let lines = world.threads(bob).await;

        let mut chunks = 1;
        while !world.store.background(PurgeChunk(thread)).await.unwrap() {
            chunks += 1;
            assert!(chunks < 100, "it comes to an end");
            is_gone(&world, at, message).await;
        }
        assert!(chunks >= 3, "450 messages in one chunk would hold up the others");
        assert_eq!(world.ask(ThreadsToPurge).await, []);
        assert_eq!(world.threads(bob).await, lines, "the line stays");
        is_gone(&world, at, message).await;
        world.delete_thread(at).await.expect("once more, as before");
        assert_eq!(world.ask(ThreadsToPurge).await, []);
        // A job that was interrupted after its work does it again.
        assert_eq!(world.store.background(PurgeChunk(thread)).await, Ok(true));

        let now = (
            world.list(neighbours).await,
            world.members_in_pages(neighbours, 9).await,
            world.receipts(neighbours).await,
        );
        assert_eq!(now, kept);
    })
    .await;
}

#[tokio::test]
async fn the_job_purges_every_deleted_thread() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let mut threads = Vec::new();
        for _ in 0..5 {
            threads.push(world.thread(alice, &[]).await);
        }
        for thread in &threads[..4] {
            world.delete_thread(world.at(*thread, alice)).await.unwrap();
        }
        let mut waiting = world.ask(ThreadsToPurge).await;
        waiting.sort();
        let mut deleted = threads[..4].to_vec();
        deleted.sort();
        assert_eq!(waiting, deleted);
        assert_eq!(jobs::purge(&world.store, &world.lease().await).await, Ok(4));
        assert_eq!(world.ask(ThreadsToPurge).await, []);
        assert_eq!(jobs::purge(&world.store, &world.lease().await).await, Ok(0));
        assert_eq!(world.threads(alice).await.len(), 5);
        world.say(world.at(threads[4], alice), "alive").await.unwrap();
    })
    .await;
}

/// Of all resources and users: the policy asks nobody.
async fn due(world: &World, now: Millis) -> Vec<ThreadId> {
    let due = world.ask(ThreadsDue(now)).await;
    due.into_iter().map(|at| at.thread).collect()
}

#[tokio::test]
async fn a_thread_is_due_when_its_days_are_over() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let with = async |retention| {
            let creation = CreateThread {
                retention,
                ..world.creation(alice, vec![])
            };
            ThreadId::from_bytes(world.commit(creation).await.unwrap().thread)
        };
        let later = with(Some(after_days(2))).await;
        let sooner = with(Some(after_days(1))).await;
        with(None).await;
        with(Some(RetentionPolicy::None)).await;
        let latest = with(Some(after_days(36_500))).await;

        for (now, expected) in [
            (START, vec![]),
            (START.plus(DAY - 1), vec![]),
            (START.plus(DAY), vec![sooner]),
            (START.plus(2 * DAY - 1), vec![sooner]),
            (START.plus(2 * DAY), vec![sooner, later]),
            (Millis(i64::MAX), vec![sooner, later, latest]),
        ] {
            assert_eq!(due(&world, now).await, expected, "at {now}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_policy_counts_from_the_creation_too() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        let forever = Millis(i64::MAX);
        let policy = async |retention| {
            let update = UpdateThread {
                at,
                topic: None,
                metadata: None,
                retention: Some(retention),
            };
            world.commit(update).await.unwrap();
            assert_eq!(world.ask(GetThread(at)).await.unwrap().retention, Some(retention));
        };
        assert_eq!(due(&world, forever).await, []);
        world.clock.advance(DAY);
        policy(after_days(3)).await;
        assert_eq!(due(&world, START.plus(3 * DAY - 1)).await, []);
        assert_eq!(due(&world, START.plus(3 * DAY)).await, [thread]);
        policy(RetentionPolicy::None).await;
        assert_eq!(due(&world, forever).await, []);
        // Over already: due at once.
        policy(after_days(1)).await;
        assert_eq!(due(&world, world.now()).await, [thread]);
        world.delete_thread(at).await.unwrap();
        assert_eq!(due(&world, forever).await, [], "deleted once is enough");
    })
    .await;
}

#[tokio::test]
async fn the_policy_deletes_whoever_is_left_in_the_thread() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let creation = CreateThread {
            retention: Some(after_days(1)),
            ..world.creation(alice, vec![member(bob)])
        };
        let at = creation.at;
        world.commit(creation).await.unwrap();
        let message = world.say(at, "hi").await.unwrap();
        // Its creator has left, and does not exist any more.
        world.remove(at, alice).await.unwrap();
        world.users.delete(world.resource, alice).await.unwrap();

        assert_eq!(
            jobs::delete_due(&world.store, &world.lease().await, &*world.clock).await,
            Ok(0)
        );
        world.clock.advance(DAY);
        let found = world.ask(ThreadsDue(world.now())).await;
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].resource, found[0].thread, found[0].caller),
            (at.resource, at.thread, alice)
        );
        assert_eq!(
            jobs::delete_due(&world.store, &world.lease().await, &*world.clock).await,
            Ok(1)
        );
        is_gone(&world, world.at(at.thread, bob), message).await;
        let lines = world.threads(bob).await;
        assert_eq!(lines[0].deleted, Some(START.plus(DAY)));
        assert_eq!(world.threads(alice).await, []);
        assert_eq!(world.ask(ThreadsToPurge).await, [at.thread]);
        assert_eq!(
            jobs::delete_due(&world.store, &world.lease().await, &*world.clock).await,
            Ok(0)
        );
        assert_eq!(jobs::purge(&world.store, &world.lease().await).await, Ok(1));
        assert_eq!(world.threads(bob).await, lines);
    })
    .await;
}

/// The list of what is due is read first, each thread deleted later: meanwhile a participant may
/// have done it.
#[tokio::test]
async fn the_policy_and_a_participant_may_both_delete() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let at = world.at(world.thread(alice, &[bob]).await, alice);
        let bobs = world.at(at.thread, bob);
        world.delete_thread(bobs).await.unwrap();
        let lines = world.threads(alice).await;
        world.clock.advance(1_000);
        let by_policy = DeleteThread { at, by_policy: true };
        world.store.background(by_policy).await.expect("it is deleted");
        assert_eq!(world.threads(alice).await, lines);
    })
    .await;
}

#[tokio::test]
async fn the_policy_may_come_second_although_the_creator_has_left() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let at = world.at(world.thread(alice, &[bob]).await, alice);
        world.remove(at, alice).await.unwrap();
        world.delete_thread(world.at(at.thread, bob)).await.unwrap();
        let by_policy = DeleteThread { at, by_policy: true };
        world.store.background(by_policy).await.expect("it is deleted");
    })
    .await;
}
