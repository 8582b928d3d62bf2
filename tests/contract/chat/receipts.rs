//! Read receipts: one for each member, the newest message counts.

use samband_chat::store::{DeleteMessage, ListReceipts, MayType, SendReceipt};
use samband_chat::{ChatRefused, ReceiptDoc};
use samband_core::{Millis, Stamp};

use crate::world::{START, World, member, on_every_engine};

#[tokio::test]
async fn the_newest_message_read_counts() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        assert_eq!(world.receipts(at).await.unwrap(), []);
        let first = world.say(at, "1").await.unwrap();
        let second = world.say(at, "2").await.unwrap();
        world.clock.advance(1_000);
        let now = world.now();
        assert_eq!(world.read_up_to(bobs, first).await, Ok(now));
        assert_eq!(world.receipts(at).await.unwrap(), [(bob, first, now)]);

        world.clock.advance(1_000);
        let later = world.now();
        world.read_up_to(bobs, second).await.unwrap();
        assert_eq!(world.receipts(at).await.unwrap(), [(bob, second, later)]);
        // One that comes late is taken and changes nothing.
        world.clock.advance(1_000);
        world.read_up_to(bobs, first).await.unwrap();
        assert_eq!(world.receipts(bobs).await.unwrap(), [(bob, second, later)]);

        let own = world.now();
        world.read_up_to(at, first).await.unwrap();
        assert_eq!(
            world.receipts(at).await.unwrap(),
            [(alice, first, own), (bob, second, later)]
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_is_read_before_it_was_written() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let at = world.at(world.thread(alice, &[]).await, alice);
        // In a burst the thread's clock runs ahead; then the machine's steps back.
        let mut last = Stamp(0);
        for n in 0..10 {
            last = world.say(at, &n.to_string()).await.unwrap();
        }
        assert!(last.0 > world.now().0);
        assert_eq!(world.read_up_to(at, last).await, Ok(Millis(last.0)));
        world.clock.set(Millis(5));
        assert_eq!(world.read_up_to(at, last).await, Ok(Millis(last.0)));
        assert_eq!(world.receipts(at).await.unwrap(), [(alice, last, Millis(last.0))]);
    })
    .await;
}

#[tokio::test]
async fn only_a_message_that_is_seen_is_read() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        let before = world.say(at, "before").await.unwrap();
        world.add(at, vec![member(bob)]).await.unwrap();
        let seen = world.say(at, "seen").await.unwrap();

        let missing = Err(ChatRefused::MessageNotFound);
        assert_eq!(world.read_up_to(bobs, before).await, missing);
        assert_eq!(world.read_up_to(bobs, Stamp(seen.0 + 1)).await, missing);
        assert_eq!(
            world.read_up_to(at, Stamp(START.0)).await,
            missing,
            "an entry, but no message"
        );
        let outside = world.at(thread, carol);
        assert_eq!(world.read_up_to(outside, seen).await, Err(ChatRefused::NotParticipant));
        let nowhere = world.at(world.new_thread(), alice);
        assert_eq!(world.read_up_to(nowhere, seen).await, Err(ChatRefused::ThreadNotFound));
        assert_eq!(world.receipts(at).await.unwrap(), []);

        // A deleted message has been read all the same, and so has what the system says.
        world.commit(DeleteMessage { at, message: seen }).await.unwrap();
        world.read_up_to(bobs, seen).await.unwrap();
        let topic = world.list(at).await.unwrap().last().unwrap().stamp;
        world.read_up_to(at, topic).await.unwrap();

        world.remove(at, bob).await.unwrap();
        assert_eq!(world.read_up_to(bobs, seen).await, Err(ChatRefused::NotParticipant));
    })
    .await;
}

#[tokio::test]
async fn where_there_are_too_many_there_are_no_receipts_and_no_typing() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let at = world.at(thread, alice);
        let message = world.say(at, "hi").await.unwrap();
        let receipt = |most| SendReceipt {
            at,
            message,
            most_members: Some(most),
        };
        let may_type = |most| MayType {
            at,
            most_members: Some(most),
        };
        let told = world.commit(receipt(2)).await.expect("two are not too many");
        // What is heard of it: whose message it is, and in how large a company.
        let expected = ReceiptDoc {
            message: message.0,
            read_ms: message.0,
            author: Some(*alice.as_bytes()),
            members: 2,
        };
        assert_eq!(told, expected);
        assert_eq!(world.ask(may_type(2)).await, Ok(2));
        let refused = ChatRefused::TooManyForReceipts { limit: 1, met: 2 };
        assert_eq!(world.commit(receipt(1)).await, Err(refused.clone()));
        assert_eq!(world.ask(may_type(1)).await, Err(refused));
        // Those who are gone do not count.
        world.remove(at, bob).await.unwrap();
        world.commit(receipt(1)).await.expect("alone");
        assert_eq!(world.ask(may_type(1)).await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn receipts_come_in_pages() {
    on_every_engine(async |world: World| {
        let mut users = vec![world.user().await];
        for _ in 0..6 {
            users.push(world.user().await);
        }
        let thread = world.thread(users[0], &users[1..]).await;
        let at = world.at(thread, users[0]);
        let message = world.say(at, "hi").await.unwrap();
        // In another order than they are listed in.
        for user in users.iter().rev() {
            world.read_up_to(world.at(thread, *user), message).await.unwrap();
        }
        let all = world.receipts(at).await.unwrap();
        let readers: Vec<_> = all.iter().map(|receipt| receipt.0).collect();
        assert_eq!(readers, users);
        for size in 1..=8 {
            assert_eq!(world.receipts_in_pages(at, size).await.unwrap(), all, "pages of {size}");
        }
        let skipped = world
            .ask(ListReceipts {
                at,
                after: None,
                skip: 5,
                size: 1,
            })
            .await
            .unwrap();
        assert_eq!((skipped.items.len(), skipped.items[0].user), (1, users[5]));
        assert!(skipped.next.is_some());
    })
    .await;
}
