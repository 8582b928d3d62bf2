//! Proves the power-cut disk on plain SQLite: with synchronous=FULL no acknowledged row is ever
//! lost, and, so that this means something, with NORMAL and OFF rows are.
//!
//! SAMBAND_FAULTS_SEED repeats a run: the same operations and the same cuts where one thread
//! does all the work, else as far as the threads' timing allows. SAMBAND_FAULTS_CUTS sets the
//! number of cuts of each of the tests with threads. A failing test prints its seed and leaves
//! the image behind.

#![cfg(unix)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use samband_faults::{CutMode, DiskImage, Fault, FileKind, PowerCutDisk, SplitMix64};

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const DB: &str = "chat.db";

fn seed() -> u64 {
    let seed = SplitMix64::seed_from_env("SAMBAND_FAULTS_SEED");
    println!("SAMBAND_FAULTS_SEED={seed}"); // shown by the test harness on failure
    seed
}

fn cuts() -> u64 {
    std::env::var("SAMBAND_FAULTS_CUTS").map_or(60, |n| n.parse().expect("a number of cuts"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "speed is reported, and asserted of the shim alone"
)]
fn stopwatch() -> Instant {
    Instant::now()
}

/// The body of row `id`: the same always, now and then some pages long.
fn body(id: u64) -> Vec<u8> {
    let mut rng = SplitMix64::new(id);
    let len = match rng.below(8) {
        0 => rng.below(20_000),
        _ => rng.below(300),
    };
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

fn open_writer(disk: &PowerCutDisk, path: &Path, journal: &str, sync: &str) -> Result<Connection> {
    let db = disk.open(path)?;
    // Makes the database shrink, so that checkpoints truncate it.
    db.pragma_update(None, "auto_vacuum", "full")?;
    db.pragma_update(None, "journal_mode", journal)?;
    db.pragma_update(None, "synchronous", sync)?;
    db.pragma_update(None, "wal_autocheckpoint", 30)?;
    db.execute_batch(
        "BEGIN;
         CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS last (id INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS scratch (junk BLOB NOT NULL);
         INSERT INTO last SELECT 0 WHERE NOT EXISTS (SELECT * FROM last);
         COMMIT;",
    )?;
    Ok(db)
}

/// One transaction of a few rows after `last`; returns the last row's number once committed.
fn commit_batch(db: &mut Connection, last: u64, rng: &mut SplitMix64) -> rusqlite::Result<u64> {
    let tx = db.transaction()?;
    let end = last + 1 + rng.below(4);
    for id in last + 1..=end {
        tx.prepare_cached("INSERT INTO message (id, body) VALUES (?1, ?2)")?
            .execute((id as i64, body(id)))?;
    }
    tx.execute("UPDATE last SET id = ?1", [end as i64])?;
    match rng.below(20) {
        0 => tx.execute("DELETE FROM scratch", [])?,
        1..5 => tx.execute("INSERT INTO scratch VALUES (zeroblob(30000))", [])?,
        _ => 0,
    };
    tx.commit()?;
    Ok(end)
}

/// Opens what a cut left by the ordinary VFS and counts the rows; an error means corruption.
fn recovered(image: &DiskImage) -> Result<u64> {
    let dir = tempfile::tempdir()?;
    image.write_to(dir.path())?;
    count_rows(&dir.path().join(DB))
}

fn count_rows(path: &Path) -> Result<u64> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "synchronous", "off")?; // speeds up this check only
    let integrity: String = db.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if integrity != "ok" {
        return Err(integrity.into());
    }
    if !db.table_exists(None, "last")? {
        return Ok(0);
    }
    let last: i64 = db.query_row("SELECT id FROM last", [], |row| row.get(0))?;
    let mut rows = 0;
    let mut query = db.prepare("SELECT id, body FROM message ORDER BY id")?;
    let mut cursor = query.query([])?;
    while let Some(row) = cursor.next()? {
        rows += 1;
        let (id, found): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        if id as u64 != rows || found != body(rows) {
            return Err(format!("row {rows} is wrong").into());
        }
    }
    if rows != last as u64 {
        return Err(format!("half a transaction: {rows} rows, last is {last}").into());
    }
    Ok(rows)
}

/// Holds the image against what had been acknowledged before it was taken; returns the rows.
fn verify(image: &DiskImage, acknowledged: u64) -> Result<u64> {
    let failure = match recovered(image) {
        Ok(rows) if rows >= acknowledged => return Ok(rows),
        Ok(rows) => format!("{acknowledged} rows acknowledged, {rows} recovered"),
        Err(err) => err.to_string(),
    };
    let kept = tempfile::tempdir()?.keep();
    image.write_to(&kept)?;
    Err(format!("{failure}; image in {}", kept.display()).into())
}

fn check(image: &DiskImage, acknowledged: u64, context: &str) -> u64 {
    verify(image, acknowledged).unwrap_or_else(|err| panic!("{context}: {err}"))
}

#[derive(Debug, Default)]
struct Tally {
    cuts: u64,
    /// Cuts with changes not yet fsynced, and cuts that brought back rows not acknowledged.
    unsettled: u64,
    unacknowledged: u64,
    /// Cuts that lost acknowledged rows, and rows lost by all of them.
    lossy: u64,
    rows_lost: u64,
    corrupt: u64,
    commits: u64,
    /// Pages written to database files.
    checkpointed: u64,
}

/// A server in small: what its threads share.
struct Server<'a> {
    disk: &'a PowerCutDisk,
    path: &'a Path,
    sync: &'a str,
    /// Set once the tables are there.
    ready: AtomicBool,
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

impl Server<'_> {
    fn running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Returns the number of commits.
    fn write(&self, mut rng: SplitMix64) -> Result<u64> {
        let mut db = open_writer(self.disk, self.path, "wal", self.sync)?;
        self.ready.store(true, Ordering::Release);
        let (mut last, mut commits) = (0, 0);
        while self.running() {
            last = commit_batch(&mut db, last, &mut rng)?;
            self.acknowledged.store(last, Ordering::SeqCst);
            commits += 1;
        }
        Ok(commits)
    }

    fn open_second(&self) -> Result<Connection> {
        while !self.ready.load(Ordering::Acquire) && self.running() {
            thread::sleep(Duration::from_micros(100));
        }
        let db = self.disk.open(self.path)?;
        db.pragma_update(None, "synchronous", self.sync)?;
        Ok(db)
    }

    fn checkpoint(&self, mut rng: SplitMix64) -> Result {
        let db = self.open_second()?;
        while self.running() {
            let mode = ["PASSIVE", "RESTART", "TRUNCATE"][rng.below(3) as usize];
            let pragma = format!("PRAGMA wal_checkpoint({mode})");
            db.query_row(&pragma, [], |_| Ok(()))?;
            thread::sleep(Duration::from_micros(rng.below(4_000)));
        }
        Ok(())
    }

    fn read(&self) -> Result {
        let db = self.open_second()?;
        let mut before = 0;
        while self.running() {
            let now: i64 = db.query_row("SELECT id FROM last", [], |row| row.get(0))?;
            assert!(now >= before, "rows vanished without a power cut");
            before = now;
            thread::sleep(Duration::from_micros(300));
        }
        Ok(())
    }
}

/// A cut: what had been acknowledged before it, and what it left.
struct Shot {
    acknowledged: u64,
    unsettled: bool,
    mode: CutMode,
    image: DiskImage,
}

/// Runs a writer, a checkpointer and a reader, and lets the power fail again and again.
fn run_server(disk: &PowerCutDisk, sync: &str, cuts: u64, rng: &mut SplitMix64) -> Result<(u64, Vec<Shot>)> {
    let dir = tempfile::tempdir()?;
    let server = Server {
        disk,
        path: &dir.path().join(DB),
        sync,
        ready: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        acknowledged: AtomicU64::new(0),
    };
    thread::scope(|scope| {
        let write_rng = SplitMix64::new(rng.next_u64());
        let checkpoint_rng = SplitMix64::new(rng.next_u64());
        let writer = scope.spawn(|| server.write(write_rng));
        let checkpointer = scope.spawn(|| server.checkpoint(checkpoint_rng));
        let reader = scope.spawn(|| server.read());
        // Some servers are cut while still being set up, most only when at work.
        let set_up = rng.below(4) > 0;
        while set_up && !server.ready.load(Ordering::Acquire) && !writer.is_finished() {
            thread::sleep(Duration::from_micros(100));
        }
        let shots = (0..cuts)
            .map(|_| {
                thread::sleep(Duration::from_micros(rng.below(8_000)));
                // Before the cut: what is acknowledged after it need not be in the image.
                let acknowledged = server.acknowledged.load(Ordering::SeqCst);
                let frozen = disk.freeze();
                let mode = match rng.below(4) {
                    0 => CutMode::DropUnsynced,
                    _ => CutMode::Random,
                };
                Shot {
                    acknowledged,
                    unsettled: frozen.unsynced() > 0,
                    mode,
                    image: frozen.image(&mut rng.source(), mode),
                }
            })
            .collect();
        server.stop.store(true, Ordering::Relaxed);
        let commits = writer.join().expect("writer")?;
        checkpointer.join().expect("checkpointer")?;
        reader.join().expect("reader")?;
        Ok((commits, shots))
    })
}

/// Many cuts of some servers, each with a fresh database and an fsync of another speed.
fn storm(name: &str, sync: &str, cuts: u64, seed: u64) -> Result<Tally> {
    const CUTS_PER_SERVER: u64 = 10;
    let start = stopwatch();
    let mut tally = Tally::default();
    let mut rng = SplitMix64::new(seed);
    while tally.cuts < cuts {
        let disk = PowerCutDisk::register(&format!("{name}-{}", tally.cuts));
        disk.set_sync_delay(Duration::from_micros([0, 100, 500][rng.below(3) as usize]));
        let (commits, shots) = run_server(&disk, sync, CUTS_PER_SERVER, &mut rng)?;
        tally.commits += commits;
        tally.checkpointed += disk.stats().database.writes;
        for shot in shots {
            tally.cuts += 1;
            tally.unsettled += u64::from(shot.unsettled);
            let told = shot.acknowledged;
            let context = format!("cut {} ({:?})", tally.cuts, shot.mode);
            if sync == "full" {
                let rows = check(&shot.image, told, &context);
                tally.unacknowledged += u64::from(rows > told);
                continue;
            }
            match recovered(&shot.image) {
                Ok(rows) => {
                    tally.lossy += u64::from(rows < told);
                    tally.rows_lost += told.saturating_sub(rows);
                }
                Err(_) if sync == "off" => tally.corrupt += 1,
                Err(err) => panic!("{context}: {err}"),
            }
        }
    }
    // Were it otherwise, the cuts would all have hit a disk at rest.
    assert!(tally.unsettled > 0 && tally.checkpointed > 0, "{tally:?}");
    println!("synchronous={sync}: {tally:?} in {:?}", start.elapsed());
    Ok(tally)
}

#[test]
fn full_loses_nothing_acknowledged() -> Result {
    storm("storm-full", "full", cuts(), seed())?; // asserts it cut by cut
    Ok(())
}

#[test]
fn normal_loses_acknowledged_rows_but_is_consistent() -> Result {
    let tally = storm("storm-normal", "normal", cuts(), seed())?;
    assert!(tally.lossy > 0, "{tally:?}");
    Ok(())
}

#[test]
fn off_loses_acknowledged_rows() -> Result {
    let tally = storm("storm-off", "off", cuts(), seed())?;
    assert!(tally.lossy + tally.corrupt > 0, "{tally:?}");
    Ok(())
}

/// Cuts the power after every single operation of one thread, from the creation on.
fn every_moment(name: &str, journal: &str, sync: &str, batches: u64) -> Result {
    let seed = seed();
    let start = stopwatch();
    let dir = tempfile::tempdir()?;
    let disk = PowerCutDisk::register(name);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let images = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let (told, drawn) = (Arc::clone(&acknowledged), Arc::clone(&images));
    let failures = Arc::clone(&failed);
    let mut rng = SplitMix64::new(seed);
    let mut cut_rng = SplitMix64::new(rng.next_u64());
    disk.on_operation(move |op| {
        let told = told.load(Ordering::SeqCst);
        let frozen = op.freeze();
        let modes = [CutMode::DropUnsynced, CutMode::Random, CutMode::Random];
        for mode in &modes[..if frozen.unsynced() == 0 { 1 } else { 3 }] {
            let image = frozen.image(&mut cut_rng.source(), *mode);
            let context = format!("{mode:?} after {:?} {:?} {}", op.kind, op.file, op.number);
            if let Err(err) = verify(&image, told) {
                // Not a panic: it must not unwind into SQLite.
                failures.lock().unwrap().push(format!("{context}: {err}"));
            }
            drawn.fetch_add(1, Ordering::Relaxed);
        }
    });
    let path = dir.path().join(DB);
    let mut last = 0;
    for session in 0..3 {
        // Closing and opening again deletes the WAL and makes a new one.
        let mut db = open_writer(&disk, &path, journal, sync)?;
        for _ in 0..batches / 3 {
            last = commit_batch(&mut db, last, &mut rng)?;
            acknowledged.store(last, Ordering::SeqCst);
        }
        if session == 0 && journal == "wal" {
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
    }
    disk.stop_observing();
    let failed = failed.lock().unwrap();
    assert!(failed.is_empty(), "{} failures: {failed:#?}", failed.len());
    let images = images.load(Ordering::Relaxed);
    println!(
        "{journal}/{sync}: {last} rows, {images} images in {:?}",
        start.elapsed()
    );
    println!("{:?}", disk.stats());
    assert!(images > batches);
    Ok(())
}

#[test]
fn wal_survives_a_cut_at_every_moment() -> Result {
    every_moment("moments-wal", "wal", "full", 60)
}

#[test]
fn rollback_journal_survives_a_cut_at_every_moment() -> Result {
    // Only EXTRA syncs the directory after deleting the journal, which is the commit.
    every_moment("moments-journal", "delete", "extra", 30)
}

#[test]
fn writing_resumes_after_faults_on_the_same_connection() -> Result {
    let seed = seed();
    let mut rng = SplitMix64::new(seed);
    let dir = tempfile::tempdir()?;
    let disk = PowerCutDisk::register("faults");
    let mut db = open_writer(&disk, &dir.path().join(DB), "wal", "full")?;
    let mut last = 0;
    let mut failures = 0;
    for round in 0..45 {
        let fault = [Fault::Full, Fault::Io, Fault::Sync][round % 3];
        disk.fail_writes_after(rng.below(60), fault);
        let error = (0..100)
            .find_map(|_| match commit_batch(&mut db, last, &mut rng) {
                Ok(end) => {
                    last = end;
                    None
                }
                Err(err) => Some(err),
            })
            .expect("the fault shows");
        let code = error.sqlite_error_code();
        match fault {
            Fault::Full => {
                let expected = [Some(ErrorCode::DiskFull), Some(ErrorCode::SystemIoFailure)];
                assert!(expected.contains(&code), "{error}");
            }
            _ => assert_eq!(code, Some(ErrorCode::SystemIoFailure), "{error}"),
        }
        // Reading goes on while writing fails, and shows what was acknowledged.
        let seen: i64 = db.query_row("SELECT id FROM last", [], |row| row.get(0))?;
        assert_eq!(seen as u64, last, "round {round}");
        assert!(commit_batch(&mut db, last, &mut rng).is_err());
        let image = disk.cut(&mut rng.source(), CutMode::Random);
        check(&image, last, &format!("round {round}, failing: {fault:?}"));

        disk.heal();
        for _ in 0..rng.below(12) {
            last = commit_batch(&mut db, last, &mut rng)?;
        }
        for mode in [CutMode::DropUnsynced, CutMode::Random, CutMode::KeepUnsynced] {
            let image = disk.cut(&mut rng.source(), mode);
            check(&image, last, &format!("round {round}, healed: {fault:?}, {mode:?}"));
        }
        failures += 1;
    }
    println!("{failures} faults, {last} rows, {:?}", disk.stats());
    Ok(())
}

#[test]
fn commits_go_on_while_only_checkpoints_fail() -> Result {
    let mut rng = SplitMix64::new(seed());
    let dir = tempfile::tempdir()?;
    let disk = PowerCutDisk::register("checkpoint-faults");
    let mut db = open_writer(&disk, &dir.path().join(DB), "wal", "full")?;
    disk.fail_writes_to(FileKind::Database, Fault::Full);
    let mut last = 0;
    for _ in 0..100 {
        last = commit_batch(&mut db, last, &mut rng)?;
    }
    assert!(disk.stats().refused > 0);
    check(&disk.cut(&mut rng.source(), CutMode::Random), last, "no checkpoint yet");
    disk.heal();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    check(&disk.cut(&mut rng.source(), CutMode::DropUnsynced), last, "healed");
    Ok(())
}

#[test]
fn disks_are_independent_and_names_are_given_back() -> Result {
    let (here, there) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let one = PowerCutDisk::register("twin-1");
    let two = PowerCutDisk::register("twin-2");
    let mut rng = SplitMix64::new(seed());
    let mut first = open_writer(&one, &here.path().join(DB), "wal", "full")?;
    let mut second = open_writer(&two, &there.path().join(DB), "wal", "full")?;
    two.fail_writes(Fault::Full);
    let last = commit_batch(&mut first, 0, &mut rng)?;
    assert!(commit_batch(&mut second, 0, &mut rng).is_err());
    check(&one.cut(&mut rng.source(), CutMode::DropUnsynced), last, "one");
    assert_eq!(recovered(&two.cut(&mut rng.source(), CutMode::KeepUnsynced))?, 0);

    // A connection outlives its disk; the name is free at once.
    drop(one);
    commit_batch(&mut first, last, &mut rng)?;
    assert!(
        Connection::open_with_flags_and_vfs(here.path().join(DB), rusqlite::OpenFlags::default(), "twin-1").is_err()
    );
    drop(first);
    let again = PowerCutDisk::register("twin-1");
    // What was there before counts as being on disk.
    let db = again.open(here.path().join(DB))?;
    let rows: i64 = db.query_row("SELECT id FROM last", [], |row| row.get(0))?;
    assert!(rows as u64 > last);
    assert_eq!(
        recovered(&again.cut(&mut rng.source(), CutMode::DropUnsynced))?,
        rows as u64
    );
    Ok(())
}

#[test]
fn memory_mapping_stays_off() -> Result {
    let dir = tempfile::tempdir()?;
    let disk = PowerCutDisk::register("no-mmap");
    let db = disk.open(dir.path().join(DB))?;
    let size: i64 = db.query_row("PRAGMA mmap_size = 1000000", [], |row| row.get(0))?;
    assert_eq!(size, 0);
    Ok(())
}
