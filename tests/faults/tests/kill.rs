//! Ends the real server at random moments, by SIGKILL, by SIGTERM and by a full disk, and holds
//! what it lists after its next start against what it had acknowledged.
//!
//! The page cache survives a kill: that nothing is lost to a power cut is for power_cut.rs to show.
//!
//! SAMBAND_BIN names the binary, SAMBAND_FAULTS_KILLS the number of kills, SAMBAND_FAULTS_SEED
//! repeats the choices of a run, though not its timing. A failing test prints its seed.

#![cfg(unix)]

#[path = "kill/chat.rs"]
mod chat;
#[path = "kill/http.rs"]
mod http;
#[path = "kill/server.rs"]
mod server;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chat::Chat;
use http::{Client, PATIENCE};
use samband_core::Stopwatch;
use samband_faults::SplitMix64;
use server::{Server, said, spawn};

const SENDERS: u32 = 64;

fn rng() -> SplitMix64 {
    let seed = SplitMix64::seed_from_env("SAMBAND_FAULTS_SEED");
    println!("SAMBAND_FAULTS_SEED={seed}"); // shown by the test harness on failure
    SplitMix64::new(seed)
}

/// A data directory and, beside it, the log of the processes that use it.
struct Place {
    data: PathBuf,
    log: PathBuf,
    _directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self {
            data: directory.path().join("data"),
            log: directory.path().join("log"),
            _directory: directory,
        }
    }

    async fn start(&self) -> Server {
        Server::start(&self.data, &self.log).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_a_kill() {
    /// A new directory now and then, or listing would take longer and longer.
    const KILLS_PER_DIRECTORY: u64 = 10;
    let kills = std::env::var("SAMBAND_FAULTS_KILLS").map_or(3, |text| text.parse().expect("a number of kills"));
    let mut rng = rng();
    let watch = Stopwatch::start();
    let (mut done, mut early, mut told, mut unacknowledged) = (0, 0, 0, 0);
    while done < kills {
        let place = Place::new();
        let mut server = place.start().await;
        let chat = Arc::new(Chat::furnished(&server, SENDERS).await);
        for _ in 0..KILLS_PER_DIRECTORY.min(kills - done) {
            let traffic = chat.start(&server, 16 + rng.below(49) as u32, &mut rng);
            let mark = chat.ledger.mark();
            chat.until(mark, rng.below(3_000) as usize, 0).await;
            server.kill().await;
            // An acknowledgement that is read only now was sent before.
            traffic.ended().await;
            done += 1;
            // Some are killed again while they come up.
            while rng.below(3) == 0 {
                let mut starting = spawn(&place.data, &place.log);
                tokio::time::sleep(Duration::from_micros(rng.below(150_000))).await;
                starting.kill().await.expect("killed");
                early += 1;
            }
            server = place.start().await;
            let findings = chat.check(&server).await;
            unacknowledged += findings.messages - findings.acknowledged;
        }
        told += chat.ledger.since(0).told;
        server.kill().await;
    }
    println!(
        "{done} kills, {early} more at start, {told} acknowledged, {unacknowledged} stored without, in {:?}",
        watch.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_got_an_answer_before_an_orderly_end_is_stored() {
    let mut rng = rng();
    let place = Place::new();
    let mut server = place.start().await;
    let chat = Arc::new(Chat::furnished(&server, SENDERS).await);
    for _ in 0..3 {
        let mark = chat.ledger.mark();
        let traffic = chat.start(&server, SENDERS, &mut rng);
        chat.until(mark, 200 + rng.below(2_000) as usize, 0).await;
        let status = server.terminate().await;
        assert_eq!(status.code(), Some(0), "{}", said(&place.log));
        traffic.ended().await;
        let counts = chat.ledger.since(mark);
        assert_eq!(counts.failed, 0, "what it took it carried out: {counts:?}");
        assert!(!place.data.join("server.json").exists(), "it says that it is gone");
        server = place.start().await;
        chat.check(&server).await;
    }
    println!("{:?}", chat.ledger.since(0));
    server.kill().await;
}

#[tokio::test]
async fn a_data_directory_belongs_to_one_process() {
    let place = Place::new();
    let server = place.start().await;
    let info = std::fs::read(place.data.join("server.json")).expect("readable");
    let other_log = place.log.with_extension("other");
    let mut other = spawn(&place.data, &other_log);
    let ended = tokio::time::timeout(PATIENCE, other.wait()).await;
    let status = ended.expect("it gives up").expect("a child");
    assert_eq!(status.code(), Some(1));
    let said = said(&other_log);
    assert!(said.contains("is in use by another samband process"), "{said}");
    assert!(
        said.contains(&*place.data.to_string_lossy()),
        "it names the directory: {said}"
    );

    // The first one did not notice.
    assert_eq!(std::fs::read(place.data.join("server.json")).expect("readable"), info);
    let chat = Chat::furnished(&server, 1).await;
    assert_eq!(chat.send(&server).await.status, 201);
    chat.check(&server).await;
    server.kill().await;
    // The lock went with its process.
    let server = place.start().await;
    chat.check(&server).await;
    server.kill().await;
}

/// A file system of its own, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Result<Self, String> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "samband-faults"])
            .arg(at)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(at.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a file");
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is only just gone must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_survived() {
    let mut rng = rng();
    let directory = tempfile::tempdir().expect("a directory");
    let mount = directory.path().join("disk");
    std::fs::create_dir(&mount).expect("a directory");
    let disk = match SmallDisk::mount(&mount, "48m") {
        Ok(disk) => disk,
        Err(reason) => {
            // Past the harness, which keeps what passing tests print to itself.
            let _ = writeln!(std::io::stderr(), "SKIPPED: no file system can be mounted: {reason}");
            return;
        }
    };
    let (data, log) = (mount.join("data"), directory.path().join("log"));
    let server = Server::start(&data, &log).await;
    let chat = Arc::new(Chat::furnished(&server, SENDERS).await);
    let mut probe = Client::new(server.address);

    for round in 0..3 {
        let begun = chat.ledger.mark();
        let traffic = chat.start(&server, 16, &mut rng);
        chat.until(begun, rng.below(2_000) as usize, 0).await;
        let filler = disk.fill();
        chat.until(begun, 0, 300).await;
        traffic.stop().await;

        // The last free bytes of blocks that the log holds already may take a small message, or
        // the probe's own write; then it is over.
        let mut tries = 0;
        let refused = loop {
            let sent = chat.send(&server).await;
            let ready = probe.call("GET", "/readyz", "", None).await.expect("an answer");
            match (sent.status, ready.status) {
                (503, 503) => break sent,
                (201 | 503, 200 | 503) => tries += 1,
                other => panic!("{other:?}: {}", sent.text),
            }
            assert!(tries < 1_000, "a full disk takes everything");
        };
        assert_eq!(refused.json["error"]["code"], "ServiceUnavailable", "{}", refused.text);
        assert!(refused.json["error"]["message"].is_string(), "{}", refused.text);
        assert_eq!(refused.header("x-ms-error-code"), Some("ServiceUnavailable"));
        let wait = refused
            .header("retry-after")
            .and_then(|seconds| seconds.parse::<u64>().ok());
        assert!(wait.is_some(), "it says when to come again");
        let alive = probe.call("GET", "/livez", "", None).await.expect("an answer");
        assert_eq!(alive.status, 200);
        assert_eq!(chat.read(&server).await.status, 200, "reading needs no space");
        let failed = chat.ledger.since(begun).failed;

        std::fs::remove_file(filler).expect("removed");
        assert_eq!(
            chat.send(&server).await.status,
            201,
            "there is space again: {}",
            said(&log)
        );
        let ready = probe.call("GET", "/readyz", "", None).await.expect("an answer");
        assert_eq!(ready.status, 200, "{}", ready.text);
        let healed = chat.ledger.mark();
        let traffic = chat.start(&server, 16, &mut rng);
        chat.until(healed, 500, 0).await;
        traffic.stop().await;
        assert_eq!(chat.ledger.since(healed).failed, 0);
        let findings = chat.check(&server).await;
        println!("round {round}: {failed} refused, {tries} more tries, {findings:?}");
    }
    server.kill().await;
    let server = Server::start(&data, &log).await;
    chat.check(&server).await;
    server.kill().await;
}
