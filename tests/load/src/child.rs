//! The servers under load: child processes on a core of their own that end with this tool, however
//! it ends.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sched::sched_setaffinity;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use samband_core::Stopwatch;
use samband_server::ServerInfo;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::bench::Bench;
use crate::http::Target;
use crate::machine;

const PATIENCE: Duration = Duration::from_secs(20);
/// A free port of loopback.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A process that is ended, in order if it can be, when this goes out of scope.
pub struct Child {
    process: std::process::Child,
    core: Option<usize>,
}

impl Child {
    pub fn spawn(mut command: Command, core: Option<usize>) -> Result<Self> {
        let set = machine::set_of(core)?;
        let prepare = move || {
            if let Some(set) = &set {
                sched_setaffinity(Pid::from_raw(0), set)?;
            }
            set_parent_death_signal();
            Ok(())
        };
        // SAFETY: between fork and exec only two system calls are made; nothing is allocated.
        unsafe { command.pre_exec(prepare) };
        let process = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { process, core })
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn core(&self) -> Option<usize> {
        self.core
    }

    /// Whether it has ended by itself.
    fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().context("killing a child")?;
        self.process.wait()?;
        Ok(())
    }

    /// Tells it to end and waits; kills it if it does not.
    pub fn stop(&mut self) {
        let pid = Pid::from_raw(self.process.id() as i32);
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = kill(pid, Signal::SIGTERM);
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Even if this tool is killed, its servers are not left behind.
fn set_parent_death_signal() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
}

/// A samband server with its data.
pub struct Server {
    pub child: Child,
    pub plain: Target,
    pub tls: Target,
    pub info: ServerInfo,
    pub data: PathBuf,
    _temporary: Option<TempDir>,
}

impl Server {
    /// On a new data directory that goes with it.
    pub async fn fresh(bench: &Bench) -> Result<Self> {
        Self::fresh_with(bench, &[]).await
    }

    /// The same, for clients who all connect at once: what it costs is measured, not how they are held back.
    pub async fn for_crowds(bench: &Bench) -> Result<Self> {
        Self::fresh_with(bench, &[("SAMBAND__REALTIME__CONNECTS_PER_SECOND", "0")]).await
    }

    async fn fresh_with(bench: &Bench, settings: &[(&str, &str)]) -> Result<Self> {
        let temporary = bench.directory()?;
        let data = temporary.path().join("data");
        let mut server = Self::listening(bench, &data, ANY, ANY, settings).await?;
        server._temporary = Some(temporary);
        Ok(server)
    }

    pub async fn on(bench: &Bench, data: &Path) -> Result<Self> {
        Self::listening(bench, data, ANY, ANY, &[]).await
    }

    /// Kills the server, and starts it again on the same data and the same ports, with no other settings
    /// than it has by itself.
    pub async fn crash(&mut self, bench: &Bench) -> Result<()> {
        self.child.kill()?;
        let (tls, plain) = (self.tls.address, self.plain.address);
        let again = Self::listening(bench, &self.data, tls, plain, &[]).await?;
        self.child = again.child;
        self.info = again.info;
        Ok(())
    }

    async fn listening(
        bench: &Bench,
        data: &Path,
        tls: SocketAddr,
        plain: SocketAddr,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let file = data.join("server.json");
        let _ = std::fs::remove_file(&file);
        std::fs::create_dir_all(data).with_context(|| format!("creating {}", data.display()))?;
        let log = data.join("load.log");
        let mut command = Command::new(&bench.samband);
        command
            .args(["dev", "--listen", &tls.to_string()])
            .args(["--http-listen", &plain.to_string(), "--data"])
            .arg(data)
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let mut child = Child::spawn(command, bench.cores.server)?;
        let watch = Stopwatch::start();
        let info: ServerInfo = loop {
            if let Ok(text) = std::fs::read(&file) {
                break serde_json::from_slice(&text).context("reading server.json")?;
            }
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = child.ended()? {
                bail!("the server ended with {status}: {}", said());
            }
            if watch.elapsed() > PATIENCE {
                bail!("the server was not ready in {PATIENCE:?}: {}", said());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let plain = Target::plain(address(info.http_endpoint.as_deref().unwrap_or_default())?);
        let ca = info.ca_file.clone().context("the server has no CA")?;
        let tls = Target::tls(address(&info.endpoint)?, &ca)?;
        Ok(Self {
            child,
            plain,
            tls,
            info,
            data: data.to_owned(),
            _temporary: None,
        })
    }

    /// Ends the process and keeps the data.
    pub fn into_data(mut self) -> (PathBuf, Option<TempDir>) {
        self.child.stop();
        (self.data.clone(), self._temporary.take())
    }
}

fn address(url: &str) -> Result<SocketAddr> {
    let authority = url.rsplit("//").next().unwrap_or_default();
    authority.parse().with_context(|| format!("'{url}' is no address"))
}

/// What the floor server says once it listens.
#[derive(Serialize, Deserialize)]
pub struct FloorInfo {
    pub plain: SocketAddr,
    pub tls: SocketAddr,
}

/// The same stack with an echo in it.
pub struct Floor {
    pub child: Child,
    pub plain: Target,
    pub tls: Target,
    _directory: TempDir,
}

impl Floor {
    pub fn start(bench: &Bench, page_bytes: usize) -> Result<Self> {
        let directory = bench.directory()?;
        let certificate = directory.path().join("floor.pem");
        let mut command = this_binary();
        command
            .arg("floor-server")
            .arg("--certificate")
            .arg(&certificate)
            .args(["--page-bytes", &page_bytes.to_string()])
            .stdout(Stdio::piped());
        let mut child = Child::spawn(command, bench.cores.server)?;
        let mut line = String::new();
        if let Some(out) = child.process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let info: FloorInfo = serde_json::from_str(&line).context("the floor server did not start")?;
        Ok(Self {
            child,
            plain: Target::plain(info.plain),
            tls: Target::tls(info.tls, &certificate)?,
            _directory: directory,
        })
    }
}

/// This binary again; by this name even if another build has taken its place.
pub fn this_binary() -> Command {
    Command::new("/proc/self/exe")
}

/// Runs a child to its end and reads what it printed.
pub async fn output_of(mut command: Command, core: Option<usize>) -> Result<String> {
    command.stdout(Stdio::piped());
    let mut child = Child::spawn(command, core)?;
    let out = child.process.stdout.take();
    loop {
        if let Some(status) = child.ended()? {
            let text = out.map(std::io::read_to_string).transpose()?.unwrap_or_default();
            if !status.success() {
                bail!("a child of this tool ended with {status}");
            }
            return Ok(text);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
