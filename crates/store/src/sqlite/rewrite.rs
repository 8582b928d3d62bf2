//! Making certain of what a failed flush left behind, before anything is written after it.

use rusqlite::{Connection, ffi};

use crate::error::EngineError;

/// Writes the write-ahead log's own bytes over it and flushes them.
///
/// After a failed fsync the kernel counts the pages as written and goes on showing them, so SQLite
/// recovers frames that the disk never got, and what is committed behind them would be lost with
/// them at a power cut. Only writing makes the pages dirty again. Bytes that are on the disk do not
/// change, so this may itself be interrupted at any moment.
pub(super) fn rewrite_log(connection: &Connection) -> Result<(), EngineError> {
    // Opens the log and recovers it.
    connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
    let check = |code| match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    };
    let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
    // SAFETY: the handle is open; this control writes a pointer to a file that stays open with it.
    // The methods are called as SQLite calls them, on the connection's own thread.
    unsafe {
        check(ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_JOURNAL_POINTER,
            (&raw mut file).cast(),
        ))?;
        if file.is_null() || (*file).pMethods.is_null() {
            return Ok(());
        }
        let methods = &*(*file).pMethods;
        let (Some(size), Some(read), Some(write), Some(sync)) =
            (methods.xFileSize, methods.xRead, methods.xWrite, methods.xSync)
        else {
            return Ok(());
        };
        let mut length = 0;
        check(size(file, &mut length))?;
        let mut buffer = vec![0u8; 1 << 16];
        let mut at = 0;
        while at < length {
            let part = (length - at).min(buffer.len() as i64) as i32;
            check(read(file, buffer.as_mut_ptr().cast(), part, at))?;
            check(write(file, buffer.as_ptr().cast(), part, at))?;
            at += i64::from(part);
        }
        if length > 0 {
            check(sync(file, ffi::SQLITE_SYNC_NORMAL))?;
        }
    }
    Ok(())
}
