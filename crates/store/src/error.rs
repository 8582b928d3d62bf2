//! What can go wrong below the rules.

use std::path::PathBuf;

/// The engine's own failure, never shown to a client.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("{}", shown(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("no connection to PostgreSQL: {0}")]
    Pool(String),
    #[error("a transaction took longer than {0} s")]
    TooSlow(u64),
    #[error("the lease {0} is another node's by now")]
    Fenced(&'static str),
    #[error("the change was applied before")]
    Applied,
    #[error("the embedded engine was asked something that waits")]
    Waited,
    #[error("stored document of kind {kind} cannot be read: {reason}")]
    Document { kind: &'static str, reason: String },
    #[error("a change panicked: {0}")]
    Panicked(String),
}

impl EngineError {
    /// A change's panic, with its message where it has one.
    pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Panicked(message.unwrap_or_default())
    }

    /// Whether the medium failed (full, unwritable, gone), and not the change that was tried.
    pub fn is_medium(&self) -> bool {
        use rusqlite::ErrorCode::*;
        match self {
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    DiskFull
                        | SystemIoFailure
                        | CannotOpen
                        | DatabaseCorrupt
                        | ReadOnly
                        | OutOfMemory
                        | NotADatabase
                        | DatabaseBusy
                        | DatabaseLocked
                        | FileLockingProtocolFailed
                        | PermissionDenied
                )
            ),
            Self::Postgres(_) | Self::Pool(_) | Self::TooSlow(_) => true,
            Self::Document { .. } | Self::Panicked(_) | Self::Waited | Self::Fenced(_) | Self::Applied => false,
        }
    }
}

/// PostgreSQL's message with its code; the error alone says no more than "db error".
fn shown(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("PostgreSQL: {} ({})", db.message(), db.code().code()),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            format!("PostgreSQL: {error}{}", cause.unwrap_or_default())
        }
    }
}

/// Why a change has no result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError<R> {
    #[error("refused")]
    Refused(R),
    /// Not acknowledged, maybe stored: the store is full, unwritable, overloaded or closing.
    #[error("the store is unavailable")]
    Unavailable,
}

impl<R> CommitError<R> {
    pub fn map_refusal<S>(self, map: impl FnOnce(R) -> S) -> CommitError<S> {
        match self {
            Self::Refused(refusal) => CommitError::Refused(map(refusal)),
            Self::Unavailable => CommitError::Unavailable,
        }
    }
}

/// Why a query has no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is unavailable")]
pub struct StoreError;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("data directory {path}: {source}")]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("data directory {0} is in use by another samband process")]
    InUse(PathBuf),
    #[error("database {path}: {source}")]
    Database { path: PathBuf, source: EngineError },
    #[error("PostgreSQL at {server}: {reason}")]
    Postgres { server: String, reason: String },
    #[error("migration {room} {number}: {source}")]
    Migration {
        room: &'static str,
        number: u32,
        source: EngineError,
    },
    #[error("the database was written by a newer samband (it holds {room} {number})")]
    TooNew { room: String, number: u32 },
}
