//! The engine as the store sees it: lanes, readers, the database's time, what others changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Pool;
use samband_core::{Clock, Publish, Stopwatch, StreamId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::clock::{DatabaseClock, MOST_UNCERTAIN};
use super::connect::{self, Options, Use};
use super::lane::{CAPACITY, CommitReply, GROUP_CHANGES, Job, Lane, Pending, Status, is_of_types};
use super::lease::{self, Lease};
use super::outdated::{self, Tail};
use super::session::Session;
use crate::change::{Change, Outdated, Query, Stop, Transaction};
use crate::error::{CommitError, EngineError, OpenError, StoreError};
use crate::migration::Migration;

pub(crate) struct Engine {
    /// The last one is for what can wait.
    lanes: Vec<mpsc::Sender<Box<dyn Job>>>,
    readers: Pool,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    /// None where time was given.
    database_clock: Option<Arc<DatabaseClock>>,
    outdated: Mutex<Option<mpsc::Receiver<Outdated>>>,
    /// When it was last known what others changed.
    looked: watch::Receiver<Option<Stopwatch>>,
    owner: Uuid,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    helpers: Vec<JoinHandle<()>>,
}

/// How long the probes wait for an answer.
const PROBE: Duration = Duration::from_secs(2);

impl Engine {
    pub(crate) async fn open(options: Options, migrations: &[Migration], publish: Publish) -> Result<Self, OpenError> {
        let server = connect::shown(&options.url);
        let failed = |error: EngineError| OpenError::Postgres {
            server: server.clone(),
            reason: error.to_string(),
        };
        let readers = connect::pool(&options, options.readers.max(2), Use::Questions)?;
        super::migrate::run(&readers, &options, migrations, &server).await?;

        let (clock, database_clock): (Arc<dyn Clock>, _) = match options.clock.clone() {
            Some(clock) => (clock, None),
            None => {
                let clock = Arc::new(DatabaseClock::default());
                // The first answer waits for statements to be prepared.
                for _ in 0..3 {
                    clock.ask(&readers).await.map_err(failed)?;
                }
                (clock.clone(), Some(clock))
            }
        };
        let status = Arc::new(Status::default());
        let lane_pool = connect::pool(&options, options.lanes.max(2) + 1, Use::Changes)?;
        let (stop, stopped) = watch::channel(false);
        let mut lanes = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..=options.lanes.max(2) {
            let (sender, queue) = mpsc::channel(CAPACITY);
            let lane = Lane {
                queue,
                pool: lane_pool.clone(),
                clock: clock.clone(),
                publish: publish.clone(),
                status: status.clone(),
                acknowledge_early: options.acknowledge_early,
                stop: stopped.clone(),
                session: None,
            };
            lanes.push(sender);
            tasks.push(tokio::spawn(lane.run()));
        }

        let mut helpers = Vec::new();
        if let Some(clock) = database_clock.clone() {
            let pool = readers.clone();
            helpers.push(tokio::spawn(async move { clock.keep(&pool).await }));
        }
        let (found, outdated) = mpsc::channel(1_024);
        let (looking, looked) = watch::channel(Some(Stopwatch::start()));
        let tail = Tail::start(&readers).await.map_err(failed)?;
        helpers.push(tokio::spawn(follow(tail, readers.clone(), found, looking)));

        Ok(Self {
            lanes,
            readers,
            status,
            clock,
            database_clock,
            outdated: Mutex::new(Some(outdated)),
            looked,
            owner: Uuid::new_v4(),
            stop,
            tasks: Mutex::new(tasks),
            helpers,
        })
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    pub(crate) async fn commit<C: Change>(&self, change: C) -> CommitReply<C> {
        let usual = self.lanes.len() - 1;
        // What shares a transaction does not wait behind what has one of its own, which may take longer.
        let together = usual.div_ceil(2);
        let hash = stream_hash(change.stream());
        let lane = match C::together() {
            // The first one takes all while it keeps up: the more a group has, the less each costs.
            Some(_) => {
                let keeps_up = |lane: &usize| self.lanes.get(*lane).is_some_and(|lane| waiting(lane) < GROUP_CHANGES);
                (0..together).find(keeps_up).unwrap_or(hash % together)
            }
            None => together + hash % (usual - together),
        };
        self.commit_on(lane, change, None).await
    }

    pub(crate) async fn background<C: Change>(&self, change: C, lease: Option<Lease>) -> CommitReply<C> {
        self.commit_on(self.lanes.len() - 1, change, lease).await
    }

    async fn commit_on<C: Change>(&self, lane: usize, change: C, lease: Option<Lease>) -> CommitReply<C> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending {
            change,
            lease,
            outcome: None,
            reply: Some(reply),
        });
        // A full queue means that the store cannot keep up: better to say so.
        let Some(Ok(())) = self.lanes.get(lane).map(|lane| lane.try_send(job)) else {
            return Err(CommitError::Unavailable);
        };
        answer.await.unwrap_or(Err(CommitError::Unavailable))
    }

    pub(crate) async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, StoreError> {
        let mut tried = 0;
        loop {
            let error = match self.ask(&query).await {
                Ok(out) => return Ok(out),
                Err(error) => error,
            };
            // A question changes nothing: one whose connection broke is asked again on another.
            let lost =
                matches!(&error, EngineError::Postgres(error) if error.as_db_error().is_none() && !is_of_types(error));
            tried += 1;
            if !lost || tried > 3 {
                tracing::error!(%error, "a query failed");
                return Err(StoreError);
            }
        }
    }

    async fn ask<Q: Query>(&self, query: &Q) -> Result<Q::Out, EngineError> {
        const LONGEST: Duration = Duration::from_secs(12);
        let session = Session::new(self.readers.get().await?);
        let answering = async {
            // One snapshot for all statements of a query.
            session.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
            let out = query.postgres(&session).await;
            let ended = session.end("COMMIT").await;
            let out = out?;
            ended?;
            Ok(out)
        };
        match tokio::time::timeout(LONGEST, answering).await {
            Ok(answered) => answered,
            Err(_) => Err(EngineError::TooSlow(LONGEST.as_secs())),
        }
    }

    /// After a failure only a new write can tell whether it is over, so one is tried.
    pub(crate) async fn health(&self) -> Result<(), String> {
        let probe = async {
            if self.status.failure().is_some() {
                let _ = self.background(Probe, None).await;
            }
            let session = Session::new(self.readers.get().await.map_err(EngineError::from)?);
            let standby = session.exists("SELECT 1 WHERE pg_is_in_recovery()", &[]).await?;
            Ok::<_, EngineError>(standby)
        };
        match tokio::time::timeout(PROBE, probe).await {
            Err(_) => return Err(format!("PostgreSQL did not answer within {} s", PROBE.as_secs())),
            Ok(Err(error)) => return Err(error.to_string()),
            Ok(Ok(true)) => return Err("PostgreSQL is a standby: it takes no changes".to_owned()),
            Ok(Ok(false)) => {}
        }
        if let Some(failure) = self.status.failure() {
            return Err(failure);
        }
        let uncertainty = self.database_clock.as_ref().map(|clock| clock.uncertainty());
        match uncertainty.filter(|uncertainty| *uncertainty > MOST_UNCERTAIN) {
            Some(uncertainty) => Err(format!(
                "the database's time is known to {} ms only",
                uncertainty.as_millis()
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn take_outdated(&self) -> Option<mpsc::Receiver<Outdated>> {
        self.outdated.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn knows_what_others_changed(&self) -> bool {
        self.looked
            .borrow()
            .is_some_and(|looked| looked.elapsed() < outdated::TRUSTED)
    }

    pub(crate) async fn lease(&self, name: &'static str) -> Result<Option<Lease>, StoreError> {
        let asking = async {
            let session = Session::new(self.readers.get().await?);
            lease::take(&session, name, self.owner).await
        };
        let lease = tokio::time::timeout(PROBE, asking).await.map_err(|_| StoreError)?;
        let lease = lease.map_err(|error| {
            tracing::debug!(%error, name, "a lease could not be asked for");
            StoreError
        })?;
        let held = metrics::gauge!("samband_lease_fence", "lease" => name);
        held.set(lease.as_ref().map_or(0.0, |lease| lease.fence as f64));
        Ok(lease)
    }

    /// Removes what the engine itself keeps for a while.
    pub(crate) async fn tidy(&self, lease: &Lease) -> Result<(), CommitError<()>> {
        struct Tidy;
        impl Change for Tidy {
            /// Whether there may be more.
            type Out = bool;
            type Refusal = ();
            fn stream(&self) -> StreamId {
                StreamId([0; 16])
            }
            fn sqlite(&self, _tx: &mut crate::sqlite::Tx<'_>) -> Result<bool, Stop<()>> {
                Ok(false)
            }
            fn postgres<'a>(
                &'a self,
                tx: &'a mut super::Tx,
            ) -> futures_util::future::BoxFuture<'a, Result<bool, Stop<()>>> {
                Box::pin(async move {
                    let now = tx.cx().now;
                    outdated::forget(tx.db(), now).await?;
                    // A lost answer is asked after within seconds; an hour is beyond all clocks.
                    let oldest = uuid::Builder::from_unix_timestamp_millis((now.0 - 3_600_000).max(0) as u64, &[0; 10]);
                    let forgotten = tx
                        .db()
                        .execute(
                            "DELETE FROM applied WHERE change IN
                                 (SELECT change FROM applied WHERE change < $1 ORDER BY change LIMIT 10000)",
                            &[&oldest.into_uuid()],
                        )
                        .await?;
                    Ok(forgotten == 10_000)
                })
            }
        }
        while lease.holds() && self.background(Tidy, Some(lease.clone())).await? {}
        Ok(())
    }

    pub(crate) async fn close(&self) {
        let _ = self.stop.send(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            let _ = task.await;
        }
        self.helpers.iter().for_each(JoinHandle::abort);
        self.readers.close();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.helpers.iter().for_each(JoinHandle::abort);
    }
}

fn waiting(lane: &mpsc::Sender<Box<dyn Job>>) -> usize {
    lane.max_capacity() - lane.capacity()
}

fn stream_hash(stream: StreamId) -> usize {
    // The last bytes of an id are random.
    stream.0[12..]
        .iter()
        .fold(0, |hash, byte| hash * 31 + usize::from(*byte))
}

/// Looks for what others changed, until the engine goes.
async fn follow(mut tail: Tail, pool: Pool, found: mpsc::Sender<Outdated>, looked: watch::Sender<Option<Stopwatch>>) {
    loop {
        tokio::time::sleep(outdated::EVERY).await;
        // What is seen was so when it was asked, not when the answer came.
        let asked = Stopwatch::start();
        match tail.look(&pool).await {
            Ok(news) => {
                for what in news {
                    if found.send(what).await.is_err() {
                        return;
                    }
                }
                let _ = looked.send(Some(asked));
            }
            Err(error) => tracing::debug!(%error, "what other nodes changed could not be looked for"),
        }
    }
}

/// Writes something that means nothing, to see whether it can be written.
struct Probe;

impl Change for Probe {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        StreamId([0; 16])
    }
    fn sqlite(&self, _tx: &mut crate::sqlite::Tx<'_>) -> Result<(), Stop<()>> {
        Ok(())
    }
    /// The transaction's own number is written already.
    fn postgres<'a>(&'a self, _tx: &'a mut super::Tx) -> futures_util::future::BoxFuture<'a, Result<(), Stop<()>>> {
        Box::pin(async { Ok(()) })
    }
}
