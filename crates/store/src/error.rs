//! What can go wrong below the rules.

use std::path::PathBuf;

/// The engine's own failure, never shown to a client.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("stored document of kind {kind} cannot be read: {reason}")]
    Document { kind: &'static str, reason: String },
    #[error("a change panicked: {0}")]
    Panicked(String),
}

impl EngineError {
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
            Self::Document { .. } | Self::Panicked(_) => false,
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
    #[error("migration {room} {number}: {source}")]
    Migration {
        room: &'static str,
        number: u32,
        source: EngineError,
    },
    #[error("the database was written by a newer samband (it holds {room} {number})")]
    TooNew { room: String, number: u32 },
}
