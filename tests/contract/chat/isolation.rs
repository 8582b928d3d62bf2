//! A resource never sees another's users and threads, not even where the ids are the same.

use samband_chat::ChatRefused;
use samband_chat::store::{
    CreateThread, DeleteMessage, DeleteThread, GetThread, InThread, MayType, UpdateMessage, UpdateThread,
};
use samband_core::UserId;
use samband_wire_chat::RetentionPolicy;

use crate::world::{ALL, World, member, on_every_engine};

/// All that can be seen of a thread.
async fn view(world: &World, at: InThread) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        world.list(at).await,
        world.members_in_pages(at, ALL).await,
        world.receipts(at).await,
        world.ask(GetThread(at)).await,
        world.threads_in_pages(at.resource, at.caller, None, ALL).await,
    )
}

#[tokio::test]
async fn a_thread_is_not_there_for_another_resource() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.twins().await, world.twins().await);
        let thread = world.thread(alice, &[bob]).await;
        let at = world.at(thread, alice);
        let message = world.say(at, "ours").await.unwrap();
        world.read_up_to(at, message).await.unwrap();
        let before = view(&world, at).await;

        // The same user and thread ids, by way of the other resource.
        let across = InThread {
            resource: world.other,
            ..at
        };
        let missing = ChatRefused::ThreadNotFound;
        assert_eq!(world.ask(GetThread(across)).await.unwrap_err(), missing);
        assert_eq!(world.list(across).await.unwrap_err(), missing);
        assert_eq!(world.get(across, message).await.unwrap_err(), missing);
        assert_eq!(world.members(across).await.unwrap_err(), missing);
        assert_eq!(world.receipts(across).await.unwrap_err(), missing);
        let may_type = MayType {
            at: across,
            most_members: None,
        };
        assert_eq!(world.ask(may_type).await.unwrap_err(), missing);
        assert_eq!(world.say(across, "?").await.unwrap_err(), missing);
        assert_eq!(world.add(across, vec![member(bob)]).await.unwrap_err(), missing);
        assert_eq!(world.remove(across, bob).await.unwrap_err(), missing);
        assert_eq!(world.read_up_to(across, message).await.unwrap_err(), missing);
        let delete = DeleteMessage { at: across, message };
        assert_eq!(world.commit(delete).await.unwrap_err(), missing);
        let edit = UpdateMessage {
            at: across,
            message,
            content: Some("?".to_owned()),
            metadata: None,
            high_priority: None,
            attachments: None,
        };
        assert_eq!(world.commit(edit).await.unwrap_err(), missing);
        let update = UpdateThread {
            at: across,
            topic: Some("?".to_owned()),
            metadata: None,
            retention: Some(RetentionPolicy::None),
        };
        assert_eq!(world.commit(update).await.unwrap_err(), missing);
        for by_policy in [false, true] {
            let delete = DeleteThread { at: across, by_policy };
            assert_eq!(world.commit(delete).await.unwrap_err(), missing);
        }
        assert_eq!(world.threads_in_pages(world.other, alice, None, ALL).await, []);
        assert_eq!(view(&world, at).await, before);

        // Nor when it is deleted: the line is in its own resource's lists alone.
        world.delete_thread(at).await.unwrap();
        let delete = DeleteThread {
            at: across,
            by_policy: false,
        };
        assert_eq!(world.commit(delete).await.unwrap_err(), missing);
        assert_eq!(world.threads_in_pages(world.other, alice, None, ALL).await, []);
    })
    .await;
}

#[tokio::test]
async fn each_resource_lists_its_own_threads_of_the_same_user_id() {
    on_every_engine(async |world: World| {
        let alice = world.twins().await;
        let here = world.thread(alice, &[]).await;
        let creation = world.creation(alice, vec![]);
        let there = InThread {
            resource: world.other,
            ..creation.at
        };
        world.commit(CreateThread { at: there, ..creation }).await.unwrap();
        let listed = async |resource| {
            let lines = world.threads_in_pages(resource, alice, None, 1).await;
            lines.into_iter().map(|line| line.thread).collect::<Vec<_>>()
        };
        assert_eq!(listed(world.resource).await, [here]);
        assert_eq!(listed(world.other).await, [there.thread]);
        // Removed there, still in here.
        world.remove(there, alice).await.unwrap();
        assert_eq!(listed(world.resource).await, [here]);
        assert_eq!(listed(world.other).await, []);
    })
    .await;
}

#[tokio::test]
async fn another_resources_user_cannot_be_a_member() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let stranger = world.user_of(world.other).await;
        let created = world.create(alice, vec![member(stranger)]).await;
        assert_eq!(created.added.unknown, [*stranger.as_bytes()]);
        let at = world.at(samband_core::ThreadId::from_bytes(created.thread), alice);
        let added = world.add(at, vec![member(stranger)]).await.unwrap();
        assert_eq!(added.unknown, [*stranger.as_bytes()]);
        assert_eq!(world.members(at).await.unwrap(), [alice]);
        // Deleting one twin leaves the other.
        let twin = world.twins().await;
        world.users.delete(world.other, twin).await.unwrap();
        let added = world.add(at, vec![member(twin)]).await.unwrap();
        assert_eq!(added.valid, [*twin.as_bytes()]);
    })
    .await;
}

/// Ids of threads are drawn from 74 random bits; who guesses one must not harm its owners.
#[tokio::test]
async fn a_thread_cannot_be_created_over_another() {
    on_every_engine(async |world: World| {
        let alice = world.twins().await;
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        world.say(at, "ours").await.unwrap();
        world.clock.advance(1_000);
        let before = view(&world, at).await;
        for resource in [world.other, world.resource] {
            let creation = CreateThread {
                at: InThread { resource, ..at },
                ..world.creation(alice, vec![])
            };
            assert_eq!(world.commit(creation).await.unwrap_err(), ChatRefused::Unavailable);
        }
        assert_eq!(view(&world, at).await, before);
        assert_eq!(world.threads_in_pages(world.other, alice, None, ALL).await, []);
        assert_eq!(world.say(at, "next").await.unwrap().0, world.now().0);
    })
    .await;
}

/// A token outlives its user by no request, but a creation may be under way.
#[tokio::test]
async fn who_does_not_exist_creates_no_thread() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let nobody = UserId::from_bytes([5; 16]);
        let created = world.commit(world.creation(nobody, vec![member(alice)])).await;
        assert!(created.is_err(), "{created:?}");
        assert_eq!(world.threads(alice).await, []);
    })
    .await;
}
