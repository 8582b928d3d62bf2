//! A PostgreSQL server for tests: Debian's, on loopback, with data that goes with the process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

pub struct PostgresServer {
    port: u16,
    directory: PathBuf,
    child: Child,
}

impl PostgresServer {
    /// The one server of all tests of this process, started when first asked for.
    pub fn of_this_process() -> &'static Self {
        static SERVER: OnceLock<PostgresServer> = OnceLock::new();
        SERVER.get_or_init(|| {
            // It is told to go when the thread that started it goes, so that is one which never does.
            let (started, server) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let _ = started.send(Self::start());
                loop {
                    std::thread::park();
                }
            });
            server.recv().expect("the thread starts a server")
        })
    }

    pub fn start() -> Self {
        let binaries = binaries();
        let directory = tempfile::Builder::new().prefix("samband-postgres-").tempdir();
        let directory = directory.expect("a temporary directory").keep();
        let data = directory.join("data");
        let root = is_root();
        if root {
            run(Command::new("chown").arg("postgres").arg(&directory));
        }
        let mut initdb = as_postgres(root, &binaries.join("initdb"));
        run(initdb
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data));
        let port = free_port();
        let mut server = as_postgres(root, &binaries.join("postgres"));
        server
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&directory)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
        for setting in [
            "max_connections=900",
            "shared_buffers=64MB",
            "log_min_messages=fatal",
            "checkpoint_timeout=1h",
        ] {
            server.args(["-c", setting]);
        }
        let child = server
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn();
        let server = Self {
            port,
            directory,
            child: child.expect("PostgreSQL starts"),
        };
        for _ in 0..300 {
            let ready = Command::new(binaries.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &server.port.to_string()])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return server;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not start within 15 s");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Debian keeps them out of the path, by version; the newest.
fn binaries() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max();
    newest.expect("PostgreSQL's server is not installed: apt-get install postgresql")
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}

/// PostgreSQL does not run as root. What is started ends with the thread that starts it.
fn as_postgres(root: bool, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.args(["--pdeathsig", "QUIT", "--"]).arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
