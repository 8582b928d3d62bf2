//! Cuts the power under the real store with the real chat on it, and holds what is left against
//! what had been acknowledged.
//!
//! SAMBAND_FAULTS_CUTS sets the number of cuts of each test, SAMBAND_FAULTS_IMAGES that of the
//! images drawn at each, SAMBAND_FAULTS_SEED repeats the choices of a run, though not the timing
//! of its threads. A failing test prints its seed and leaves the image behind.

#![cfg(unix)]

#[path = "power_cut/audit.rs"]
mod audit;
#[path = "power_cut/world.rs"]
mod world;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit::{Certain, examine};
use samband_core::Stopwatch;
use samband_faults::ledger::Findings;
use samband_faults::{CutMode, DiskImage, Fault, FileKind, Frozen, PowerCutDisk, SplitMix64};
use samband_store::sqlite::Synchronous;
use tokio::runtime::Runtime;
use world::{Moment, PATIENCE, World, open};

fn seed() -> u64 {
    let seed = SplitMix64::seed_from_env("SAMBAND_FAULTS_SEED");
    println!("SAMBAND_FAULTS_SEED={seed}"); // shown by the test harness on failure
    seed
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

fn cuts(default: u64) -> u64 {
    setting("SAMBAND_FAULTS_CUTS", default)
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}

#[derive(Debug, Default)]
struct Tally {
    cuts: u64,
    images: u64,
    /// Cuts while there were changes not yet flushed.
    unsettled: u64,
    /// Messages asked of all images, and those that were there without having been acknowledged.
    required: usize,
    unacknowledged: usize,
    /// Images that had lost something acknowledged, how much that was, and those that were broken.
    lossy: u64,
    lost: usize,
    broken: u64,
    /// Acknowledgements, pages copied back by checkpoints, and how often the log began anew.
    told: usize,
    checkpointed: u64,
    log_restarts: u32,
}

impl Tally {
    /// Draws images of a moment and examines them; all must be clean if `strict`.
    async fn add(&mut self, world: &World, moment: Moment, rng: &mut SplitMix64, strict: bool) {
        self.cuts += 1;
        let certain = Arc::new(Certain {
            expected: world.ledger.expected(moment.told, moment.asked),
            place: moment.place,
        });
        let unsettled = moment.frozen.unsynced() > 0;
        self.unsettled += u64::from(unsettled);
        let images = match unsettled {
            true => setting("SAMBAND_FAULTS_IMAGES", 3),
            false => 1,
        };
        let mut examined = tokio::task::JoinSet::new();
        for index in 0..images {
            let mode = match index {
                0 if rng.below(3) == 0 => CutMode::DropUnsynced,
                1 if rng.below(10) == 0 => CutMode::KeepUnsynced,
                _ => CutMode::Random,
            };
            let image = moment.frozen.image(&mut rng.source(), mode);
            let (wanted, twice) = (certain.clone(), rng.below(8) == 0);
            examined.spawn(async move {
                let findings = examine(&image, &wanted, twice).await;
                (findings, image, mode)
            });
            // Two cores, two images at a time.
            if examined.len() == 2
                && let Some(done) = examined.join_next().await
            {
                self.count(done.expect("examined"), &certain, strict);
            }
        }
        while let Some(done) = examined.join_next().await {
            self.count(done.expect("examined"), &certain, strict);
        }
    }

    fn count(&mut self, (findings, image, mode): (Findings, DiskImage, CutMode), certain: &Certain, strict: bool) {
        self.images += 1;
        self.required += certain.expected.required();
        self.unacknowledged += findings.messages - findings.acknowledged.min(findings.messages);
        self.lossy += u64::from(!findings.lost.is_empty());
        self.lost += findings.lost.len();
        self.broken += u64::from(!findings.wrong.is_empty());
        if strict && !findings.is_clean() {
            let kept = tempfile::tempdir().expect("a directory").keep();
            image.write_to(&kept).expect("written");
            let shown = |what: &[String]| what.iter().take(5).cloned().collect::<Vec<_>>().join("\n  ");
            panic!(
                "cut {}, {mode:?}, image in {}\n{} lost:\n  {}\n{} wrong:\n  {}",
                self.cuts,
                kept.display(),
                findings.lost.len(),
                shown(&findings.lost),
                findings.wrong.len(),
                shown(&findings.wrong),
            );
        }
    }
}

/// How often the write-ahead log began anew: SQLite counts it in the log's header (bytes 12 to 16,
/// https://sqlite.org/fileformat2.html#walformat). The first log is number 0.
fn log_restarts(dir: &Path) -> u32 {
    let log = std::fs::read(dir.join("samband.db-wal")).unwrap_or_default();
    log.get(12..16).map_or(0, |number| {
        u32::from_be_bytes([number[0], number[1], number[2], number[3]])
    })
}

/// The disk after each operation from now until it is no longer observed.
fn moments(disk: &PowerCutDisk) -> Arc<Mutex<Vec<Frozen>>> {
    let seen: Arc<Mutex<Vec<Frozen>>> = Arc::default();
    let frozen = seen.clone();
    disk.on_operation(move |operation| frozen.lock().expect("whole").push(operation.freeze()));
    seen
}

/// Many cuts of some stores, each with a disk of another speed.
async fn storm(name: &str, synchronous: Synchronous, cuts: u64) -> Tally {
    const CUTS_PER_STORE: u64 = 12;
    let watch = Stopwatch::start();
    let mut rng = SplitMix64::new(seed());
    let strict = synchronous == Synchronous::Full;
    let mut tally = Tally::default();
    while tally.cuts < cuts {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = PowerCutDisk::register(&format!("{name}-{}", tally.cuts));
        let world = World::furnished(&disk, dir.path(), synchronous).await;
        disk.set_sync_delay(Duration::from_micros([0, 100, 500][rng.below(3) as usize]));
        let traffic = world.start(true, &mut rng);
        for _ in 0..CUTS_PER_STORE.min(cuts - tally.cuts) {
            // The wall clock is free to jump.
            world.clock.advance(rng.below(20_000) as i64 - 5_000);
            let moment = match rng.below(2) {
                0 => {
                    tokio::time::sleep(Duration::from_micros(rng.below(60_000))).await;
                    world.now()
                }
                _ => world.after_operations(1 + rng.below(3_000)).await,
            };
            let _paused = world.pause().await;
            tally.add(&world, moment, &mut rng, strict).await;
        }
        traffic.stop().await;
        tally.told += world.ledger.since(0).told;
        tally.checkpointed += disk.stats().database.writes;
        tally.log_restarts += log_restarts(dir.path());
        world.store.close().await;
    }
    println!("{synchronous:?}: {tally:?} in {:?}", watch.elapsed());
    // Were it otherwise, the cuts would not have met what they are to meet.
    assert!(
        tally.unsettled > 0 && tally.checkpointed > 0 && tally.log_restarts > 0,
        "{tally:?}"
    );
    tally
}

#[test]
fn nothing_acknowledged_is_lost() {
    // Asserts it image by image.
    let tally = runtime().block_on(storm("store-full", Synchronous::Full, cuts(48)));
    assert!(tally.required > 0 && tally.unacknowledged > 0, "{tally:?}");
}

/// The proof of the test before: it sees what a store that flushes later loses.
#[test]
fn a_store_that_flushes_at_checkpoints_alone_is_seen_to_lose() {
    let tally = runtime().block_on(storm("store-normal", Synchronous::Normal, cuts(18)));
    assert!(tally.lossy > 0 && tally.lost > 0, "{tally:?}");
    assert_eq!(tally.broken, 0, "what is left is whole: {tally:?}");
}

#[test]
fn a_store_that_never_flushes_is_seen_to_lose() {
    let tally = runtime().block_on(storm("store-off", Synchronous::Off, cuts(18)));
    assert!(tally.lossy > 0, "{tally:?}");
}

/// From the creation of the database on, after every single operation.
#[test]
fn the_power_may_fail_at_any_moment_of_a_store_s_first_life() {
    let mut rng = SplitMix64::new(seed());
    let watch = Stopwatch::start();
    runtime().block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = PowerCutDisk::register("store-first-life");
        let before = moments(&disk);
        let opened = open(&disk, dir.path(), Synchronous::Full).expect("opens");
        disk.stop_observing();
        let world = World::new(&disk, opened);
        // Nothing was acknowledged while it was opened, but all of it can be opened again.
        let mut moments: Vec<Moment> = before
            .lock()
            .expect("whole")
            .drain(..)
            .map(|frozen| world.moment(|| frozen))
            .collect();

        let since: Arc<Mutex<Vec<Moment>>> = Arc::default();
        let (seen, observed) = (since.clone(), Arc::downgrade(&world));
        disk.on_operation(move |operation| {
            if let Some(world) = observed.upgrade() {
                seen.lock().expect("whole").push(world.moment(|| operation.freeze()));
            }
        });
        world.furnish(3).await;
        world.work(25, &mut rng).await;
        disk.stop_observing();
        moments.append(&mut since.lock().expect("whole"));
        let mut tally = Tally::default();
        for moment in moments {
            tally.add(&world, moment, &mut rng, true).await;
        }
        world.store.close().await;
        println!("{tally:?} in {:?}", watch.elapsed());
        assert!(tally.cuts > 200 && tally.unsettled > 0, "{tally:?}");
    });
}

/// Senders meet a disk that fails; nothing is acknowledged until it is well again, and then
/// everything is, without opening the store anew.
#[test]
fn a_failing_disk_is_said_to_fail_until_it_is_well_again() {
    let mut rng = SplitMix64::new(seed());
    let watch = Stopwatch::start();
    runtime().block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = PowerCutDisk::register("store-faults");
        let world = World::furnished(&disk, dir.path(), Synchronous::Full).await;
        let mut tally = Tally::default();
        let mut refused = 0;
        let traffic = world.start(true, &mut rng);
        for round in 0..cuts(6) {
            let fault = [Fault::Full, Fault::Io, Fault::Sync][round as usize % 3];
            assert_eq!(world.store.health().await, Ok(()), "round {round}");
            let begun = world.ledger.mark();
            disk.fail_writes_after(rng.below(400), fault);
            world.until(begun, 0, 1).await;

            // Everything under way is answered. What is asked from now on fails, all of it.
            drop(world.pause().await);
            let failing = world.ledger.mark();
            world.until(failing, 0, 100).await;
            let paused = world.pause().await;
            let counts = world.ledger.since(failing);
            assert_eq!(
                counts.told, 0,
                "round {round}, {fault:?}: acknowledged by a failing disk"
            );
            refused += counts.failed;
            let health = tokio::time::timeout(PATIENCE, world.store.health()).await;
            let reason = health.expect("an answer").expect_err("a failing disk is not well");
            assert!(!reason.is_empty());
            tally.add(&world, world.now(), &mut rng, true).await;

            disk.heal();
            let health = tokio::time::timeout(PATIENCE, world.store.health()).await;
            assert_eq!(health.expect("an answer"), Ok(()), "round {round}, {fault:?}");
            let healed = world.ledger.mark();
            drop(paused);
            world.until(healed, 500 + rng.below(3_000) as usize, 0).await;
            let moment = world.now();
            let _paused = world.pause().await;
            let counts = world.ledger.since(healed);
            assert_eq!(
                counts.failed, 0,
                "round {round}, {fault:?}: refused by a disk that is well"
            );
            tally.add(&world, moment, &mut rng, true).await;
        }
        traffic.stop().await;
        tally.told = world.ledger.since(0).told;
        println!("{refused} refused, {tally:?} in {:?}", watch.elapsed());
        world.store.close().await;
    });
}

/// The log can be written and the database cannot: commits go on, and are safe.
#[test]
fn commits_go_on_while_checkpoints_fail() {
    let mut rng = SplitMix64::new(seed());
    runtime().block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = PowerCutDisk::register("store-checkpoints");
        let world = World::furnished(&disk, dir.path(), Synchronous::Full).await;
        let mut tally = Tally::default();
        for fault in [Fault::Full, Fault::Sync] {
            let traffic = world.start(true, &mut rng);
            let begun = world.ledger.mark();
            let (before, restarts) = (disk.stats(), log_restarts(dir.path()));
            disk.fail_writes_to(FileKind::Database, fault);
            while disk.stats().refused < before.refused + 3 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            world.until(world.ledger.mark(), 1_000, 0).await;
            let moment = world.now();
            let paused = world.pause().await;
            assert_eq!(world.ledger.since(begun).failed, 0);
            assert_eq!(world.store.health().await, Ok(()));
            tally.add(&world, moment, &mut rng, true).await;

            disk.heal();
            drop(paused);
            // Until the log begins anew it has everything. From then on the database must have what the
            // failing checkpoints had copied, also what the kernel had given up.
            while log_restarts(dir.path()) == restarts {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            world.until(world.ledger.mark(), 1_000, 0).await;
            let moment = world.now();
            let paused = world.pause().await;
            tally.add(&world, moment, &mut rng, true).await;
            drop(paused);
            traffic.stop().await;
        }
        println!("{tally:?}");
        world.store.close().await;
    });
}

/// After a failed flush the kernel takes the pages that it could not write for written, and shows
/// them to whoever reads the file: what is built on them is lost with them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// The store goes on, with readers beside its writer.
    Readers,
    /// The store goes on; its writer had the only connection.
    WriterAlone,
    /// The process is started again.
    Restart,
}

async fn after_a_failed_flush(name: &str, after: After) {
    let mut rng = SplitMix64::new(seed());
    let mut tally = Tally::default();
    for round in 0..cuts(24) / 4 {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = PowerCutDisk::register(&format!("{name}-{round}"));
        let mut world = World::furnished(&disk, dir.path(), Synchronous::Full).await;
        let reading = after != After::WriterAlone;
        if !reading {
            world.store.close().await;
            world = world.reopened(dir.path());
        }
        let mark = world.ledger.mark();
        let traffic = world.start(reading, &mut rng);
        world.until(mark, 50 + rng.below(100) as usize, 0).await;
        disk.fail_writes([Fault::Sync, Fault::Full, Fault::Io][round as usize % 3]);
        world.until(mark, 0, 1).await;
        traffic.stop().await;
        if after == After::Restart {
            world.store.close().await;
            disk.heal();
            // The power may fail again while the store comes up.
            let (opening, told) = (moments(&disk), world.ledger.mark());
            world = world.reopened(dir.path());
            disk.stop_observing();
            let opening: Vec<_> = opening.lock().expect("whole").drain(..).collect();
            if !opening.is_empty() {
                let chosen = rng.below(opening.len() as u64) as usize;
                let moment = world.moment(|| opening[chosen].clone());
                assert_eq!(moment.told, told);
                tally.add(&world, moment, &mut rng, true).await;
            }
        }
        disk.heal();
        let healed = world.ledger.mark();
        let traffic = world.start(reading, &mut rng);
        for _ in 0..4 {
            world.until(healed, 1, 0).await;
            let moment = world.after_operations(1 + rng.below(100)).await;
            let _paused = world.pause().await;
            tally.add(&world, moment, &mut rng, true).await;
        }
        traffic.stop().await;
        world.store.close().await;
    }
    println!("{tally:?}");
}

#[test]
fn nothing_is_lost_after_a_failed_flush() {
    runtime().block_on(after_a_failed_flush("store-flush", After::Readers));
}

#[test]
fn nothing_is_lost_after_a_failed_flush_of_the_only_connection() {
    runtime().block_on(after_a_failed_flush("store-flush-alone", After::WriterAlone));
}

#[test]
fn nothing_is_lost_after_a_failed_flush_and_a_restart() {
    runtime().block_on(after_a_failed_flush("store-flush-restart", After::Restart));
}

/// A change is answered even if the database cannot be opened at all.
#[test]
fn a_medium_that_is_gone_is_unavailable_until_it_is_back() {
    let mut rng = SplitMix64::new(seed());
    runtime().block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let (here, away) = (dir.path().join("here"), dir.path().join("away"));
        let disk = PowerCutDisk::register("store-gone");
        let world = World::furnished(&disk, &here, Synchronous::Full).await;
        disk.fail_writes(Fault::Io);
        let traffic = world.start(false, &mut rng);
        world.until(0, 0, 1).await;
        std::fs::rename(&here, &away).expect("moved");
        let gone = world.ledger.mark();
        world.until(gone, 0, 200).await;
        let health = tokio::time::timeout(PATIENCE, world.store.health()).await;
        assert!(health.expect("an answer").is_err());

        let paused = world.pause().await;
        std::fs::rename(&away, &here).expect("moved back");
        disk.heal();
        let back = world.ledger.mark();
        drop(paused);
        world.until(back, 500, 0).await;
        assert_eq!(world.store.health().await, Ok(()));
        traffic.stop().await;
        assert_eq!(world.ledger.since(back).failed, 0);
        let mut tally = Tally::default();
        tally.add(&world, world.now(), &mut rng, true).await;
        world.store.close().await;
    });
}
