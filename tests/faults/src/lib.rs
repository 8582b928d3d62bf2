//! A disk whose power can be cut, for proving that "acknowledged" means "flushed".
//!
//! Everything SQLite writes goes through a VFS of our own ([`PowerCutDisk`]). The real files
//! are written as usual, so the program under test runs unhindered, while a model beside them
//! keeps what a disk would be certain to hold: the contents as of the last successful fsync,
//! and, apart from that, every change made since. Cutting the power turns the model into a
//! [`DiskImage`]: the certain part plus whatever random part of the rest the disk happened to
//! get to, down to single sectors of a write.
//!
//! The shape of a test:
//!
//! ```
//! use samband_faults::{CutMode, PowerCutDisk, SplitMix64};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let disk = PowerCutDisk::register("powercut-doc");
//! # let dir = tempfile::tempdir()?;
//! # let revived = tempfile::tempdir()?;
//! let db = disk.open(dir.path().join("chat.db"))?; // or Connection::open_with_flags_and_vfs
//! db.pragma_update(None, "journal_mode", "wal")?;
//! db.pragma_update(None, "synchronous", "full")?;
//! db.execute_batch("CREATE TABLE message (id INTEGER PRIMARY KEY)")?;
//! db.execute("INSERT INTO message VALUES (1)", [])?;
//!
//! let acknowledged = 1; // read BEFORE the cut, never after it
//! let mut rng = SplitMix64::new(7);
//! let image = disk.cut(&mut rng.source(), CutMode::Random);
//!
//! image.write_to(revived.path())?;
//! let db = rusqlite::Connection::open(revived.path().join("chat.db"))?; // the ordinary VFS
//! let kept: i64 = db.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
//! assert!(kept >= acknowledged);
//! # Ok(())
//! # }
//! ```
//!
//! What it does not model: the -shm file (shared memory dies with the power, SQLite rebuilds
//! it), temporary files, and hardware that lies about fsync.

// The shim wraps SQLite's unix VFS; elsewhere the crate is empty.
#![cfg(unix)]
#![warn(missing_docs)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod disk;
mod image;
pub mod ledger;
mod model;
mod rng;
mod vfs;

pub use disk::{DiskStats, Fault, FileStats, OpKind, Operation, PowerCutDisk};
pub use image::{CutMode, DiskImage, Frozen};
pub use model::FileKind;
pub use rng::SplitMix64;
