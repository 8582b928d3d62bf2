//! What every engine promises of resources: names are taken once, keys are replaced one at a time,
//! and what the directory holds in memory is what the store holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use samband_core::{Clock, KeySlot, ManualClock, Millis, Random, ResourceId, Secret};
use samband_resources::{Directory, MIGRATIONS, NewResource, Resource, ResourceError};
use samband_store::Store;
use samband_store::testing::{TestStore, every_engine};

const START: Millis = Millis(1_700_000_000_000);

/// Never the same bytes twice, and the same ones in every run.
#[derive(Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0);
        let end = bytes.len();
        bytes[end - count.len()..].copy_from_slice(&count);
    }
}

struct World {
    directory: Directory,
    store: Store,
    clock: Arc<ManualClock>,
    _kept: TestStore,
}

impl World {
    async fn create(&self, name: &str) -> Result<Arc<Resource>, ResourceError> {
        self.directory.create(name, None, "Sweden", self.clock.now()).await
    }

    /// What a server that starts now would hold.
    async fn read_anew(&self) -> Vec<Resource> {
        let directory = Directory::load(self.store.clone(), Arc::new(Counter::default())).await;
        held(&directory.expect("loads"))
    }

    /// The directory shows what is stored, in the same order.
    async fn agrees(&self) {
        let (here, stored) = (held(&self.directory), self.read_anew().await);
        assert!(here == stored, "{:?} is not {:?}", in_short(&here), in_short(&stored));
    }
}

fn held(directory: &Directory) -> Vec<Resource> {
    directory.all().iter().map(|resource| (**resource).clone()).collect()
}

/// A name with its keys' generations: enough to see what went wrong.
fn in_short(resources: &[Resource]) -> Vec<(&str, [i64; 2])> {
    let generations = |one: &Resource| KeySlot::ALL.map(|slot| one.key(slot).generation);
    resources
        .iter()
        .map(|one| (one.name.as_str(), generations(one)))
        .collect()
}

fn names(directory: &Directory) -> Vec<String> {
    directory.all().iter().map(|resource| resource.name.clone()).collect()
}

fn new_resource(name: &str) -> NewResource {
    NewResource {
        name: name.to_owned(),
        port: Some(8443),
        data_location: "Local".to_owned(),
        primary: Secret::new(b"first".to_vec()),
        secondary: Secret::new(b"second".to_vec()),
    }
}

/// Output is shown when a test fails: it then names the engine.
async fn on_every_engine(test: impl AsyncFn(World)) {
    let clock = Arc::new(ManualClock::at(START));
    let shared: Arc<dyn Clock> = clock.clone();
    for kept in every_engine(MIGRATIONS, &shared).await {
        println!("engine: {}", kept.name);
        clock.set(START);
        let store = kept.store.clone();
        let directory = Directory::load(store.clone(), Arc::new(Counter::default())).await;
        test(World {
            directory: directory.expect("loads"),
            store,
            clock: clock.clone(),
            _kept: kept,
        })
        .await;
    }
}

#[tokio::test]
async fn a_resource_is_found_by_name_and_id_as_it_was_created() {
    on_every_engine(async |world: World| {
        assert_eq!(world.directory.all(), []);
        assert_eq!(world.directory.default_resource(), None);

        let id = ResourceId::from_bytes([7; 16]);
        let made = world.directory.create_as(id, new_resource("Dev-1")).await.unwrap();
        assert_eq!(made.id, id);
        assert_eq!(made.name, "Dev-1", "as it was written");
        assert_eq!((made.port, made.data_location.as_str()), (Some(8443), "Local"));
        assert_eq!(made.created, START, "by the store's clock");
        assert_eq!(made.key(KeySlot::Primary).secret.reveal(), b"first");
        assert_eq!(made.key(KeySlot::Secondary).secret.reveal(), b"second");
        for slot in KeySlot::ALL {
            assert_eq!(world.directory.key_generation(id, slot), Some(1));
        }
        for name in ["Dev-1", "dev-1", "DEV-1"] {
            assert_eq!(world.directory.by_name(name), Some(made.clone()), "{name}");
        }
        assert_eq!(world.directory.get(id), Some(made));
        assert_eq!(world.directory.by_name("dev-2"), None);
        world.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_made_of_64_bytes_and_never_twice() {
    on_every_engine(async |world: World| {
        let mut secrets = Vec::new();
        for name in ["a", "b"] {
            let made = world.create(name).await.unwrap();
            secrets.extend(KeySlot::ALL.map(|slot| made.key(slot).secret.reveal().clone()));
        }
        assert!(secrets.iter().all(|secret| secret.len() == 64));
        secrets.sort();
        secrets.dedup();
        assert_eq!(secrets.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn the_first_is_the_default_and_all_are_listed_in_order_of_creation() {
    on_every_engine(async |world: World| {
        // Neither the alphabet nor the id decides.
        for name in ["zebra", "ant", "moose"] {
            world.create(name).await.unwrap();
            world.clock.advance(1);
        }
        assert_eq!(names(&world.directory), ["zebra", "ant", "moose"]);
        let defaults: Vec<_> = world.directory.all().iter().map(|one| one.is_default).collect();
        assert_eq!(defaults, [true, false, false]);
        assert_eq!(world.directory.default_resource(), world.directory.by_name("zebra"));
        world.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_is_taken_once_whatever_its_case() {
    on_every_engine(async |world: World| {
        let first = world.create("Chat-One").await.unwrap();
        for name in ["Chat-One", "chat-one", "CHAT-ONE"] {
            assert_eq!(world.create(name).await, Err(ResourceError::NameTaken), "{name}");
        }
        assert_eq!(world.directory.all(), [first], "a refusal changes nothing");
        world.create("chat-two").await.unwrap();
        world.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn one_of_many_at_once_gets_the_name() {
    on_every_engine(async |world: World| {
        let world = Arc::new(world);
        let mut asked = tokio::task::JoinSet::new();
        for n in 0..20 {
            let world = world.clone();
            asked.spawn(async move {
                let name = if n % 2 == 0 { "one" } else { "ONE" };
                world.create(name).await.map(|made| made.id)
            });
        }
        let outcomes = asked.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, Ok(_) | Err(ResourceError::NameTaken)))
        );
        world.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_no_host_label_is_refused() {
    on_every_engine(async |world: World| {
        for name in ["", "-a", "a.b", "å"] {
            let refused = world.create(name).await;
            assert!(matches!(refused, Err(ResourceError::BadName(_))), "{name}");
        }
        assert_eq!(world.read_anew().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_resource_is_gone_and_its_name_is_free() {
    on_every_engine(async |world: World| {
        let kept = world.create("kept").await.unwrap();
        let first = world.create("again").await.unwrap();
        world.directory.delete("AGAIN").await.unwrap();
        assert_eq!(world.directory.by_name("again"), None);
        assert_eq!(world.directory.get(first.id), None);
        for slot in KeySlot::ALL {
            assert_eq!(world.directory.key_generation(first.id, slot), None);
        }
        assert_eq!(world.directory.delete("again").await, Err(ResourceError::NotFound));
        world.agrees().await;

        let second = world.create("again").await.unwrap();
        assert_ne!(second.id, first.id);
        assert_ne!(second.keys, first.keys);
        assert_eq!(world.directory.get(kept.id), Some(kept), "a neighbour is left alone");
        world.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn rotating_replaces_one_key_and_raises_its_generation_alone() {
    on_every_engine(async |world: World| {
        let before = world.create("dev").await.unwrap();
        let other = world.create("other").await.unwrap();
        let after = world.directory.rotate_key("DEV", KeySlot::Secondary).await.unwrap();
        assert_eq!(after.key(KeySlot::Primary), before.key(KeySlot::Primary));
        let key = after.key(KeySlot::Secondary);
        assert_eq!(key.generation, 2);
        assert_eq!(key.secret.reveal().len(), 64);
        assert_ne!(key.secret, before.key(KeySlot::Secondary).secret);
        assert_eq!(world.directory.key_generation(before.id, KeySlot::Secondary), Some(2));
        assert_eq!(world.directory.key_generation(before.id, KeySlot::Primary), Some(1));
        assert_eq!(world.directory.get(other.id), Some(other));

        world.directory.rotate_key("dev", KeySlot::Primary).await.unwrap();
        let twice = world.directory.rotate_key("dev", KeySlot::Secondary).await.unwrap();
        let generations = KeySlot::ALL.map(|slot| twice.key(slot).generation);
        assert_eq!(generations, [2, 3]);
        world.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_given_counts_as_a_rotation() {
    on_every_engine(async |world: World| {
        world.create("dev").await.unwrap();
        let given = Secret::new(b"as the operator says\0".to_vec());
        let set = world
            .directory
            .set_key("dev", KeySlot::Primary, given.clone())
            .await
            .unwrap();
        assert_eq!(set.key(KeySlot::Primary).secret, given);
        assert_eq!(set.key(KeySlot::Primary).generation, 2);
        world.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn what_does_not_exist_has_no_keys_to_rotate() {
    on_every_engine(async |world: World| {
        let rotated = world.directory.rotate_key("nobody", KeySlot::Primary).await;
        assert_eq!(rotated, Err(ResourceError::NotFound));

        // Another server deleted it; this one still has it in memory.
        world.create("dev").await.unwrap();
        let elsewhere = Directory::load(world.store.clone(), Arc::new(Counter::default()))
            .await
            .unwrap();
        elsewhere.delete("dev").await.unwrap();
        let rotated = world.directory.rotate_key("dev", KeySlot::Primary).await;
        assert_eq!(rotated, Err(ResourceError::NotFound));
        assert_eq!(world.directory.delete("dev").await, Err(ResourceError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn a_closed_store_is_unavailable_and_leaves_the_directory_readable() {
    on_every_engine(async |world: World| {
        let made = world.create("dev").await.unwrap();
        world.store.close().await;
        assert_eq!(world.create("more").await, Err(ResourceError::Unavailable));
        let rotated = world.directory.rotate_key("dev", KeySlot::Primary).await;
        assert_eq!(rotated, Err(ResourceError::Unavailable));
        assert_eq!(world.directory.by_name("dev"), Some(made));
    })
    .await;
}

/// Each change reads the whole list again; a list read earlier must not replace one read later, or
/// a key that was rotated away would be accepted again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_at_the_same_time_all_show() {
    on_every_engine(async |world: World| {
        for name in 0..12 {
            world.create(&name.to_string()).await.unwrap();
        }
        let world = Arc::new(world);
        for round in 0..100 {
            let mut changes = tokio::task::JoinSet::new();
            for name in 0..12 {
                let (world, slot) = (world.clone(), KeySlot::ALL[round % 2]);
                changes.spawn(async move {
                    let rotated = world.directory.rotate_key(&name.to_string(), slot).await.unwrap();
                    let holds = world.directory.key_generation(rotated.id, slot);
                    assert!(holds >= Some(rotated.key(slot).generation), "never an older key");
                });
            }
            while let Some(done) = changes.join_next().await {
                done.unwrap();
            }
            world.agrees().await;
        }
    })
    .await;
}

/// Requests that name no resource need one, as long as there is any.
#[tokio::test]
async fn a_default_that_is_deleted_is_followed_by_another() {
    on_every_engine(async |world: World| {
        world.create("first").await.unwrap();
        world.create("second").await.unwrap();
        world.directory.delete("first").await.unwrap();
        world.create("third").await.unwrap();
        assert!(world.directory.default_resource().is_some());
    })
    .await;
}

/// An id never comes back: it would bring back the users and threads of what was deleted.
#[tokio::test]
async fn a_fixed_id_cannot_be_created_again_after_its_deletion() {
    on_every_engine(async |world: World| {
        let id = ResourceId::from_bytes([7; 16]);
        world.directory.create_as(id, new_resource("dev")).await.unwrap();
        world.directory.delete("dev").await.unwrap();
        let again = world.directory.create_as(id, new_resource("dev")).await;
        assert_eq!(again.err(), Some(ResourceError::NameTaken));
        world.agrees().await;
    })
    .await;
}
