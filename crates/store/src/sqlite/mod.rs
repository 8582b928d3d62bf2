//! The embedded engine: SQLite in WAL mode, one writer thread with group commit, readers beside it.

mod backfill;
mod connection;
mod engine;
mod log;
mod migrate;
mod queue;
mod readers;
mod repeat;
mod rewrite;
mod transfer;
mod tx;
mod wal;
mod writer;

pub use crate::change::at_once;
pub use connection::{Location, Options, Synchronous, is_in};
pub(crate) use engine::Engine;
pub(crate) use queue::Lane;
pub use tx::{Reader, Tx};
