//! Keeping the write-ahead log short. The bulk of a checkpoint runs on a connection of its own beside
//! the writer; only the short tail that was written meanwhile is left to the writer, because a log
//! that is never wholly copied back is never restarted.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::backfill;
use super::connection::Options;

/// Pages (4 KiB each) in the log at which the bulk is copied back.
const BULK_PAGES: i32 = 1_000;
/// Pages at which the writer itself finishes what the bulk left.
const TAIL_PAGES: i32 = 4_000;

/// Held by whoever runs a checkpoint: the failure of one is made good before there is another.
#[derive(Default)]
struct Turn {
    failed: bool,
}

pub(super) struct Checkpointer {
    wake: mpsc::SyncSender<()>,
    turn: Arc<Mutex<Turn>>,
    bulk_done: Arc<AtomicBool>,
    /// Pages in the log after the last commit, told by SQLite.
    pages: Arc<AtomicI32>,
    /// The length at which the bulk is copied back next: not at every commit behind it.
    next_bulk: i32,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    pub(super) fn start(options: Options) -> std::io::Result<Self> {
        let (wake, woken) = mpsc::sync_channel::<()>(1);
        let bulk_done = Arc::new(AtomicBool::new(false));
        let done = bulk_done.clone();
        let turn = Arc::new(Mutex::new(Turn::default()));
        let turns = turn.clone();
        let thread = std::thread::Builder::new().name("samband-wal".into()).spawn(move || {
            let mut connection: Option<Connection> = None;
            while woken.recv().is_ok() {
                if connection.is_none() {
                    connection = options.open_checkpointer().ok();
                }
                let turn = turns.lock().unwrap_or_else(PoisonError::into_inner);
                match connection.as_ref().map(|connection| checkpoint(connection, turn)) {
                    Some(Ok(())) => done.store(true, Ordering::Release),
                    // The medium failed: the writer notices by itself, and the next try opens anew.
                    Some(Err(_)) | None => connection = None,
                }
            }
        })?;
        Ok(Self {
            wake,
            turn,
            bulk_done,
            pages: Arc::default(),
            next_bulk: BULK_PAGES,
            thread,
        })
    }

    /// Asks SQLite to tell the log's length after each commit of this connection.
    pub(super) fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        self.pages.store(0, Ordering::Relaxed);
        let told = self.pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            told.store(pages, Ordering::Relaxed);
            Ok(())
        }))
    }

    pub(super) fn after_commit(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages >= TAIL_PAGES && self.bulk_done.swap(false, Ordering::Acquire) {
            let turn = match self.turn.try_lock() {
                Ok(turn) => turn,
                Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
                // The bulk is copied again; its end is the next occasion.
                Err(TryLockError::WouldBlock) => return,
            };
            if let Err(error) = checkpoint(writer, turn) {
                tracing::warn!(%error, "the write-ahead log could not be restarted");
            }
        } else if pages < BULK_PAGES {
            // The log was restarted.
            self.next_bulk = BULK_PAGES;
        } else if pages >= self.next_bulk {
            self.next_bulk = pages + BULK_PAGES;
            // Full: it is at work already.
            let _ = self.wake.try_send(());
        }
    }

    pub(super) fn stop(self) {
        drop(self.wake);
        let _ = self.thread.join();
    }
}

/// PASSIVE: copies back what it can without waiting for anyone.
fn checkpoint(connection: &Connection, mut turn: MutexGuard<'_, Turn>) -> rusqlite::Result<()> {
    if turn.failed {
        backfill::forget(connection)?;
        turn.failed = false;
    }
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
    if copied.is_err() {
        // At once: SQLite itself runs a last checkpoint when the last connection is closed.
        turn.failed = backfill::forget(connection).is_err();
    }
    copied
}
