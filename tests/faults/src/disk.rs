//! The disk that tests hold: cutting the power, injecting faults, counting what was written.
//!
//! [`PowerCutDisk`] is the public face; [`Disk`] is what the VFS shim reports to. One mutex
//! guards the model, and the real write is done while holding it, so that a cut falls between
//! two operations and never inside one. An fsync is the exception: it holds nothing while it
//! waits, and a cut meanwhile finds its changes still uncertain.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ffi};

use crate::image::{CutMode, DiskImage, Frozen};
use crate::model::{FileKind, InodeId, Model};
use crate::vfs::Registration;

/// A SQLite result code.
pub(crate) type Code = std::ffi::c_int;

/// How writing goes wrong. Reads always work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space: SQLITE_FULL from every write and truncate, SQLITE_IOERR_FSYNC from fsync (a
    /// file system with delayed allocation may notice only then).
    Full,
    /// A broken disk: SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE and SQLITE_IOERR_FSYNC.
    Io,
    /// Only fsync fails. What was written since the last good one may be lost for ever, even
    /// if a later fsync succeeds.
    Sync,
}

impl Fault {
    fn on_write(self) -> Option<Code> {
        match self {
            Fault::Full => Some(ffi::SQLITE_FULL),
            Fault::Io => Some(ffi::SQLITE_IOERR_WRITE),
            Fault::Sync => None,
        }
    }

    fn on_truncate(self) -> Option<Code> {
        match self {
            Fault::Full => Some(ffi::SQLITE_FULL),
            Fault::Io => Some(ffi::SQLITE_IOERR_TRUNCATE),
            Fault::Sync => None,
        }
    }
}

/// What was done to the files of one kind. Refused operations do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStats {
    /// Calls of xWrite.
    pub writes: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Successful calls of xSync.
    pub syncs: u64,
    /// Calls of xTruncate.
    pub truncates: u64,
    /// Calls of xDelete.
    pub deletes: u64,
}

/// What was done to a disk since it was registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// To the database file.
    pub database: FileStats,
    /// To the write-ahead log.
    pub wal: FileStats,
    /// To rollback journals.
    pub journal: FileStats,
    /// Operations that an injected fault refused.
    pub refused: u64,
}

impl DiskStats {
    fn of(&mut self, kind: FileKind) -> &mut FileStats {
        match kind {
            FileKind::Database => &mut self.database,
            FileKind::Wal => &mut self.wal,
            FileKind::Journal => &mut self.journal,
        }
    }

    fn sum(&self, count: impl Fn(&FileStats) -> u64) -> u64 {
        [self.database, self.wal, self.journal].iter().map(count).sum()
    }

    /// Writes to any file.
    pub fn writes(&self) -> u64 {
        self.sum(|file| file.writes)
    }

    /// Bytes written to any file.
    pub fn bytes(&self) -> u64 {
        self.sum(|file| file.bytes)
    }

    /// Successful syncs of any file.
    pub fn syncs(&self) -> u64 {
        self.sum(|file| file.syncs)
    }
}

/// What an [`Operation`] was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// A file came to be.
    Create,
    /// xWrite.
    Write,
    /// xTruncate.
    Truncate,
    /// xSync, successful or not.
    Sync,
    /// xDelete.
    Delete,
}

/// An operation just finished, as shown to the observer of [`PowerCutDisk::on_operation`].
pub struct Operation<'a> {
    /// Its number, counted from 1 since the disk was registered.
    pub number: u64,
    /// What was done.
    pub kind: OpKind,
    /// To what.
    pub file: FileKind,
    disk: &'a Disk,
}

impl Operation<'_> {
    /// The disk right after this operation (and whatever other threads have done since).
    pub fn freeze(&self) -> Frozen {
        self.disk.freeze()
    }
}

type Observer = Box<dyn FnMut(&Operation<'_>) + Send>;

/// A simulated disk behind a SQLite VFS. Clones are handles to the same disk.
#[derive(Clone)]
pub struct PowerCutDisk {
    // Before `disk`: no new file may be opened once the disk is gone.
    registration: Arc<Registration>,
    disk: Arc<Disk>,
}

impl PowerCutDisk {
    /// Registers a VFS by this name, which must not be in use by any other. It is taken back
    /// when the last handle is dropped; connections still open keep working.
    ///
    /// All connections to a database of this disk must use this VFS, from the first opening
    /// on. A file that exists before that counts as certainly on disk.
    ///
    /// # Panics
    ///
    /// If the name is taken or contains a NUL.
    pub fn register(name: &str) -> Self {
        let disk = Arc::new(Disk::default());
        Self {
            registration: Arc::new(Registration::new(name, &disk)),
            disk,
        }
    }

    /// The name to give to `Connection::open_with_flags_and_vfs`.
    pub fn vfs_name(&self) -> &str {
        self.registration.name()
    }

    /// Opens a connection on this disk with rusqlite's default flags.
    ///
    /// # Errors
    ///
    /// As `Connection::open`.
    pub fn open(&self, path: impl AsRef<Path>) -> rusqlite::Result<Connection> {
        Connection::open_with_flags_and_vfs(path, OpenFlags::default(), self.vfs_name())
    }

    /// Cuts the power now, from any thread. The program goes on unaware; what it is told
    /// after this call tells nothing about the image.
    pub fn cut(&self, rng: &mut dyn FnMut() -> u64, mode: CutMode) -> DiskImage {
        self.freeze().image(rng, mode)
    }

    /// The disk as it is now, to draw several images from.
    pub fn freeze(&self) -> Frozen {
        self.disk.freeze()
    }

    /// Calls `observer` after every operation, on the thread that did it and before SQLite
    /// learns of it. With one thread this visits each moment at which the power could fail,
    /// the same in every run. The observer must not use this disk other than by
    /// [`Operation::freeze`]: it would wait for itself.
    pub fn on_operation(&self, observer: impl FnMut(&Operation<'_>) + Send + 'static) {
        *unpoisoned(self.disk.observer.lock()) = Some(Box::new(observer));
        self.disk.observed.store(true, Ordering::Release);
    }

    /// Ends [`on_operation`](Self::on_operation) and drops the observer.
    pub fn stop_observing(&self) {
        self.disk.observed.store(false, Ordering::Release);
        *unpoisoned(self.disk.observer.lock()) = None;
    }

    /// Makes each fsync take this long, as on a real disk. Initially it takes no time.
    pub fn set_sync_delay(&self, delay: Duration) {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.disk.sync_delay_nanos.store(nanos, Ordering::Relaxed);
    }

    /// From now on writing fails, until [`heal`](Self::heal).
    pub fn fail_writes(&self, fault: Fault) {
        self.fail_writes_after(0, fault);
    }

    /// As [`fail_writes`](Self::fail_writes), once `operations` more have been done.
    pub fn fail_writes_after(&self, operations: u64, fault: Fault) {
        self.disk.arm(operations, fault, None);
    }

    /// As [`fail_writes`](Self::fail_writes), for one kind of file only: to let checkpoints
    /// fail but not commits, for example.
    pub fn fail_writes_to(&self, kind: FileKind, fault: Fault) {
        self.disk.arm(0, fault, Some(kind));
    }

    /// Writing works again.
    pub fn heal(&self) {
        self.disk.lock().fault = None;
    }

    /// What was done to this disk so far.
    pub fn stats(&self) -> DiskStats {
        self.disk.lock().stats
    }
}

/// What the shim reports to.
#[derive(Default)]
pub(crate) struct Disk {
    state: Mutex<State>,
    sync_delay_nanos: AtomicU64,
    /// Spares the observer's lock when there is none.
    observed: AtomicBool,
    observer: Mutex<Option<Observer>>,
}

#[derive(Default)]
struct State {
    model: Model,
    stats: DiskStats,
    operations: u64,
    fault: Option<ArmedFault>,
}

struct ArmedFault {
    from_operation: u64,
    only: Option<FileKind>,
    fault: Fault,
}

impl State {
    /// The code to refuse an operation with, if a fault is to.
    fn refusal(&mut self, kind: FileKind, on: impl Fn(Fault) -> Option<Code>) -> Option<Code> {
        let armed = self.fault.as_ref()?;
        let hit = self.operations >= armed.from_operation && armed.only.is_none_or(|k| k == kind);
        let code = if hit { on(armed.fault) } else { None };
        self.stats.refused += u64::from(code.is_some());
        code
    }
}

/// One of SQLite's handles to a file of this disk.
pub(crate) struct OpenFile {
    disk: Arc<Disk>,
    inode: InodeId,
    kind: FileKind,
    path: PathBuf,
    /// The next good sync also syncs the directory, as the unix VFS does once for a handle.
    sync_directory: AtomicBool,
}

// A panic in a test's observer poisons the lock but leaves the state behind it whole.
fn unpoisoned<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, State> {
        unpoisoned(self.state.lock())
    }

    fn freeze(&self) -> Frozen {
        Frozen::new(self.lock().model.clone())
    }

    fn arm(&self, operations: u64, fault: Fault, only: Option<FileKind>) {
        let mut state = self.lock();
        state.fault = Some(ArmedFault {
            from_operation: state.operations.saturating_add(operations),
            only,
            fault,
        });
    }

    fn done(&self, mut state: MutexGuard<'_, State>, kind: OpKind, file: FileKind) {
        state.operations += 1;
        let number = state.operations;
        drop(state);
        if self.observed.load(Ordering::Acquire)
            && let Some(observer) = unpoisoned(self.observer.lock()).as_mut()
        {
            observer(&Operation {
                number,
                kind,
                file,
                disk: self,
            });
        }
    }

    /// Opens `path` by calling `real`, which returns SQLite's result code.
    pub(crate) fn open(
        self: &Arc<Self>,
        path: &Path,
        kind: FileKind,
        sync_directory: bool,
        real: impl FnOnce() -> Code,
    ) -> Result<OpenFile, Code> {
        let mut state = self.lock();
        let existed = path.exists();
        if existed {
            adopt(&mut state.model, path)?;
        }
        if existed && kind == FileKind::Database {
            // SQLite opens these only later; a cut before that must not lose them.
            for suffix in ["-wal", "-journal"] {
                let mut beside = path.as_os_str().to_owned();
                beside.push(suffix);
                let beside = PathBuf::from(beside);
                if beside.exists() {
                    adopt(&mut state.model, &beside)?;
                }
            }
        }
        let code = real();
        if code != ffi::SQLITE_OK {
            return Err(code);
        }
        let known = state.model.lookup(path).filter(|_| existed);
        let inode = known.unwrap_or_else(|| state.model.create(path));
        state.model.open(inode);
        if known.is_none() {
            self.done(state, OpKind::Create, kind);
        }
        Ok(OpenFile {
            disk: Arc::clone(self),
            inode,
            kind,
            path: path.to_owned(),
            sync_directory: AtomicBool::new(sync_directory),
        })
    }

    /// Deletes `path` by calling `real`.
    pub(crate) fn delete(&self, path: &Path, sync_directory: bool, real: impl FnOnce() -> Code) -> Code {
        let mut state = self.lock();
        let code = real();
        if code != ffi::SQLITE_OK || state.model.lookup(path).is_none() {
            return code;
        }
        let kind = match path.as_os_str().as_encoded_bytes() {
            name if name.ends_with(b"-wal") => FileKind::Wal,
            _ => FileKind::Journal,
        };
        state.model.delete(path);
        if sync_directory && let Some(dir) = path.parent() {
            let mark = state.model.mark();
            state.model.directory_synced(dir, mark);
        }
        state.stats.of(kind).deletes += 1;
        self.done(state, OpKind::Delete, kind);
        code
    }
}

/// Takes a file that the model does not know as it is on the real disk.
///
/// Closing any descriptor of a file drops the process's POSIX locks on it. That does no harm
/// here: a file not known yet has no handle through this VFS, and may have none elsewhere.
fn adopt(model: &mut Model, path: &Path) -> Result<(), Code> {
    if model.lookup(path).is_none() {
        let contents = std::fs::read(path).map_err(|_| ffi::SQLITE_CANTOPEN)?;
        model.adopt(path, contents);
    }
    Ok(())
}

impl OpenFile {
    /// Writes by calling `real`.
    pub(crate) fn write(&self, offset: u64, data: &[u8], real: impl FnOnce() -> Code) -> Code {
        let mut state = self.disk.lock();
        if let Some(code) = state.refusal(self.kind, Fault::on_write) {
            return code;
        }
        let code = real();
        if code == ffi::SQLITE_OK {
            state.model.write(self.inode, offset, data);
            let stats = state.stats.of(self.kind);
            stats.writes += 1;
            stats.bytes += data.len() as u64;
            self.disk.done(state, OpKind::Write, self.kind);
        }
        code
    }

    /// Truncates by calling `real`.
    pub(crate) fn truncate(&self, size: u64, real: impl FnOnce() -> Code) -> Code {
        let mut state = self.disk.lock();
        if let Some(code) = state.refusal(self.kind, Fault::on_truncate) {
            return code;
        }
        let code = real();
        if code == ffi::SQLITE_OK {
            state.model.truncate(self.inode, size);
            state.stats.of(self.kind).truncates += 1;
            self.disk.done(state, OpKind::Truncate, self.kind);
        }
        code
    }

    /// The real file is never fsynced: only the model is asked what a cut leaves, and the
    /// tests need thousands of commits per second.
    pub(crate) fn sync(&self) -> Code {
        let mark = self.disk.lock().model.mark();
        let delay = self.disk.sync_delay_nanos.load(Ordering::Relaxed);
        if delay > 0 {
            std::thread::sleep(Duration::from_nanos(delay));
        }
        let mut state = self.disk.lock();
        let refused = state.refusal(self.kind, |_| Some(ffi::SQLITE_IOERR_FSYNC));
        if refused.is_some() {
            state.model.sync_failed(self.inode, mark);
        } else {
            state.model.synced(self.inode, mark);
            if self.sync_directory.swap(false, Ordering::Relaxed)
                && let Some(dir) = self.path.parent()
            {
                state.model.directory_synced(dir, mark);
            }
            state.stats.of(self.kind).syncs += 1;
        }
        self.disk.done(state, OpKind::Sync, self.kind);
        refused.unwrap_or(ffi::SQLITE_OK)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.disk.lock().model.close(self.inode);
    }
}
