//! The SQLite VFS shim: the only unsafe code here.
//!
//! Every method passes the call on to SQLite's own "unix" VFS. For database, WAL and journal
//! files the calls that change something go by way of [`Disk`], which notes them or refuses
//! them. Locks and the wal-index (shared memory) are left to the unix VFS alone.
//!
//! A file as SQLite allocates it is one block of memory: [`ShimFile`], then the file object of
//! the unix VFS.
//!
//! Two of SQLite's habits need care. Memory-mapped I/O would bypass the shim, so the methods
//! are of version 2, without xFetch, and the file control that turns mapping on is swallowed.
//! And the disk must not promise what a cut then breaks: of the device characteristics only
//! POWERSAFE_OVERWRITE is left, which tearing at sectors within a write does respect, but not
//! the promises of atomic, sequential or append-safe writes.

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::{Arc, Weak};

use rusqlite::ffi::{
    self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
    sqlite3_vfs_unregister,
};

use crate::disk::{Disk, OpenFile};
use crate::model::FileKind;

/// What `pAppData` of a registered VFS points to.
struct Shim {
    real: *mut sqlite3_vfs,
    disk: Weak<Disk>,
    name: CString,
}

/// A VFS registered with SQLite for as long as this lives.
pub(crate) struct Registration {
    vfs: *mut sqlite3_vfs,
    name: String,
}

// SAFETY: the pointer is only handed back to SQLite, whose registry has a mutex of its own.
unsafe impl Send for Registration {}
// SAFETY: as above; shared references give out nothing but the name.
unsafe impl Sync for Registration {}

impl Registration {
    pub(crate) fn new(name: &str, disk: &Arc<Disk>) -> Self {
        let c_name = CString::new(name).expect("a VFS name has no NUL");
        // SAFETY: both names are C strings; finding initialises SQLite where needed.
        let (taken, real) = unsafe { (sqlite3_vfs_find(c_name.as_ptr()), sqlite3_vfs_find(c"unix".as_ptr())) };
        assert!(taken.is_null(), "there is a VFS named {name} already");
        assert!(!real.is_null(), "SQLite was built without its unix VFS");
        // SAFETY: SQLite's own VFS object, which is static and not changed after startup.
        let real_vfs = unsafe { &*real };
        let header = c_int::try_from(size_of::<ShimFile>()).expect("a few words");

        // Neither of the two is ever freed: a connection keeps pointing to its VFS for as long
        // as it lives, and nothing tells when the last one is closed. What is large, the disk,
        // is held weakly here and strongly by the open files.
        let shim = Box::leak(Box::new(Shim {
            real,
            disk: Arc::downgrade(disk),
            name: c_name,
        }));
        let z_name = shim.name.as_ptr();
        let vfs: *mut sqlite3_vfs = Box::leak(Box::new(sqlite3_vfs {
            iVersion: 2,
            szOsFile: header + real_vfs.szOsFile,
            mxPathname: real_vfs.mxPathname,
            pNext: ptr::null_mut(),
            zName: z_name,
            pAppData: ptr::from_mut(shim).cast(),
            xOpen: Some(x_open),
            xDelete: Some(x_delete),
            xAccess: Some(x_access),
            xFullPathname: Some(x_full_pathname),
            // The unix VFS makes no use of the VFS argument of these four.
            xDlOpen: real_vfs.xDlOpen,
            xDlError: real_vfs.xDlError,
            xDlSym: real_vfs.xDlSym,
            xDlClose: real_vfs.xDlClose,
            xRandomness: Some(x_randomness),
            xSleep: Some(x_sleep),
            xCurrentTime: Some(x_current_time),
            xGetLastError: Some(x_get_last_error),
            xCurrentTimeInt64: Some(x_current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: the object and all it points to live for ever; 0: not the default VFS.
        let code = unsafe { sqlite3_vfs_register(vfs, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "cannot register VFS {name}");
        Self {
            vfs,
            name: name.to_owned(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: registered in `new`; the object itself stays, for connections still open.
        unsafe { sqlite3_vfs_unregister(self.vfs) };
    }
}

/// # Safety
///
/// `vfs` must be one that [`Registration::new`] made.
unsafe fn shim<'a>(vfs: *mut sqlite3_vfs) -> &'a Shim {
    // SAFETY: pAppData was set to a leaked Shim, which nothing changes.
    unsafe { &*(*vfs).pAppData.cast::<Shim>() }
}

/// # Safety
///
/// As for [`CStr::from_ptr`].
unsafe fn path<'a>(name: *const c_char) -> &'a Path {
    // SAFETY: passed on to the caller.
    let name = unsafe { CStr::from_ptr(name) };
    Path::new(OsStr::from_bytes(name.to_bytes()))
}

/// The head of a file object; the unix VFS's own follows it in memory.
#[repr(C, align(8))]
struct ShimFile {
    /// What SQLite sees; its method table is null until xOpen has succeeded.
    base: sqlite3_file,
    /// Absent for temporary files, which no power cut concerns.
    open: Option<Box<OpenFile>>,
}

/// # Safety
///
/// `file` must have been allocated for a VFS of ours.
unsafe fn real_file(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: szOsFile makes room for the unix VFS's object after ours, and the alignment of
    // ShimFile, that of SQLite's allocations, carries over to it.
    unsafe { file.cast::<ShimFile>().add(1).cast() }
}

/// # Safety
///
/// `file` must have been opened by [`x_open`] and not be closed yet. SQLite uses a file object
/// from one thread at a time.
unsafe fn opened<'a>(file: *mut sqlite3_file) -> Option<&'a OpenFile> {
    // SAFETY: x_open initialised it.
    unsafe { (*file.cast::<ShimFile>()).open.as_deref() }
}

/// VFS methods passed on unchanged.
macro_rules! forward_vfs {
    ($name:ident, $method:ident, ($($arg:ident: $type:ty),*), $missing:expr) => {
        unsafe extern "C" fn $name(vfs: *mut sqlite3_vfs, $($arg: $type),*) -> c_int {
            // SAFETY: SQLite calls this for a VFS of ours, with arguments meant for the method.
            unsafe {
                let real = shim(vfs).real;
                match (*real).$method {
                    Some(method) => method(real, $($arg),*),
                    None => $missing,
                }
            }
        }
    };
}

forward_vfs!(
    x_access,
    xAccess,
    (name: *const c_char, flags: c_int, out: *mut c_int),
    ffi::SQLITE_IOERR
);
forward_vfs!(
    x_full_pathname,
    xFullPathname,
    (name: *const c_char, size: c_int, out: *mut c_char),
    ffi::SQLITE_CANTOPEN
);
forward_vfs!(x_randomness, xRandomness, (size: c_int, out: *mut c_char), 0);
forward_vfs!(x_sleep, xSleep, (microseconds: c_int), 0);
forward_vfs!(x_current_time, xCurrentTime, (out: *mut f64), ffi::SQLITE_ERROR);
forward_vfs!(x_get_last_error, xGetLastError, (size: c_int, out: *mut c_char), 0);
forward_vfs!(x_current_time_int64, xCurrentTimeInt64, (out: *mut sqlite3_int64), ffi::SQLITE_ERROR);

fn kind_of(flags: c_int) -> Option<FileKind> {
    const JOURNAL: c_int = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        Some(FileKind::Database)
    } else if flags & ffi::SQLITE_OPEN_WAL != 0 {
        Some(FileKind::Wal)
    } else if flags & JOURNAL != 0 {
        Some(FileKind::Journal)
    } else {
        None
    }
}

unsafe extern "C" fn x_open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives at least szOsFile bytes, not initialised; `write` reads none of
    // them. With a null method table SQLite does not close a file whose opening failed.
    let shim = unsafe {
        file.cast::<ShimFile>().write(ShimFile {
            base: sqlite3_file { pMethods: ptr::null() },
            open: None,
        });
        shim(vfs)
    };
    let open_real = || {
        // SAFETY: the arguments are SQLite's own. `name` is passed as it came, for SQLite
        // hides URI parameters behind its end; it lives until the file is closed.
        unsafe {
            match (*shim.real).xOpen {
                Some(open) => open(shim.real, name, real_file(file), flags, out_flags),
                None => ffi::SQLITE_CANTOPEN,
            }
        }
    };
    let opened = match kind_of(flags) {
        Some(kind) if !name.is_null() => {
            let Some(disk) = shim.disk.upgrade() else {
                return ffi::SQLITE_CANTOPEN; // the test has dropped its disk
            };
            let sync_directory = kind != FileKind::Database && flags & ffi::SQLITE_OPEN_CREATE != 0;
            // SAFETY: a name that is not null is a C string, alive during this call.
            let path = unsafe { path(name) };
            disk.open(path, kind, sync_directory, open_real)
                .map(|open| Some(Box::new(open)))
        }
        _ => match open_real() {
            ffi::SQLITE_OK => Ok(None),
            code => Err(code),
        },
    };
    match opened {
        Ok(open) => {
            // SAFETY: initialised above.
            unsafe {
                (*file.cast::<ShimFile>()).open = open;
                (*file).pMethods = &raw const METHODS;
            }
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn x_delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite calls this for a VFS of ours, with a C string.
    let (shim, path) = unsafe { (shim(vfs), path(name)) };
    let delete_real = || {
        // SAFETY: the arguments are SQLite's own. The directory need not really be synced.
        unsafe {
            match (*shim.real).xDelete {
                Some(delete) => delete(shim.real, name, 0),
                None => ffi::SQLITE_IOERR_DELETE,
            }
        }
    };
    match shim.disk.upgrade() {
        Some(disk) => disk.delete(path, sync_directory != 0, delete_real),
        None => delete_real(),
    }
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(x_close),
    xRead: Some(x_read),
    xWrite: Some(x_write),
    xTruncate: Some(x_truncate),
    xSync: Some(x_sync),
    xFileSize: Some(x_file_size),
    xLock: Some(x_lock),
    xUnlock: Some(x_unlock),
    xCheckReservedLock: Some(x_check_reserved_lock),
    xFileControl: Some(x_file_control),
    xSectorSize: Some(x_sector_size),
    xDeviceCharacteristics: Some(x_device_characteristics),
    xShmMap: Some(x_shm_map),
    xShmLock: Some(x_shm_lock),
    xShmBarrier: Some(x_shm_barrier),
    xShmUnmap: Some(x_shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Calls a method of the unix VFS's file behind one of ours.
macro_rules! call_real {
    ($file:ident, $method:ident, ($($arg:expr),*), $missing:expr) => {{
        // SAFETY: SQLite calls this for a file that x_open opened, so the file behind it is
        // open and has a method table; the arguments are meant for this method.
        unsafe {
            let real = real_file($file);
            match (*(*real).pMethods).$method {
                Some(method) => method(real, $($arg),*),
                None => $missing,
            }
        }
    }};
}

/// File methods passed on unchanged.
macro_rules! forward_file {
    ($name:ident, $method:ident, ($($arg:ident: $type:ty),*), $missing:expr) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($arg: $type),*) -> c_int {
            call_real!(file, $method, ($($arg),*), $missing)
        }
    };
}

forward_file!(
    x_read,
    xRead,
    (out: *mut c_void, size: c_int, offset: sqlite3_int64),
    ffi::SQLITE_IOERR_READ
);
forward_file!(x_file_size, xFileSize, (out: *mut sqlite3_int64), ffi::SQLITE_IOERR_FSTAT);
forward_file!(x_lock, xLock, (level: c_int), ffi::SQLITE_IOERR_LOCK);
forward_file!(x_unlock, xUnlock, (level: c_int), ffi::SQLITE_IOERR_UNLOCK);
forward_file!(x_check_reserved_lock, xCheckReservedLock, (out: *mut c_int), ffi::SQLITE_IOERR_LOCK);
forward_file!(x_sector_size, xSectorSize, (), 0);
forward_file!(
    x_shm_map,
    xShmMap,
    (page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void),
    ffi::SQLITE_IOERR_SHMMAP
);
forward_file!(
    x_shm_lock,
    xShmLock,
    (offset: c_int, n: c_int, flags: c_int),
    ffi::SQLITE_IOERR_SHMLOCK
);
forward_file!(x_shm_unmap, xShmUnmap, (delete: c_int), ffi::SQLITE_OK);

unsafe extern "C" fn x_shm_barrier(file: *mut sqlite3_file) {
    call_real!(file, xShmBarrier, (), ());
}

unsafe extern "C" fn x_close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: opened by x_open; SQLite does not use the file after this, so its box is taken
    // out once. The memory itself belongs to SQLite.
    drop(unsafe { (*file.cast::<ShimFile>()).open.take() });
    call_real!(file, xClose, (), ffi::SQLITE_OK)
}

unsafe extern "C" fn x_write(
    file: *mut sqlite3_file,
    data: *const c_void,
    size: c_int,
    offset: sqlite3_int64,
) -> c_int {
    let real = || call_real!(file, xWrite, (data, size, offset), ffi::SQLITE_IOERR_WRITE);
    // SAFETY: opened by x_open, in use by this thread.
    let Some(open) = (unsafe { opened(file) }) else {
        return real();
    };
    let (Ok(len), Ok(start)) = (usize::try_from(size), u64::try_from(offset)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite gives `size` readable bytes, which nobody changes during the call.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
    open.write(start, bytes, real)
}

unsafe extern "C" fn x_truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    let real = || call_real!(file, xTruncate, (size), ffi::SQLITE_IOERR_TRUNCATE);
    // SAFETY: opened by x_open, in use by this thread.
    match (unsafe { opened(file) }, u64::try_from(size)) {
        (Some(open), Ok(size)) => open.truncate(size, real),
        (Some(_), Err(_)) => ffi::SQLITE_IOERR_TRUNCATE,
        (None, _) => real(),
    }
}

unsafe extern "C" fn x_sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: opened by x_open, in use by this thread.
    match unsafe { opened(file) } {
        Some(open) => open.sync(),
        None => call_real!(file, xSync, (flags), ffi::SQLITE_IOERR_FSYNC),
    }
}

unsafe extern "C" fn x_file_control(file: *mut sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    match op {
        // Both would let the unix VFS change a file's size behind our back.
        ffi::SQLITE_FCNTL_CHUNK_SIZE | ffi::SQLITE_FCNTL_SIZE_HINT => ffi::SQLITE_OK,
        ffi::SQLITE_FCNTL_MMAP_SIZE => {
            // SAFETY: this control's argument is an i64: the size asked for, then the size set.
            unsafe { *arg.cast::<sqlite3_int64>() = 0 };
            ffi::SQLITE_OK
        }
        // Never offered by x_device_characteristics.
        ffi::SQLITE_FCNTL_BEGIN_ATOMIC_WRITE
        | ffi::SQLITE_FCNTL_COMMIT_ATOMIC_WRITE
        | ffi::SQLITE_FCNTL_ROLLBACK_ATOMIC_WRITE => ffi::SQLITE_NOTFOUND,
        _ => call_real!(file, xFileControl, (op, arg), ffi::SQLITE_NOTFOUND),
    }
}

unsafe extern "C" fn x_device_characteristics(file: *mut sqlite3_file) -> c_int {
    let real = call_real!(file, xDeviceCharacteristics, (), 0);
    real & ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}
