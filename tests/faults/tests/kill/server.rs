//! The real binary as a process of its own, on a data directory that outlives it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use samband_core::Stopwatch;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::http::PATIENCE;

/// SAMBAND_BIN, or the binary built beside this test.
pub fn binary() -> PathBuf {
    let built = || {
        let test = std::env::current_exe().expect("a path");
        Some(test.parent()?.parent()?.join("samband"))
    };
    let path = std::env::var_os("SAMBAND_BIN").map(PathBuf::from).or_else(built);
    let path = path.expect("a directory above the test");
    assert!(
        path.exists(),
        "no samband binary: run `cargo build --release -p samband` first, or set SAMBAND_BIN"
    );
    path
}

pub struct Server {
    pub address: SocketAddr,
    pub admin_token: String,
    pub resource: String,
    /// Killed when dropped.
    child: Child,
    log: PathBuf,
}

/// A process that may not have come up yet.
pub fn spawn(data: &Path, log: &Path) -> Child {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SAMBAND") {
            command.env_remove(name);
        }
    }
    let log = File::options().create(true).append(true).open(log).expect("a log");
    command
        .args([
            "dev",
            "--listen",
            "127.0.0.1:0",
            "--http-listen",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs")
}

impl Server {
    pub async fn start(data: &Path, log: &Path) -> Self {
        let mut child = spawn(data, log);
        let watch = Stopwatch::start();
        loop {
            // A file of an earlier process may still be there.
            let info: Value = std::fs::read(data.join("server.json"))
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default();
            let ended = child.try_wait().expect("a child");
            if let Some(status) = ended {
                panic!("the server ended with {status}: {}", said(log));
            }
            if info["pid"].as_u64() == child.id().map(u64::from) {
                let text = |key: &str| info[key].as_str().expect(key).to_owned();
                let address = text("httpEndpoint");
                let address = address.strip_prefix("http://").expect("http");
                return Self {
                    address: address.parse().expect("an address"),
                    admin_token: text("adminToken"),
                    resource: text("resourceName"),
                    child,
                    log: log.to_owned(),
                };
            }
            assert!(watch.elapsed() < PATIENCE, "the server does not come up: {}", said(log));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// SIGKILL: it learns nothing of it.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// SIGTERM: it may finish what is under way.
    pub async fn terminate(mut self) -> ExitStatus {
        let told = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status();
        assert!(told.await.expect("kill runs").success());
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("it does not end: {}", said(&self.log)))
            .expect("a child")
    }
}

/// The last lines of a server's log.
pub fn said(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
