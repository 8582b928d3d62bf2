//! The engine as the store sees it: a queue to the writer, a pool of readers, a way to close both.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use samband_core::{Clock, Publish, StreamId};
use tokio::sync::oneshot;

use super::connection::{DirectoryLock, Location, Options};
use super::queue::{Lane, Queue};
use super::readers::Readers;
use super::tx::Tx;
use super::wal::Checkpointer;
use super::writer::{CommitReply, Job, PendingChange, PendingQuery, Status, Writer};
use crate::change::{Change, Query, Stop};
use crate::error::{CommitError, OpenError, StoreError};
use crate::migration::Migration;

pub(crate) struct Engine {
    queue: Arc<Queue>,
    status: Arc<Status>,
    /// None in memory, where the one connection is the writer's.
    readers: Option<Arc<Readers>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lock: Mutex<Option<DirectoryLock>>,
}

impl Engine {
    pub(crate) fn open(
        options: Options,
        migrations: &[Migration],
        clock: Arc<dyn Clock>,
        publish: Publish,
    ) -> Result<Self, OpenError> {
        let path = options.database_path();
        let lock = match &options.location {
            Location::Directory(directory) => Some(DirectoryLock::take(directory)?),
            Location::Memory => None,
        };
        let database = |source| OpenError::Database {
            path: path.clone(),
            source,
        };
        let thread = |source| OpenError::Directory {
            path: path.clone(),
            source,
        };

        let mut connection = options.open_writer().map_err(database)?;
        super::migrate::run(&connection, migrations, &path)?;

        let status = Arc::new(Status::default());
        let queue = Arc::new(Queue::default());
        let (readers, checkpointer) = match options.location {
            Location::Memory => (None, None),
            Location::Directory(_) => {
                let checkpointer = Checkpointer::start(options.clone()).map_err(thread)?;
                checkpointer
                    .watch(&mut connection)
                    .map_err(|error| database(error.into()))?;
                (Some(Readers::new(options.clone(), status.clone())), Some(checkpointer))
            }
        };
        let writer = Writer {
            options,
            queue: queue.clone(),
            clock,
            publish,
            status: status.clone(),
            checkpointer,
            connection: Some(connection),
        };
        let handle = std::thread::Builder::new()
            .name("samband-writer".into())
            .spawn(move || writer.run())
            .map_err(thread)?;
        Ok(Self {
            queue,
            status,
            readers,
            writer: Mutex::new(Some(handle)),
            lock: Mutex::new(lock),
        })
    }

    pub(crate) async fn commit<C: Change>(&self, change: C, lane: Lane) -> CommitReply<C> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(PendingChange {
            change,
            outcome: None,
            reply,
        });
        if self.queue.push(lane, job).is_err() {
            return Err(CommitError::Unavailable);
        }
        answer.await.unwrap_or(Err(CommitError::Unavailable))
    }

    pub(crate) async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, StoreError> {
        if let Some(readers) = &self.readers {
            return readers.read(query).await;
        }
        let (reply, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(PendingQuery {
            query,
            outcome: None,
            reply,
        });
        self.queue.push(Lane::Urgent, job).map_err(|_| StoreError)?;
        answer.await.unwrap_or(Err(StoreError))
    }

    /// After a failure only a new write can tell whether the medium is back, so one is tried.
    pub(crate) async fn health(&self) -> Result<(), String> {
        if self.status.failure().is_some() {
            let _ = self.commit(Probe, Lane::Urgent).await;
        }
        self.status.failure().map_or(Ok(()), Err)
    }

    pub(crate) async fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
        if let Some(readers) = &self.readers {
            readers.close();
        }
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
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
    fn sqlite(&self, tx: &mut Tx<'_>) -> Result<(), Stop<()>> {
        tx.execute_batch("PRAGMA user_version = 1")?;
        Ok(())
    }
    fn postgres<'a>(&'a self, _tx: &'a mut crate::postgres::Tx) -> crate::BoxFuture<'a, Result<(), Stop<()>>> {
        Box::pin(async { Ok(()) })
    }
}
