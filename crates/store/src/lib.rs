//! The storage engine: one ordered log, changes that are durable before they are acknowledged,
//! queries beside them. No subject matter: what is stored belongs to the capabilities.
//!
//! A capability describes a [`Change`] or a [`Query`] and knows in its own `store/sqlite` and
//! `store/postgres` modules how it is said in SQL. Above those modules nobody knows SQL.

mod change;
mod error;
mod log;
mod migration;
pub mod postgres;
mod repeat;
pub mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transfer;

use std::sync::Arc;

pub use change::{Change, Cx, Outcomes, Outdated, Query, Stop, Together, Transaction};
pub use error::{CommitError, EngineError, OpenError, StoreError};
pub use futures_util::future::BoxFuture;
pub use log::{Entry, Epoch, FirstAfter, LogEnd, LogState};
pub use migration::Migration;
pub use postgres::Lease;
pub use repeat::{RepeatKey, RepeatRefused, Repeatable, forget_expired_repeats};

use samband_core::{Clock, Publish};
use tokio::sync::mpsc;

/// A handle on the store; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Engine>);

enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
}

impl Store {
    /// Opens the embedded engine, with nobody who listens, and brings its schema up to date.
    pub fn open_sqlite(
        options: sqlite::Options,
        migrations: &[Migration],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Self::open_sqlite_heard(options, migrations, clock, Arc::new(|_| {}))
    }

    /// As [`open_sqlite`](Self::open_sqlite); `publish` gets the notes of every committed group.
    pub fn open_sqlite_heard(
        options: sqlite::Options,
        migrations: &[Migration],
        clock: Arc<dyn Clock>,
        publish: Publish,
    ) -> Result<Self, OpenError> {
        let engine = sqlite::Engine::open(options, migrations, clock, publish)?;
        Ok(Self(Arc::new(Engine::Sqlite(engine))))
    }

    /// Connects to PostgreSQL and brings the schema up to date; of several nodes that start at once
    /// one does it. `publish` gets the notes of every committed transaction.
    pub async fn open_postgres(
        options: postgres::Options,
        migrations: &[Migration],
        publish: Publish,
    ) -> Result<Self, OpenError> {
        let engine = postgres::Engine::open(options, migrations, publish).await?;
        Ok(Self(Arc::new(Engine::Postgres(engine))))
    }

    /// The time that all nodes of this store share; none where it is this machine's.
    pub fn clock(&self) -> Option<Arc<dyn Clock>> {
        match &*self.0 {
            Engine::Sqlite(_) => None,
            Engine::Postgres(engine) => Some(engine.clock()),
        }
    }

    /// Whether other nodes may use the same store.
    pub fn is_shared(&self) -> bool {
        matches!(&*self.0, Engine::Postgres(_))
    }

    /// What other nodes changed of what this one keeps in memory; given once, none where there are no others.
    pub fn outdated(&self) -> Option<mpsc::Receiver<Outdated>> {
        match &*self.0 {
            Engine::Sqlite(_) => None,
            Engine::Postgres(engine) => engine.take_outdated(),
        }
    }

    /// Whether what is kept in memory can be trusted: false once it is unknown for five seconds what
    /// other nodes changed.
    pub fn knows_what_others_changed(&self) -> bool {
        match &*self.0 {
            Engine::Sqlite(_) => true,
            Engine::Postgres(engine) => engine.knows_what_others_changed(),
        }
    }

    /// Takes or renews the right to some work that one node does at a time; none while another has it.
    pub async fn lease(&self, name: &'static str) -> Result<Option<Lease>, StoreError> {
        match &*self.0 {
            Engine::Sqlite(_) => Ok(Some(Lease::for_ever(name))),
            Engine::Postgres(engine) => engine.lease(name).await,
        }
    }

    /// Removes what the engine itself keeps for a while.
    pub async fn tidy(&self, lease: &Lease) -> Result<(), CommitError<()>> {
        match &*self.0 {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(engine) => engine.tidy(lease).await,
        }
    }

    /// As [`background`](Self::background), refused (`Unavailable`) once the lease is another's.
    pub async fn background_under<C: Change>(
        &self,
        lease: &Lease,
        change: C,
    ) -> Result<C::Out, CommitError<C::Refusal>> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.commit(change, sqlite::Lane::Background).await,
            Engine::Postgres(engine) => engine.background(change, Some(lease.clone())).await,
        }
    }

    /// Makes the change durable, publishes its notes, then answers. A refusal has changed nothing.
    pub async fn commit<C: Change>(&self, change: C) -> Result<C::Out, CommitError<C::Refusal>> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.commit(change, sqlite::Lane::Urgent).await,
            Engine::Postgres(engine) => engine.commit(change).await,
        }
    }

    /// As [`commit`](Self::commit), but behind everything urgent: mass work in small chunks.
    pub async fn background<C: Change>(&self, change: C) -> Result<C::Out, CommitError<C::Refusal>> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.commit(change, sqlite::Lane::Background).await,
            Engine::Postgres(engine) => engine.background(change, None).await,
        }
    }

    /// Answers from one consistent snapshot that holds everything acknowledged before.
    pub async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, StoreError> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.read(query).await,
            Engine::Postgres(engine) => engine.read(query).await,
        }
    }

    /// Whether changes can be made durable now; the reason if not.
    pub async fn health(&self) -> Result<(), String> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.health().await,
            Engine::Postgres(engine) => engine.health().await,
        }
    }

    /// Finishes what is queued and closes the database. What comes later is `Unavailable`.
    pub async fn close(&self) {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close().await,
        }
    }
}
