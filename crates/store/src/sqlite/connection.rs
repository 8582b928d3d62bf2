//! Opening connections: where the database is, and the settings that its durability rests on.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::{EngineError, OpenError};

/// How the embedded engine is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub location: Location,
    pub synchronous: Synchronous,
    /// The SQLite VFS to use; the tests bring one that loses power.
    pub vfs: Option<String>,
    /// Connections that answer queries side by side.
    pub readers: usize,
}

impl Options {
    pub fn in_directory(path: impl Into<PathBuf>) -> Self {
        Self {
            location: Location::Directory(path.into()),
            synchronous: Synchronous::Full,
            vfs: None,
            readers: 4,
        }
    }
    pub fn in_memory() -> Self {
        Self {
            location: Location::Memory,
            synchronous: Synchronous::Off,
            vfs: None,
            readers: 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A directory of samband's own; one process at a time.
    Directory(PathBuf),
    /// Nothing on disk: gone when the process ends.
    Memory,
}

/// SQLite's `synchronous`. Only `Full` keeps the promise that what was acknowledged is durable;
/// the others exist to show that the tests would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    Full,
    Normal,
    Off,
}

pub(super) const DATABASE: &str = "samband.db";
const LOCK: &str = "samband.lock";

/// The write-ahead log is cut back to this size when it restarts.
const WAL_KEPT_BYTES: i64 = 64 << 20;

/// Whether there is a database in a directory.
pub fn is_in(directory: &Path) -> bool {
    directory.join(DATABASE).is_file()
}

/// Held for as long as the database is open. The lock goes with the process, however it ends.
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    pub(super) fn take(directory: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Directory {
            path: directory.to_owned(),
            source,
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(directory.to_owned())),
            Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

impl Options {
    pub(super) fn database_path(&self) -> PathBuf {
        match &self.location {
            Location::Directory(directory) => directory.join(DATABASE),
            Location::Memory => PathBuf::from(":memory:"),
        }
    }

    pub(super) fn open_writer(&self) -> Result<Connection, EngineError> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // Checkpoints are run by `wal`, away from the commits.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "cache_size", -4096)?;
        if self.location != Location::Memory {
            super::rewrite::rewrite_log(&connection)?;
        }
        Ok(connection)
    }

    pub(super) fn open_reader(&self) -> Result<Connection, EngineError> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -1024)?;
        Ok(connection)
    }

    pub(super) fn open_checkpointer(&self) -> Result<Connection, EngineError> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "cache_size", -64)?;
        Ok(connection)
    }

    fn open(&self, flags: OpenFlags) -> Result<Connection, EngineError> {
        let path = self.database_path();
        // Each connection is used by one thread at a time.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match &self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&path, flags, vfs.as_str())?,
            None => Connection::open_with_flags(&path, flags)?,
        };
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        if self.location != Location::Memory {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
        }
        let synchronous = match self.synchronous {
            Synchronous::Full => "full",
            Synchronous::Normal => "normal",
            Synchronous::Off => "off",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(256);
        Ok(connection)
    }
}
