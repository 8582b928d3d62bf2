//! What every engine promises: durable before acknowledged, refusals without traces, neighbours unharmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use samband_core::{Clock, Kind, ManualClock, Millis, ResourceId, Stamp, StreamId};
use samband_store::testing::every_engine;
use samband_store::{
    BoxFuture, Change, CommitError, EngineError, Entry, Query, RepeatKey, RepeatRefused, Repeatable, Stop, Store,
    Transaction, postgres, sqlite,
};

const STREAM: StreamId = StreamId([7; 16]);

/// Appends a message; refuses, panics or breaks a constraint on demand.
#[derive(Clone)]
struct Append {
    stamp: i64,
    behave: Behave,
}
#[derive(Clone, Copy, PartialEq)]
enum Behave {
    Well,
    Refuse,
    Panic,
}

impl Change for Append {
    type Out = i64;
    type Refusal = &'static str;
    fn stream(&self) -> StreamId {
        STREAM
    }
    samband_store::apply_on_every_engine!();
}

impl Append {
    async fn apply(&self, tx: &mut impl Transaction) -> Result<i64, Stop<&'static str>> {
        if self.behave == Behave::Refuse {
            return Err(Stop::Refused("no"));
        }
        let resource = ResourceId::from_bytes([1; 16]);
        let (stamp, prev) = (Stamp(self.stamp), Stamp(0));
        tx.append(&Entry {
            stream: STREAM,
            resource,
            stamp,
            prev,
            kind: Kind(1),
            actor: None,
            about: None,
            seq: Some(self.stamp),
            doc: b"{}",
            heard: None,
        })
        .await?;
        assert!(self.behave != Behave::Panic, "as asked");
        Ok(self.stamp)
    }
}

struct Count;
impl Query for Count {
    type Out = i64;
    fn sqlite(&self, db: &sqlite::Reader<'_>) -> Result<i64, EngineError> {
        Ok(db.query_row("SELECT count(*) FROM entry", (), |row| row.get(0))?)
    }
    fn postgres<'a>(&'a self, db: &'a postgres::Session) -> BoxFuture<'a, Result<i64, EngineError>> {
        Box::pin(async {
            let row = db.query_opt("SELECT count(*) FROM entry", &[]).await?.expect("one row");
            Ok(row.get(0))
        })
    }
}

async fn stores() -> Vec<samband_store::testing::TestStore> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Millis(1_000)));
    every_engine(&[], &clock).await
}

async fn append(store: &Store, stamp: i64, behave: Behave) -> Result<i64, CommitError<&'static str>> {
    store.commit(Append { stamp, behave }).await
}

#[tokio::test]
async fn a_query_sees_what_was_acknowledged_and_nothing_of_a_refusal() {
    for test in stores().await {
        assert_eq!(append(&test.store, 1, Behave::Well).await, Ok(1), "{}", test.name);
        assert_eq!(
            append(&test.store, 2, Behave::Refuse).await,
            Err(CommitError::Refused("no"))
        );
        assert_eq!(test.store.read(Count).await, Ok(1), "{}", test.name);
    }
}

#[tokio::test]
async fn a_change_that_panics_or_breaks_a_constraint_fails_alone() {
    for test in stores().await {
        let changes = [
            (1, Behave::Well),
            (2, Behave::Panic),
            (3, Behave::Well),
            (1, Behave::Well), // the stamp is taken
            (4, Behave::Well),
        ];
        let waiting: Vec<_> = changes
            .into_iter()
            .map(|(stamp, behave)| {
                let store = test.store.clone();
                tokio::spawn(async move { append(&store, stamp, behave).await })
            })
            .collect();
        let mut acknowledged = 0;
        for result in waiting {
            acknowledged += i64::from(result.await.unwrap().is_ok());
        }
        assert_eq!(acknowledged, 3, "{}", test.name);
        assert_eq!(test.store.read(Count).await, Ok(3), "{}", test.name);
        assert!(test.store.health().await.is_ok());
    }
}

#[tokio::test]
async fn background_changes_are_made_too() {
    for test in stores().await {
        assert_eq!(
            test.store
                .background(Append {
                    stamp: 1,
                    behave: Behave::Well
                })
                .await,
            Ok(1)
        );
        assert_eq!(test.store.read(Count).await, Ok(1), "{}", test.name);
    }
}

#[tokio::test]
async fn a_closed_store_refuses_and_has_kept_everything() {
    for test in stores().await {
        for stamp in 1..=100 {
            append(&test.store, stamp, Behave::Well).await.unwrap();
        }
        test.store.close().await;
        assert_eq!(
            append(&test.store, 101, Behave::Well).await,
            Err(CommitError::Unavailable),
            "{}",
            test.name
        );
    }
}

#[tokio::test]
async fn a_directory_belongs_to_one_process_and_is_opened_again_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let clock = Arc::new(ManualClock::at(Millis(1)));
        Store::open_sqlite(sqlite::Options::in_directory(directory.path()), &[], clock)
    };
    let first = open().unwrap();
    append(&first, 1, Behave::Well).await.unwrap();
    assert!(matches!(open().err(), Some(samband_store::OpenError::InUse(_))));
    first.close().await;
    assert_eq!(open().unwrap().read(Count).await, Ok(1));
}

/// Counts how often it was really applied.
struct Counted(Arc<AtomicUsize>);
impl Change for Counted {
    type Out = usize;
    type Refusal = ();
    fn stream(&self) -> StreamId {
        STREAM
    }
    samband_store::apply_on_every_engine!();
}
impl Counted {
    async fn apply(&self, _: &mut impl Transaction) -> Result<usize, Stop<()>> {
        Ok(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_repeated_request_is_applied_once_and_another_under_its_key_is_refused() {
    let clock = Arc::new(ManualClock::at(Millis(1_000)));
    let shared: Arc<dyn Clock> = clock.clone();
    for test in every_engine(&[], &shared).await {
        let applied = Arc::new(AtomicUsize::new(0));
        let repeat = |key: &str, hash: u8| {
            let key = RepeatKey {
                scope: b"s".to_vec(),
                key: key.into(),
                request_hash: [hash; 32],
            };
            test.store.commit(Repeatable {
                key,
                change: Counted(applied.clone()),
            })
        };
        assert_eq!(repeat("a", 1).await, Ok(0), "{}", test.name);
        assert_eq!(repeat("a", 1).await, Ok(0));
        assert_eq!(
            repeat("a", 2).await,
            Err(CommitError::Refused(RepeatRefused::OtherRequest))
        );
        assert_eq!(repeat("b", 1).await, Ok(1));

        clock.advance(25 * Millis::HOUR);
        assert_eq!(
            {
                let lease = test.store.lease("tests").await.unwrap().unwrap();
                samband_store::forget_expired_repeats(&test.store, &lease).await
            },
            Ok(2)
        );
        assert_eq!(repeat("a", 2).await, Ok(2), "{}", test.name);
    }
}
