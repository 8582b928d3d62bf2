//! The hub on a bus that loses notes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use samband_chat::store::{CreateThread, InThread, SendMessage};
use samband_chat::{Kinds, Member, MessageDoc, ShareHistory};
use samband_core::{Clock, LogPosition, ManualClock, Millis, Random, StreamId, SystemRandom};
use samband_identity::{SigningKeys, Tokens, Users};
use samband_resources::Directory;
use samband_store::sqlite::Options;
use samband_wire_chat::Metadata;

use super::*;
use crate::session::Protocol;

const PATIENCE: Duration = Duration::from_secs(20);

/// A store whose notes go to a bus, unless the bus is deaf.
struct World {
    store: Store,
    bus: Bus,
    deaf: Arc<AtomicBool>,
    at: InThread,
    other: UserId,
}

impl World {
    /// A thread of two.
    async fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Millis(1_700_000_000_000)));
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let (bus, deaf) = (Bus::in_process(), Arc::new(AtomicBool::new(false)));
        let (doorbell, is_deaf) = (bus.clone(), deaf.clone());
        let publish = Arc::new(move |notes: Vec<Note>| {
            if !is_deaf.load(Ordering::SeqCst) {
                notes.into_iter().for_each(|note| doorbell.publish(note, &[]));
            }
        });
        let migrations = [
            samband_resources::MIGRATIONS,
            samband_identity::MIGRATIONS,
            samband_chat::MIGRATIONS,
        ]
        .concat();
        let store = Store::open_sqlite_heard(Options::in_memory(), &migrations, clock.clone(), publish).unwrap();
        let keys = SigningKeys::load(store.clone(), random.clone()).await.unwrap();
        let directory = Directory::load(store.clone(), random.clone()).await.unwrap();
        let users = Users {
            tokens: Arc::new(Tokens::new(store.clone(), Arc::new(keys), Arc::new(directory))),
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
        };
        let resource = ResourceId::from_bytes([7; 16]);
        let (caller, other) = (
            users.create(resource, None).await.unwrap(),
            users.create(resource, None).await.unwrap(),
        );
        let at = InThread {
            resource,
            thread: ThreadId::new(clock.now(), &*random),
            caller,
        };
        let member = Member {
            user: other,
            display_name: None,
            share_history: ShareHistory::All,
            metadata: Metadata::new(),
            roles: Vec::new(),
        };
        let creation = CreateThread {
            at,
            topic: "topic".to_owned(),
            metadata: Metadata::new(),
            retention: None,
            members: vec![member],
            total: 1,
            limit: None,
        };
        store.commit(creation).await.unwrap();
        Self {
            store,
            bus,
            deaf,
            at,
            other,
        }
    }

    async fn say(&self, text: &str) {
        let doc = MessageDoc {
            content: text.to_owned(),
            ..MessageDoc::empty()
        };
        self.store.commit(SendMessage::new(self.at, false, &doc)).await.unwrap();
    }

    /// More than the bus keeps, before anybody can listen; none of it is anybody's here.
    fn flood(&self) {
        let elsewhere = Note {
            resource: self.at.resource,
            stream: StreamId([9; 16]),
            position: LogPosition(0),
            stamp: Stamp(0),
            prev: Stamp(0),
            at: Millis(0),
            kind: Kinds::TYPING,
            actor: None,
            about: None,
            seq: None,
            body: b"{}".as_slice().into(),
        };
        for _ in 0..70_000 {
            self.bus.publish(elsewhere.clone(), &[]);
        }
    }
}

async fn heard(events: &mut mpsc::Receiver<Arc<Event>>) -> String {
    let event = tokio::time::timeout(PATIENCE, events.recv())
        .await
        .expect("something comes")
        .unwrap();
    let doc: MessageDoc = serde_json::from_slice(&event.note.body).unwrap();
    doc.content
}

#[tokio::test]
async fn what_the_bus_lost_is_read_from_the_store_once_and_in_order() {
    let world = World::new().await;
    let hub = Hub::start(world.store.clone(), &world.bus);
    let session = |user| Session::new(world.at.resource, user, Protocol::OpenWebSocket, Millis(0), None);
    let (session_of_other, mut events) = session(Some(world.other));
    assert!(hub.join(&session_of_other).await);
    world.say("one").await;
    assert_eq!(heard(&mut events).await, "one");

    let (whole, _all) = session(None);
    assert!(hub.join(&whole).await);
    world.deaf.store(true, Ordering::SeqCst);
    for text in ["two", "three"] {
        world.say(text).await;
    }
    world.deaf.store(false, Ordering::SeqCst);
    // The test's runtime has one thread: the hub hears nothing until this is done.
    world.flood();
    world.say("four").await;
    for text in ["two", "three", "four"] {
        assert_eq!(heard(&mut events).await, text);
    }
    // Who reads the log is told to look there.
    tokio::time::timeout(PATIENCE, whole.lapsed()).await.expect("told");
    world.say("five").await;
    assert_eq!(heard(&mut events).await, "five");
    assert!(events.try_recv().is_err(), "nothing twice");
}
