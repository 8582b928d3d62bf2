//! The storage engine: one ordered log, changes that are durable before they are acknowledged,
//! queries beside them. No subject matter: what is stored belongs to the capabilities.
//!
//! A capability describes a [`Change`] or a [`Query`] and knows in its own `store/sqlite` module
//! how it is said in SQL. Above that module nobody knows SQL.

mod change;
mod error;
mod log;
mod migration;
mod repeat;
pub mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;

use std::sync::Arc;

pub use change::{Change, Cx, Query, Stop};
pub use error::{CommitError, EngineError, OpenError, StoreError};
pub use log::{Entry, Epoch, FirstAfter, LogEnd, LogState};
pub use migration::Migration;
pub use repeat::{RepeatKey, RepeatRefused, Repeatable, forget_expired_repeats};

use samband_core::{Clock, Publish};

/// A handle on the store; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Engine>);

enum Engine {
    Sqlite(sqlite::Engine),
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

    /// Makes the change durable, publishes its notes, then answers. A refusal has changed nothing.
    pub async fn commit<C: Change>(&self, change: C) -> Result<C::Out, CommitError<C::Refusal>> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.commit(change, sqlite::Lane::Urgent).await,
        }
    }

    /// As [`commit`](Self::commit), but behind everything urgent: mass work in small chunks.
    pub async fn background<C: Change>(&self, change: C) -> Result<C::Out, CommitError<C::Refusal>> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.commit(change, sqlite::Lane::Background).await,
        }
    }

    /// Answers from one consistent snapshot that holds everything acknowledged before.
    pub async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, StoreError> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.read(query).await,
        }
    }

    /// Whether changes can be made durable now; the reason if not.
    pub async fn health(&self) -> Result<(), String> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.health().await,
        }
    }

    /// Finishes what is queued and closes the database. What comes later is `Unavailable`.
    pub async fn close(&self) {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.close().await,
        }
    }
}
