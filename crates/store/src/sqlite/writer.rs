//! The writer thread: takes what is queued, applies it in one transaction, flushes once, answers all.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use samband_core::{Clock, Note, Publish, Stopwatch};
use tokio::sync::oneshot;

use super::connection::Options;
use super::queue::Queue;
use super::tx::{Reader, Tx};
use super::wal::Checkpointer;
use crate::change::{Change, Cx, Query, Stop};
use crate::error::{CommitError, EngineError, StoreError};

/// A group ends at the first of these. There is no delay timer: whoever waits alone goes at once.
const GROUP_CHANGES: usize = 256;
const GROUP_BYTES: usize = 1 << 20;
const GROUP_TIME: Duration = Duration::from_millis(2);

/// A queued change or query with its way back to the caller.
pub(super) trait Job: Send {
    fn weight(&self) -> usize;
    /// A refusal is a result, not an error.
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError>;
    fn settle(self: Box<Self>, committed: bool);
}

pub(super) type CommitReply<C> = Result<<C as Change>::Out, CommitError<<C as Change>::Refusal>>;

pub(super) struct PendingChange<C: Change> {
    pub change: C,
    pub outcome: Option<Result<C::Out, C::Refusal>>,
    pub reply: oneshot::Sender<CommitReply<C>>,
}

impl<C: Change> Job for PendingChange<C> {
    fn weight(&self) -> usize {
        self.change.weight()
    }
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        self.outcome = None;
        self.outcome = Some(match self.change.sqlite(tx) {
            Ok(out) => Ok(out),
            Err(Stop::Refused(refusal)) => Err(refusal),
            Err(Stop::Engine(error)) => return Err(error),
        });
        Ok(())
    }
    fn settle(self: Box<Self>, committed: bool) {
        // A refusal too was read from the transaction, and holds only if that was committed.
        let reply = match self.outcome {
            Some(outcome) if committed => outcome.map_err(CommitError::Refused),
            _ => Err(CommitError::Unavailable),
        };
        // A caller that has gone away does not need its answer.
        let _ = self.reply.send(reply);
    }
}

/// In memory there is one connection for all: queries queue up with the changes.
pub(super) struct PendingQuery<Q: Query> {
    pub query: Q,
    pub outcome: Option<Q::Out>,
    pub reply: oneshot::Sender<Result<Q::Out, StoreError>>,
}

impl<Q: Query> Job for PendingQuery<Q> {
    fn weight(&self) -> usize {
        0
    }
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        self.outcome = Some(self.query.sqlite(&Reader::new(tx))?);
        Ok(())
    }
    fn settle(self: Box<Self>, committed: bool) {
        let _ = self.reply.send(self.outcome.filter(|_| committed).ok_or(StoreError));
    }
}

/// What the writer tells the rest of the engine.
#[derive(Default)]
pub(super) struct Status {
    failure: Mutex<Option<String>>,
    /// Raised whenever the database was reopened: older readers are let go.
    pub generation: AtomicUsize,
}

impl Status {
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn set_failure(&self, failure: Option<String>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

pub(super) struct Writer {
    pub options: Options,
    pub queue: Arc<Queue>,
    pub clock: Arc<dyn Clock>,
    pub publish: Publish,
    pub status: Arc<Status>,
    pub checkpointer: Option<Checkpointer>,
    pub connection: Option<Connection>,
}

impl Writer {
    pub(super) fn run(mut self) {
        let queue = self.queue.clone();
        let waiting = metrics::gauge!("samband_store_queue_changes");
        let group_size = metrics::histogram!("samband_store_group_changes");
        let group_time = metrics::histogram!("samband_store_group_seconds");
        while let Some(group) = queue.take(GROUP_CHANGES) {
            waiting.set(queue.len() as f64);
            let watch = Stopwatch::start();
            let size = group.len();
            let rest = self.commit_group(group);
            group_size.record((size - rest.len()) as f64);
            group_time.record(watch.elapsed().as_secs_f64());
            if !rest.is_empty() {
                queue.put_back(rest);
            }
            if let (Some(checkpointer), Some(connection)) = (&mut self.checkpointer, &self.connection) {
                checkpointer.after_commit(connection);
            }
        }
        if let Some(checkpointer) = self.checkpointer.take() {
            checkpointer.stop();
        }
    }

    /// Commits a prefix of the group and answers it; gives back what there was no room for.
    fn commit_group(&mut self, group: VecDeque<Box<dyn Job>>) -> VecDeque<Box<dyn Job>> {
        let watch = Stopwatch::start();
        let mut done: Vec<Box<dyn Job>> = Vec::with_capacity(group.len());
        let mut rest = group;
        let applied = self.transaction(|tx| {
            let mut bytes = 0;
            while let Some(mut job) = rest.pop_front() {
                bytes += job.weight();
                let result = apply(job.as_mut(), tx);
                done.push(job);
                result?;
                if bytes >= GROUP_BYTES || watch.elapsed() >= GROUP_TIME {
                    break;
                }
            }
            Ok(())
        });
        match applied {
            Ok(notes) => {
                self.status.set_failure_if_any_cleared();
                self.publish(notes);
                done.into_iter().for_each(|job| job.settle(true));
            }
            Err(error) if error.is_medium() => {
                self.give_up(&error);
                if done.is_empty() {
                    // Nothing could even be begun: to try again at once would fail as well.
                    done.extend(std::mem::take(&mut rest));
                }
                done.into_iter().for_each(|job| job.settle(false));
            }
            Err(error) => {
                tracing::error!(%error, changes = done.len(), "a change failed; its group is applied one by one");
                done.into_iter().for_each(|job| self.commit_alone(job));
            }
        }
        rest
    }

    /// The slow way round a change that the engine cannot apply: the others must not suffer for it.
    fn commit_alone(&mut self, mut job: Box<dyn Job>) {
        match self.transaction(|tx| apply(job.as_mut(), tx)) {
            Ok(notes) => {
                self.publish(notes);
                job.settle(true);
            }
            Err(error) => {
                if error.is_medium() {
                    self.give_up(&error);
                } else {
                    tracing::error!(%error, "a change failed");
                }
                job.settle(false);
            }
        }
    }

    /// Durable, then heard, then acknowledged.
    fn publish(&self, notes: Vec<Note>) {
        if notes.is_empty() {
            return;
        }
        // Whoever listens must not stop the store: what was committed is acknowledged all the same.
        if catch_unwind(AssertUnwindSafe(|| (self.publish)(notes))).is_err() {
            tracing::error!("a listener panicked");
        }
    }

    /// Runs and commits; the notes of what was appended.
    fn transaction(
        &mut self,
        body: impl FnOnce(&mut Tx<'_>) -> Result<(), EngineError>,
    ) -> Result<Vec<Note>, EngineError> {
        if self.connection.is_none() {
            let mut connection = self.options.open_writer()?;
            if let Some(checkpointer) = &self.checkpointer {
                checkpointer.watch(&mut connection)?;
            }
            self.connection = Some(connection);
        }
        let Some(connection) = &self.connection else {
            unreachable!("opened above")
        };
        let cx = Cx { now: self.clock.now() };
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        let mut tx = Tx::new(connection, cx);
        let result = body(&mut tx).and_then(|()| {
            connection.prepare_cached("COMMIT")?.execute(())?;
            Ok(tx.into_notes())
        });
        if result.is_err() && !connection.is_autocommit() {
            // If this fails too the connection is dropped by whoever handles the first error.
            let _ = connection.execute_batch("ROLLBACK");
        }
        result
    }

    /// Nothing is retried on a handle whose medium failed: the next group opens a new one.
    fn give_up(&mut self, error: &EngineError) {
        if self.status.failure().is_none() {
            tracing::error!(%error, "the store failed; nothing is acknowledged until it works again");
        }
        metrics::counter!("samband_store_failures_total").increment(1);
        self.status.set_failure(Some(error.to_string()));
        if self.options.location != super::Location::Memory {
            self.connection = None;
            self.status.generation.fetch_add(1, Ordering::Release);
        }
    }
}

impl Status {
    fn set_failure_if_any_cleared(&self) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.take().is_some() {
            tracing::info!("the store works again");
        }
    }
}

fn apply(job: &mut dyn Job, tx: &mut Tx<'_>) -> Result<(), EngineError> {
    catch_unwind(AssertUnwindSafe(|| job.apply(tx))).unwrap_or_else(|panic| Err(EngineError::panicked(&*panic)))
}
