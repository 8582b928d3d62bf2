//! A lane: one connection and its queue. What waits is taken at once; changes of a kind that can share
//! statements share one transaction, each of the others has its own.
//!
//! A transaction has a number that stays the same however often it is tried, and its first statement
//! puts that number into `applied`. So a lane that lost the answer to its COMMIT tries again and learns
//! whether the change is stored: the number is there, or it is not and nothing else can bring it.

use std::any::{Any, TypeId};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use samband_core::{Clock, Millis, Note, Publish, Stopwatch};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_postgres::error::SqlState;
use tokio_postgres::types;
use uuid::Uuid;

use super::lease::{self, Lease};
use super::session::Session;
use super::tx::Tx;
use crate::change::{Change, Cx, Stop, Transaction};
use crate::error::{CommitError, EngineError};

/// A group ends at the first of these. There is no delay timer: whoever waits alone goes at once.
pub(super) const GROUP_CHANGES: usize = 256;
const GROUP_BYTES: usize = 1 << 20;
/// More than this many waiting changes means that the store cannot keep up: better to say so.
pub(super) const CAPACITY: usize = 4_096;
/// How long a change is tried while PostgreSQL is away; a restart takes a second or two.
const PATIENCE: Duration = Duration::from_secs(5);
/// A change that finds PostgreSQL away for longer already is tried once.
const NO_PATIENCE: Duration = Duration::from_millis(200);
/// One try of a transaction.
const TRY: Duration = Duration::from_secs(6);
/// Tries of a transaction that others got in the way of.
const COLLISIONS: u32 = 20;
/// Tries of one that finds its key taken: if it is taken still, it is not by chance.
const TAKEN: u32 = 2;

pub(super) type CommitReply<C> = Result<<C as Change>::Out, CommitError<<C as Change>::Refusal>>;

type Applying<'a> = BoxFuture<'a, Result<(), EngineError>>;
type ApplyTogether = for<'a> fn(&'a mut [Box<dyn Job>], &'a mut Tx) -> Applying<'a>;

/// A queued change with its way back to the caller.
pub(super) trait Job: Send {
    fn weight(&self) -> usize;
    /// The kind of changes that it shares statements with, if it does.
    fn together(&self) -> Option<(TypeId, ApplyTogether)>;
    /// A refusal is a result, not an error.
    fn apply<'a>(&'a mut self, tx: &'a mut Tx) -> Applying<'a>;
    fn settle(self: Box<Self>, committed: bool);
    fn as_any(&mut self) -> &mut dyn Any;
    /// The right that its writes depend on.
    fn lease(&self) -> Option<&Lease>;
}

pub(super) struct Pending<C: Change> {
    pub change: C,
    pub lease: Option<Lease>,
    pub outcome: Option<Result<C::Out, C::Refusal>>,
    pub reply: Option<oneshot::Sender<CommitReply<C>>>,
}

impl<C: Change> Pending<C> {
    fn answer(&mut self, committed: bool) {
        // A refusal too was read from the transaction, and holds only if that was committed.
        let reply = match self.outcome.take() {
            Some(outcome) if committed => outcome.map_err(CommitError::Refused),
            _ => Err(CommitError::Unavailable),
        };
        // A caller that has gone away does not need its answer.
        if let Some(way) = self.reply.take() {
            let _ = way.send(reply);
        }
    }
}

impl<C: Change> Job for Pending<C> {
    fn weight(&self) -> usize {
        self.change.weight()
    }

    fn together(&self) -> Option<(TypeId, ApplyTogether)> {
        C::together().map(|_| (TypeId::of::<C>(), apply_together::<C> as ApplyTogether))
    }

    fn apply<'a>(&'a mut self, tx: &'a mut Tx) -> Applying<'a> {
        Box::pin(async move {
            self.outcome = None;
            self.outcome = Some(match self.change.postgres(tx).await {
                Ok(out) => Ok(out),
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(Stop::Engine(error)) => return Err(error),
            });
            Ok(())
        })
    }

    fn settle(mut self: Box<Self>, committed: bool) {
        self.answer(committed);
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }
}

fn apply_together<'a, C: Change>(jobs: &'a mut [Box<dyn Job>], tx: &'a mut Tx) -> Applying<'a> {
    Box::pin(async move {
        let mut pending: Vec<&mut Pending<C>> = jobs.iter_mut().filter_map(|job| job.as_any().downcast_mut()).collect();
        let Some(apply) = C::together() else { return Ok(()) };
        let outcomes = {
            let changes: Vec<&C> = pending.iter().map(|pending| &pending.change).collect();
            apply(&changes, tx).await?
        };
        for (pending, outcome) in pending.iter_mut().zip(outcomes) {
            pending.outcome = Some(outcome);
        }
        Ok(())
    })
}

/// What the lanes tell the rest of the engine.
#[derive(Default)]
pub(super) struct Status(Mutex<Option<String>>);

impl Status {
    pub(super) fn failure(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, error: &EngineError) {
        metrics::counter!("samband_store_failures_total").increment(1);
        let mut failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            tracing::error!(%error, "the store failed; nothing is acknowledged until it works again");
        }
        *failure = Some(error.to_string());
    }

    pub(super) fn works(&self) {
        let mut failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.take().is_some() {
            tracing::info!("the store works again");
        }
    }
}

pub(super) struct Lane {
    pub queue: mpsc::Receiver<Box<dyn Job>>,
    pub pool: Pool,
    pub clock: Arc<dyn Clock>,
    pub publish: Publish,
    pub status: Arc<Status>,
    pub acknowledge_early: bool,
    /// True once the engine closes.
    pub stop: watch::Receiver<bool>,
    /// Kept from one transaction to the next.
    pub session: Option<Session>,
}

/// What became of a try.
enum Tried {
    /// Stored by this try, or by an earlier one whose answer was lost.
    Stored(Option<Vec<Note>>),
    /// Nothing was stored.
    Failed(EngineError),
    /// The connection was lost; if COMMIT had been sent, with what would be heard.
    Lost(EngineError, Option<Vec<Note>>),
}

impl Lane {
    pub(super) async fn run(mut self) {
        let group_size = metrics::histogram!("samband_store_group_changes");
        let group_time = metrics::histogram!("samband_store_group_seconds");
        let waiting = metrics::gauge!("samband_store_queue_changes");
        loop {
            let first = tokio::select! {
                first = self.queue.recv() => first,
                // What is queued is still done; nothing is added to it.
                _ = self.stop.wait_for(|stop| *stop), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            let mut bytes = first.weight();
            let mut group = vec![first];
            while group.len() < GROUP_CHANGES && bytes < GROUP_BYTES {
                let Ok(job) = self.queue.try_recv() else { break };
                bytes += job.weight();
                group.push(job);
            }
            waiting.set(self.queue.len() as f64);
            for batch in batches(group) {
                group_size.record(batch.len() as f64);
                let watch = Stopwatch::start();
                self.commit(batch).await;
                group_time.record(watch.elapsed().as_secs_f64());
            }
        }
    }

    async fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let watch = Stopwatch::start();
        let patience = match self.status.failure() {
            Some(_) => NO_PATIENCE,
            None => PATIENCE,
        };
        let number = transaction_number(self.clock.now());
        let mut collisions = 0;
        // What would be heard of a try whose answer was lost.
        let mut unsure = None;
        loop {
            let error = match self.attempt(&mut batch, number, unsure.is_some()).await {
                Tried::Stored(notes) => {
                    self.status.works();
                    self.tell(notes.or(unsure).unwrap_or_default());
                    batch.into_iter().for_each(|job| job.settle(true));
                    return;
                }
                Tried::Lost(error, notes) => {
                    self.session = None;
                    unsure = notes.or(unsure);
                    error
                }
                Tried::Failed(error) => error,
            };
            match kind(&error) {
                Trouble::Collision | Trouble::Taken if collisions < most_tries(&error) => {
                    collisions += 1;
                    metrics::counter!("samband_store_collisions_total").increment(1);
                    tokio::time::sleep(Duration::from_millis(u64::from(collisions) * 3)).await;
                }
                Trouble::Change | Trouble::Taken if batch.len() > 1 => {
                    tracing::error!(%error, changes = batch.len(), "a change failed; its group is applied one by one");
                    for job in batch {
                        Box::pin(self.commit(vec![job])).await;
                    }
                    return;
                }
                Trouble::Change | Trouble::Taken | Trouble::Collision => {
                    tracing::error!(%error, "a change failed");
                    break;
                }
                Trouble::Medium if watch.elapsed() < patience => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Trouble::Medium => {
                    self.status.failed(&error);
                    break;
                }
            }
        }
        batch.into_iter().for_each(|job| job.settle(false));
    }

    /// Durable, then heard, then acknowledged.
    fn tell(&self, notes: Vec<Note>) {
        if notes.is_empty() {
            return;
        }
        let tell = std::panic::AssertUnwindSafe(|| (self.publish)(notes));
        // Whoever listens must not stop the store: what was committed is acknowledged all the same.
        if std::panic::catch_unwind(tell).is_err() {
            tracing::error!("a listener panicked");
        }
    }

    /// `unsure`: a COMMIT of the same number may have done it. Then that is found out before anything is
    /// applied again, for what came of it then is what the callers are told.
    async fn attempt(&mut self, batch: &mut [Box<dyn Job>], number: Uuid, unsure: bool) -> Tried {
        let session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => match self.pool.get().await {
                Ok(client) => Session::new(client),
                Err(error) => return Tried::Failed(error.into()),
            },
        };
        let cx = Cx { now: self.clock.now() };
        let mut committing = None;
        let work = async {
            session.begin("BEGIN");
            let numbered = match session.number(number).await {
                Ok(numbered) => numbered,
                Err(error) => return (Some(session), Err(error)),
            };
            let mut tx = Tx::new(session, cx, numbered);
            let applying = async {
                if unsure {
                    tx.xid().await?;
                }
                apply(batch, &mut tx).await?;
                tx.xid().await.map(|_| ())
            };
            let applied = std::panic::AssertUnwindSafe(applying).catch_unwind().await;
            let applied = applied.unwrap_or_else(|panic| Err(EngineError::panicked(&*panic)));
            let (session, notes) = tx.into_parts();
            if self.acknowledge_early && applied.is_ok() {
                committing = Some(notes.clone());
                tokio::spawn(async move {
                    let _ = session.end("COMMIT").await;
                });
                return (None, Ok(Some(notes)));
            }
            match applied {
                Ok(()) => {
                    committing = Some(notes.clone());
                    let ended = session.end("COMMIT").await;
                    (Some(session), ended.map(|()| Some(notes)).map_err(EngineError::from))
                }
                Err(EngineError::Applied) => {
                    let ended = session.end("ROLLBACK").await;
                    (Some(session), ended.map(|()| None).map_err(EngineError::from))
                }
                Err(error) => {
                    // A statement that went ahead may have been the first to fail, and so the cause.
                    let cause = session.end("ROLLBACK").await.err().map(EngineError::from);
                    (Some(session), Err(root(cause, error)))
                }
            }
        };
        // Dropped when it takes too long, and its connection with it: what it came to is not known.
        let Ok((session, result)) = tokio::time::timeout(TRY, work).await else {
            return Tried::Lost(EngineError::TooSlow(TRY.as_secs()), committing);
        };
        match result {
            Ok(notes) => {
                self.session = session;
                Tried::Stored(notes)
            }
            Err(error) if session.as_ref().is_none_or(Session::is_closed) || is_lost(&error) => {
                Tried::Lost(error, committing)
            }
            Err(error) => {
                self.session = self.healed(session).await;
                Tried::Failed(error)
            }
        }
    }

    /// A session outside of any transaction again, or none.
    async fn healed(&self, session: Option<Session>) -> Option<Session> {
        let session = session?;
        let ended = tokio::time::timeout(TRY, session.end("ROLLBACK")).await;
        matches!(ended, Ok(Ok(()))).then_some(session)
    }
}

/// Ordered by the store's time, so that old ones are found, and otherwise random.
fn transaction_number(now: Millis) -> Uuid {
    let mut random = [0; 10];
    random.copy_from_slice(&Uuid::new_v4().as_bytes()[6..]);
    uuid::Builder::from_unix_timestamp_millis(now.0.max(0) as u64, &random).into_uuid()
}

/// Changes that share statements together, in order; the others one by one, after them.
fn batches(group: Vec<Box<dyn Job>>) -> Vec<Vec<Box<dyn Job>>> {
    let mut shared: Vec<(TypeId, Vec<Box<dyn Job>>)> = Vec::new();
    let mut alone = Vec::new();
    for job in group {
        match job.together() {
            Some((kind, _)) => match shared.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, batch)) => batch.push(job),
                None => shared.push((kind, vec![job])),
            },
            None => alone.push(vec![job]),
        }
    }
    shared.into_iter().map(|(_, batch)| batch).chain(alone).collect()
}

async fn apply(batch: &mut [Box<dyn Job>], tx: &mut Tx) -> Result<(), EngineError> {
    let leases: Vec<Lease> = batch.iter().filter_map(|job| job.lease().cloned()).collect();
    for lease in leases {
        if !lease::check(tx.db(), &lease).await? {
            metrics::counter!("samband_lease_refused_writes_total", "lease" => lease.name).increment(1);
            return Err(EngineError::Fenced(lease.name));
        }
    }
    if let [job] = batch
        && job.together().is_none()
    {
        return job.apply(tx).await;
    }
    let Some((_, together)) = batch.first().and_then(|job| job.together()) else {
        return Ok(());
    };
    together(batch, tx).await
}

/// Which of two errors is the cause: that of a statement which went ahead, or the one that was met,
/// which after the other says no more than that the transaction is aborted.
fn root(cause: Option<EngineError>, met: EngineError) -> EngineError {
    match (&met, cause) {
        (EngineError::Postgres(error), Some(cause)) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => {
            cause
        }
        _ => met,
    }
}

fn is_lost(error: &EngineError) -> bool {
    match error {
        EngineError::Postgres(error) => match error.code() {
            // Class 08: connection exception; 57P: the server goes; 25P03: it gave the session up.
            Some(code) => ["08", "57P"].iter().any(|class| code.code().starts_with(class)) || code.code() == "25P03",
            None => !is_of_types(error),
        },
        EngineError::TooSlow(_) => true,
        _ => false,
    }
}

/// A value that does not go into a column or a parameter's type: a fault of a statement, which no other connection
/// would mend.
pub(super) fn is_of_types(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(|cause| cause.is::<types::WrongType>() || cause.is::<types::WasNull>())
}

fn most_tries(error: &EngineError) -> u32 {
    match kind(error) {
        Trouble::Taken => TAKEN,
        _ => COLLISIONS,
    }
}

enum Trouble {
    /// Others got in the way: the same again may do.
    Collision,
    /// What was not there when it was looked for has come meanwhile: the same again will see it.
    Taken,
    /// PostgreSQL cannot write, or cannot be reached.
    Medium,
    /// This change cannot be applied.
    Change,
}

fn kind(error: &EngineError) -> Trouble {
    match error {
        EngineError::Postgres(error) => match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => Trouble::Collision,
            Some(&SqlState::UNIQUE_VIOLATION) => Trouble::Taken,
            Some(code) => match code.code() {
                // Insufficient resources (disk full), operator intervention, system error, connection
                // exception, read-only (a standby), the session given up.
                code if ["53", "57", "58", "08", "XX"]
                    .iter()
                    .any(|class| code.starts_with(class)) =>
                {
                    Trouble::Medium
                }
                "25006" | "25P03" => Trouble::Medium,
                _ => Trouble::Change,
            },
            None if is_of_types(error) => Trouble::Change,
            None => Trouble::Medium,
        },
        EngineError::Pool(_) | EngineError::TooSlow(_) => Trouble::Medium,
        _ => Trouble::Change,
    }
}
