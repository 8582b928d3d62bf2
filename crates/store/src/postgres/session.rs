//! A connection as the capabilities' statements see it: prepared once, what is read is waited for,
//! what is written goes ahead of its answer.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use deadpool_postgres::Object;
use futures_util::future::BoxFuture;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::error::EngineError;

/// Values of a statement that is not waited for.
pub type Params = Vec<Box<dyn ToSql + Sync + Send>>;

/// The answer to a transaction's number.
pub(super) type Numbered = BoxFuture<'static, Result<Option<i64>, EngineError>>;
type Written = BoxFuture<'static, Result<u64, tokio_postgres::Error>>;

pub struct Session {
    /// None once dropped.
    client: Option<Arc<Object>>,
    /// Statements that were sent and whose answers are to come, in order.
    written: Mutex<Vec<Written>>,
    /// A transaction is open, or how it ended is not known.
    open: AtomicBool,
}

impl Session {
    pub(super) fn new(client: Object) -> Self {
        Self {
            client: Some(Arc::new(client)),
            written: Mutex::default(),
            open: AtomicBool::new(false),
        }
    }

    fn client(&self) -> &Arc<Object> {
        match &self.client {
            Some(client) => client,
            None => unreachable!("there until dropped"),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client().is_closed()
    }

    /// Opens a transaction, without waiting.
    pub(super) fn begin(&self, sql: &'static str) {
        self.open.store(true, Ordering::Relaxed);
        self.say(sql);
    }

    /// Puts a transaction's number into `applied`, without waiting: the transaction's own number (xid8),
    /// or none if what it does was applied before.
    pub(super) async fn number(&self, number: Uuid) -> Result<Numbered, EngineError> {
        let statement = self
            .client()
            .prepare_cached(
                "INSERT INTO applied (change) VALUES ($1) ON CONFLICT DO NOTHING
                 RETURNING pg_current_xact_id()::text::bigint",
            )
            .await?;
        let client = self.client().clone();
        let mut answer: Numbered = Box::pin(async move {
            let row = client.query_opt(&statement, &[&number]).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        });
        if let Poll::Ready(result) = Pin::new(&mut answer).poll(&mut Context::from_waker(Waker::noop())) {
            answer = Box::pin(async move { result });
        }
        Ok(answer)
    }

    /// Ends a transaction; what went ahead of its answer failed if this does.
    pub(super) async fn end(&self, sql: &'static str) -> Result<(), tokio_postgres::Error> {
        self.say(sql);
        let settled = self.settle().await;
        if settled.is_ok() {
            self.open.store(false, Ordering::Relaxed);
        }
        settled
    }

    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, EngineError> {
        let statement = self.client().prepare_cached(sql).await?;
        Ok(self.client().query(&statement, params).await?)
    }

    /// The only row, if there is one.
    pub async fn query_opt(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, EngineError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Whether there is a row.
    pub async fn exists(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<bool, EngineError> {
        Ok(!self.query(sql, params).await?.is_empty())
    }

    /// Writes, and waits to learn how many rows that changed.
    pub async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, EngineError> {
        let statement = self.client().prepare_cached(sql).await?;
        Ok(self.client().execute(&statement, params).await?)
    }

    /// Writes without waiting: the transaction fails at its end if this does.
    pub async fn write(&self, sql: &str, params: Params) -> Result<(), EngineError> {
        let statement = self.client().prepare_cached(sql).await?;
        let client = self.client().clone();
        self.send(Box::pin(async move { client.execute_raw(&statement, params).await }));
        Ok(())
    }

    /// As [`write`](Self::write), for what is no prepared statement: BEGIN, COMMIT.
    fn say(&self, sql: &'static str) {
        let client = self.client().clone();
        self.send(Box::pin(async move { client.batch_execute(sql).await.map(|()| 0) }));
    }

    fn send(&self, mut written: Written) {
        // The first poll puts it on its way; the answer is collected later.
        if let Poll::Ready(result) = Pin::new(&mut written).poll(&mut Context::from_waker(Waker::noop())) {
            written = Box::pin(async move { result });
        }
        self.written().push(written);
    }

    fn written(&self) -> std::sync::MutexGuard<'_, Vec<Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for all that was sent; the first failure, which is the cause of those after it.
    async fn settle(&self) -> Result<(), tokio_postgres::Error> {
        let written = std::mem::take(&mut *self.written());
        let mut settled = Ok(());
        for answer in written {
            let answer = answer.await;
            if settled.is_ok() {
                settled = answer.map(|_| ());
            }
        }
        settled
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.written().clear();
        // Given up in the middle: whoever takes the connection next must not find itself in an old transaction.
        if *self.open.get_mut()
            && let Some(client) = self.client.take().and_then(Arc::into_inner)
        {
            drop(Object::take(client));
        }
    }
}
