//! Making a checkpoint that failed be done again from the log's first page.

use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::{Connection, ffi};

/// Bytes of a region of the wal-index, and where `nBackfill` stands in the first: behind two copies of
/// its header (https://sqlite.org/walformat.html, section 2.1).
const REGION_BYTES: i32 = 32 * 1024;
const BACKFILL_AT: usize = 96;
/// The lock that a checkpoint holds (the same, section 2.3).
const CHECKPOINT_LOCK: i32 = 1;

/// Tells SQLite that nothing of the log is in the database yet.
///
/// A checkpoint that is held up by a reader leaves the pages that it copied to be flushed by a later
/// one, and counts them as copied. When that later flush fails, the kernel takes all of them for written
/// although the disk has none, and SQLite would copy back only what is behind them, restart the log,
/// and so lose what was in both. With the count at nought all are written, and flushed, again. Readers
/// are not concerned: a smaller count only makes them look into the log for what is also in the database.
pub(super) fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let check = |code| match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    };
    let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
    // SAFETY: the handle is open; this control writes a pointer to a file that stays open with it. The
    // methods are called as SQLite calls them, on the connection's own thread, and the region that the
    // wal-index is mapped to stays mapped while the connection is open; others reach it by atomics too.
    unsafe {
        check(ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        ))?;
        if file.is_null() || (*file).pMethods.is_null() {
            return check(ffi::SQLITE_MISUSE);
        }
        let methods = &*(*file).pMethods;
        let (Some(map), Some(lock)) = (methods.xShmMap, methods.xShmLock) else {
            return check(ffi::SQLITE_MISUSE);
        };
        let mut region = std::ptr::null_mut();
        check(map(file, 0, REGION_BYTES, 0, &raw mut region))?;
        if region.is_null() {
            // There is no wal-index yet: whoever makes it begins at nought.
            return Ok(());
        }
        check(lock(
            file,
            CHECKPOINT_LOCK,
            1,
            ffi::SQLITE_SHM_LOCK | ffi::SQLITE_SHM_EXCLUSIVE,
        ))?;
        let backfill = AtomicU32::from_ptr(region.cast::<u8>().add(BACKFILL_AT).cast());
        backfill.store(0, Ordering::SeqCst);
        check(lock(
            file,
            CHECKPOINT_LOCK,
            1,
            ffi::SQLITE_SHM_UNLOCK | ffi::SQLITE_SHM_EXCLUSIVE,
        ))
    }
}
