//! What only PostgreSQL's engine promises: one result, once, through lost connections; nodes that start
//! at once; leases with fences; what one node changes is told to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use samband_core::{Kind, ResourceId, Stamp, StreamId, UserId};
use samband_store::postgres::{Options, Session, Tx};
use samband_store::testing::{PostgresServer, new_schema, on_postgres};
use samband_store::{
    BoxFuture, Change, CommitError, EngineError, Entry, OpenError, Outdated, Query, Stop, Store, Transaction, sqlite,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const STREAM: StreamId = StreamId([7; 16]);
const PATIENCE: Duration = Duration::from_secs(30);

/// Appends after the newest entry, so that whoever does it twice leaves two.
struct AppendNext;

impl Change for AppendNext {
    type Out = i64;
    type Refusal = ();
    fn stream(&self) -> StreamId {
        STREAM
    }
    fn sqlite(&self, _: &mut sqlite::Tx<'_>) -> Result<i64, Stop<()>> {
        unreachable!("these tests are PostgreSQL's")
    }
    fn postgres<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, Result<i64, Stop<()>>> {
        Box::pin(async move {
            let row = tx
                .db()
                .query_opt("SELECT coalesce(max(stamp), 0) FROM entry", &[])
                .await?;
            let last: i64 = row.expect("one row").get(0);
            let entry = Entry {
                stream: STREAM,
                resource: ResourceId::from_bytes([1; 16]),
                stamp: Stamp(last + 1),
                prev: Stamp(last),
                kind: Kind(1),
                actor: None,
                about: None,
                seq: Some(last + 1),
                doc: b"{}",
                heard: None,
            };
            tx.append(&entry).await?;
            Ok(last + 1)
        })
    }
}

/// Runs one statement.
struct Run(&'static str);

impl Change for Run {
    type Out = u64;
    type Refusal = ();
    fn stream(&self) -> StreamId {
        STREAM
    }
    fn sqlite(&self, _: &mut sqlite::Tx<'_>) -> Result<u64, Stop<()>> {
        unreachable!("these tests are PostgreSQL's")
    }
    fn postgres<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, Result<u64, Stop<()>>> {
        Box::pin(async move { Ok(tx.db().execute(self.0, &[]).await?) })
    }
}

struct Tell(Outdated);

impl Change for Tell {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        STREAM
    }
    samband_store::apply_on_every_engine!();
}

impl Tell {
    async fn apply(&self, tx: &mut impl Transaction) -> Result<(), Stop<()>> {
        Ok(tx.outdate(self.0).await?)
    }
}

struct Stamps;

impl Query for Stamps {
    type Out = Vec<i64>;
    fn sqlite(&self, _: &sqlite::Reader<'_>) -> Result<Vec<i64>, EngineError> {
        unreachable!("these tests are PostgreSQL's")
    }
    fn postgres<'a>(&'a self, db: &'a Session) -> BoxFuture<'a, Result<Vec<i64>, EngineError>> {
        Box::pin(async {
            let rows = db.query("SELECT stamp FROM entry ORDER BY stamp", &[]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }
}

async fn open(schema: &str) -> Store {
    on_postgres(schema, &[], None, Arc::new(|_| {})).await
}

/// A way to the server that, of the connections that say COMMIT, cuts one in three: before the word,
/// after it and before the answer, or not at all.
async fn cutting_proxy() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let cuts = Arc::new(AtomicUsize::new(0));
    let (counted, commits) = (cuts.clone(), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (cuts, commits) = (counted.clone(), commits.clone());
            tokio::spawn(async move {
                let _ = carry(client, &cuts, &commits).await;
            });
        }
    });
    (port, cuts)
}

async fn carry(client: TcpStream, cuts: &AtomicUsize, commits: &AtomicUsize) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", PostgresServer::of_this_process().port())).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 65_536];
    loop {
        let read = from_client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let said = &buffer[..read];
        if said.windows(7).any(|window| window == b"COMMIT\0") {
            match commits.fetch_add(1, Ordering::SeqCst) % 3 {
                0 => {}
                1 => {
                    // It never arrives.
                    cuts.fetch_add(1, Ordering::SeqCst);
                    answers.abort();
                    return Ok(());
                }
                _ => {
                    // It arrives, and nobody learns what came of it.
                    cuts.fetch_add(1, Ordering::SeqCst);
                    answers.abort();
                    to_server.write_all(said).await?;
                    // Long enough to be executed; the test holds whichever comes first.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Ok(());
                }
            }
        }
        to_server.write_all(said).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_once_through_connections_that_break_around_its_commit() {
    let schema = new_schema();
    let direct = open(&schema).await;
    let (port, cuts) = cutting_proxy().await;
    let options = Options {
        lanes: 2,
        readers: 2,
        schema: Some(schema),
        ..Options::at(format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable"))
    };
    // The proxy breaks migrations too; the direct one has made them.
    let store = loop {
        match Store::open_postgres(options.clone(), &[], Arc::new(|_| {})).await {
            Ok(store) => break store,
            Err(OpenError::Postgres { .. }) => continue,
            Err(error) => panic!("{error}"),
        }
    };
    let mut acknowledged = Vec::new();
    for _ in 0..60 {
        acknowledged.push(store.commit(AppendNext).await.expect("in the end it is made"));
    }
    assert!(cuts.load(Ordering::SeqCst) > 20, "the proxy cuts");
    // One sender, one after another: each was told the stamp that is stored, and none is there twice.
    let expected: Vec<i64> = (1..=60).collect();
    assert_eq!(acknowledged, expected);
    assert_eq!(direct.read(Stamps).await, Ok(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_ends_cost_nothing_acknowledged() {
    let store = open(&new_schema()).await;
    let killer = open(&new_schema()).await;
    let running = Arc::new(AtomicUsize::new(0));
    let killing = {
        let running = running.clone();
        tokio::spawn(async move {
            while running.load(Ordering::SeqCst) == 0 {
                let kill = Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = 'samband lane' AND pid <> pg_backend_pid() AND query LIKE '%entry%'");
                let _ = killer.commit(kill).await;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        })
    };
    let mut acknowledged = Vec::new();
    for _ in 0..150 {
        if let Ok(stamp) = store.commit(AppendNext).await {
            acknowledged.push(stamp);
        }
    }
    running.store(1, Ordering::SeqCst);
    killing.await.expect("the killer ends");
    let stored = store.read(Stamps).await.expect("the store answers");
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    assert!(acknowledged.is_sorted_by(|a, b| a < b), "nothing is told twice");
    assert!(acknowledged.iter().all(|stamp| stored.contains(stamp)));
}

/// A number too wide for the parameter that it is given to.
struct Mistyped;

impl Change for Mistyped {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        STREAM
    }
    fn sqlite(&self, _: &mut sqlite::Tx<'_>) -> Result<(), Stop<()>> {
        unreachable!("these tests are PostgreSQL's")
    }
    fn postgres<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Stop<()>>> {
        Box::pin(async move {
            tx.db().execute("SELECT 1 WHERE $1::int4 = 1", &[&1i64]).await?;
            Ok(())
        })
    }
}

/// It is a fault of the change, and not of the connection: trying again would go on for ever.
#[tokio::test]
async fn a_statement_of_the_wrong_type_fails_at_once_and_nothing_else_does() {
    let store = open(&new_schema()).await;
    let failed = tokio::time::timeout(PATIENCE, store.commit(Mistyped)).await;
    assert_eq!(failed.expect("an answer"), Err(CommitError::Unavailable));
    assert_eq!(store.health().await, Ok(()));
    assert_eq!(store.commit(AppendNext).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_on_an_empty_database_agree() {
    let schema = new_schema();
    let starting: Vec<_> = (0..6)
        .map(|_| {
            let schema = schema.clone();
            tokio::spawn(async move { open(&schema).await })
        })
        .collect();
    let mut stores = Vec::new();
    for store in starting {
        stores.push(store.await.expect("it starts"));
    }
    for store in &stores {
        store.commit(AppendNext).await.expect("it works");
    }
    assert_eq!(stores[0].read(Stamps).await, Ok((1..=6).collect()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_the_one_before_writes_nothing() {
    let schema = new_schema();
    let (one, other) = (open(&schema).await, open(&schema).await);
    let first = one.lease("work").await.expect("an answer").expect("it is free");
    assert!(first.holds());
    assert!(other.lease("work").await.expect("an answer").is_none(), "it is taken");
    assert!(other.lease("other work").await.expect("an answer").is_some());
    let renewed = one.lease("work").await.expect("an answer").expect("it is held");
    assert_eq!(renewed.fence(), first.fence(), "renewing changes no number");
    assert_eq!(one.background_under(&first, AppendNext).await, Ok(1));

    // The holder stands still until its time is over.
    let expire = Run("UPDATE lease SET until = clock_timestamp() - interval '1 second' WHERE name = 'work'");
    assert_eq!(one.commit(expire).await, Ok(1));
    let second = other.lease("work").await.expect("an answer").expect("it has run out");
    assert!(second.fence() > first.fence());
    assert!(one.lease("work").await.expect("an answer").is_none());
    assert_eq!(
        one.background_under(&first, AppendNext).await,
        Err(CommitError::Unavailable),
        "back from the dead"
    );
    assert_eq!(other.background_under(&second, AppendNext).await, Ok(2));
    assert_eq!(one.read(Stamps).await, Ok(vec![1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_changes_is_told_to_the_others() {
    let schema = new_schema();
    let (one, other) = (open(&schema).await, open(&schema).await);
    let mut news = other.outdated().expect("there may be others");
    assert!(other.outdated().is_none(), "given once");
    let (resource, user) = (ResourceId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
    for what in [
        Outdated::Tokens { resource, user },
        Outdated::Resources,
        Outdated::SigningKeys,
    ] {
        one.commit(Tell(what)).await.expect("stored");
        let told = async {
            // Rows of transactions that overlap may come twice.
            while news.recv().await.expect("the store is open") != what {}
        };
        tokio::time::timeout(PATIENCE, told).await.expect("the other is told");
    }
    assert!(other.knows_what_others_changed());
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused() {
    let url = PostgresServer::of_this_process().url();
    let options = Options {
        schema: Some(new_schema()),
        ..Options::at(format!("{url}&options=-c%20synchronous_commit%3Doff"))
    };
    let refused = Store::open_postgres(options, &[], Arc::new(|_| {})).await;
    let reason = refused.err().expect("refused").to_string();
    assert!(reason.contains("synchronous_commit is off"), "{reason}");
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_said_without_its_password() {
    for url in [
        "postgres://samband:geheim@127.0.0.1:1/none",
        "postgres://samband:geheim@127.0.0.1:notaport/none",
        "postgres://samband:geheim@127.0.0.1:5432/none?sslrootcert=/nowhere.pem",
    ] {
        let opened = Store::open_postgres(Options::at(url), &[], Arc::new(|_| {})).await;
        let reason = opened.err().expect("refused").to_string();
        assert!(reason.contains("127.0.0.1") && !reason.contains("geheim"), "{reason}");
    }
}
