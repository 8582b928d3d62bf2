//! The readers: a few connections that answer queries beside the writer.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::Options;
use super::tx::Reader;
use super::writer::Status;
use crate::change::Query;
use crate::error::{EngineError, StoreError};

pub(super) struct Readers {
    options: Options,
    status: Arc<Status>,
    idle: Mutex<Vec<(usize, Connection)>>,
    /// At most as many queries at a time as there are connections.
    permits: Semaphore,
}

impl Readers {
    pub(super) fn new(options: Options, status: Arc<Status>) -> Arc<Self> {
        let permits = Semaphore::new(options.readers.max(1));
        Arc::new(Self {
            options,
            status,
            idle: Mutex::default(),
            permits,
        })
    }

    pub(super) async fn read<Q: Query>(self: &Arc<Self>, query: Q) -> Result<Q::Out, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| StoreError)?;
        let readers = self.clone();
        // A page that is not in the cache waits for the disk: not on a thread that serves sockets.
        let answered = tokio::task::spawn_blocking(move || readers.answer(&query)).await;
        match answered {
            Ok(Ok(out)) => Ok(out),
            Ok(Err(error)) => {
                tracing::error!(%error, "a query failed");
                Err(StoreError)
            }
            Err(_) => {
                tracing::error!("a query panicked");
                Err(StoreError)
            }
        }
    }

    fn answer<Q: Query>(&self, query: &Q) -> Result<Q::Out, EngineError> {
        let generation = self.status.generation.load(Ordering::Acquire);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some((opened, connection)) if opened == generation => connection,
            _ => self.options.open_reader()?,
        };
        // One transaction, so that a query of several statements sees one moment.
        connection.prepare_cached("BEGIN")?.execute(())?;
        let out = query.sqlite(&Reader::new(&connection));
        connection.prepare_cached("COMMIT")?.execute(())?;
        if out.is_ok() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((generation, connection));
        }
        out
    }

    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
