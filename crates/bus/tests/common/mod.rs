//! A NATS server of the test's own, and what the tests say to it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use samband_bus::{Bus, Heard, Listener};
use samband_core::note::Kind;
use samband_core::{LogPosition, Millis, Note, ResourceId, Stamp, StreamId, UserId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

pub const SOON: Duration = Duration::from_secs(5);
/// Long enough for what should not come to have come.
pub const A_WHILE: Duration = Duration::from_millis(300);

pub struct Server {
    child: Option<Child>,
    pub port: u16,
    monitor: u16,
    more: Vec<String>,
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    let found = folders
        .iter()
        .map(|folder| folder.join("nats-server"))
        .find(|program| program.is_file());
    found.expect("nats-server is installed (Debian: apt-get install nats-server): these tests need one")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has an address").port()
}

impl Server {
    /// Not started yet.
    pub fn planned(more: &[&str]) -> Self {
        Self {
            child: None,
            port: free_port(),
            monitor: free_port(),
            more: more.iter().map(|argument| argument.to_string()).collect(),
        }
    }

    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(more: &[&str]) -> Self {
        let mut server = Self::planned(more);
        server.run().await;
        server
    }

    pub async fn run(&mut self) {
        let child = Command::new(program())
            .args([
                "-a",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-m",
                &self.monitor.to_string(),
            ])
            .args(&self.more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server starts");
        self.child = Some(child);
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("nats-server listens within 5 s");
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is ours to end");
            child.wait().expect("it has ended");
        }
    }

    /// Stops it for a while, or lets it go on.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let done = Command::new("kill")
            .args([signal, &pid])
            .status()
            .expect("kill is there");
        assert!(done.success());
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub async fn bus(&self, node: &str) -> Bus {
        let bus = Bus::nats(&self.url(), node).await.expect("a bus");
        assert_eq!(bus.health(), Ok(()));
        bus
    }

    /// A number of its monitoring.
    pub async fn figure(&self, name: &str) -> u64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.monitor))
            .await
            .expect("monitoring");
        let request = b"GET /varz HTTP/1.0\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.expect("it is asked");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("it answers");
        let (_, rest) = reply.split_once(&format!("\"{name}\": ")).expect("the figure is there");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Certificates and the like go here; gone with the test run's target folder.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

pub const RESOURCE: [u8; 16] = [7; 16];

pub fn resource() -> ResourceId {
    ResourceId::from_bytes(RESOURCE)
}

/// Threads of one number modulo 100 are in one bucket.
pub fn thread(n: u32) -> StreamId {
    let mut id = [9; 16];
    id[0..4].copy_from_slice(&n.to_be_bytes());
    (id[14], id[15]) = (0, (n % 100) as u8);
    StreamId(id)
}

pub fn user(n: u32) -> UserId {
    UserId::from_bytes(thread(n).0)
}

pub fn note(thread: StreamId, stamp: i64) -> Note {
    Note {
        resource: resource(),
        stream: thread,
        position: LogPosition(-stamp),
        stamp: Stamp(stamp),
        prev: Stamp(stamp - 1),
        at: Millis(1_700_000_000_000 + stamp),
        kind: Kind(3),
        actor: Some(Arc::from(*b"somebody")),
        about: Some(Stamp(stamp)),
        seq: Some(stamp),
        body: Arc::from(*b"what was said"),
    }
}

/// The next note; what else is heard before it is passed over.
pub async fn next_note(listener: &mut Listener) -> Arc<Note> {
    loop {
        if let Heard::Note(note) = next(listener).await {
            return note;
        }
    }
}

pub async fn next(listener: &mut Listener) -> Heard {
    let heard = timeout(SOON, listener.next()).await.expect("something is heard soon");
    heard.expect("the bus is there")
}

pub async fn missed(listener: &mut Listener) {
    let missed = async { while !matches!(listener.next().await.expect("the bus is there"), Heard::Missed(_)) {} };
    timeout(3 * SOON, missed)
        .await
        .expect("it is told that it missed something");
}

/// Nothing comes for a while.
pub async fn silence(listener: &mut Listener) {
    if let Ok(heard) = timeout(A_WHILE, listener.next()).await {
        panic!("heard {heard:?}");
    }
}

pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(3 * SOON, wait).await.unwrap_or_else(|_| panic!("{what}"));
}
