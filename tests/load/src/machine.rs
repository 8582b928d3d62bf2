//! The machine: which core does what, and what a process has used of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use samband_core::Stopwatch;
use serde::{Deserialize, Serialize};

/// The kernel's clock tick in `/proc`: 100 a second on every architecture that Linux still runs on.
const TICK: Duration = Duration::from_millis(10);

/// One core for the server and one for the load; none where the machine has only one.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    pub server: Option<usize>,
    pub load: Option<usize>,
}

impl Cores {
    pub fn choose(server: Option<usize>, load: Option<usize>) -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("the cores of this process")?;
        let cores: Vec<_> = (0..CpuSet::count())
            .filter(|core| allowed.is_set(*core).unwrap_or(false))
            .collect();
        Ok(match cores.as_slice() {
            [first, .., last] => Self {
                server: Some(server.unwrap_or(*last)),
                load: Some(load.unwrap_or(*first)),
            },
            _ => Self {
                server: None,
                load: None,
            },
        })
    }

    pub fn pin_self(&self) -> Result<()> {
        match set_of(self.load)? {
            Some(set) => sched_setaffinity(Pid::from_raw(0), &set).context("taking a core"),
            None => Ok(()),
        }
    }
}

pub fn set_of(core: Option<usize>) -> Result<Option<CpuSet>> {
    let Some(core) = core else { return Ok(None) };
    let mut set = CpuSet::new();
    set.set(core).context("there is no such core")?;
    Ok(Some(set))
}

/// What a process has used up to a moment.
struct Totals {
    cpu: Duration,
    kernel: Duration,
    user: Duration,
    written: u64,
    threads: BTreeMap<String, Duration>,
    core_busy: Option<Duration>,
}

/// What a process used in a window.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Used {
    pub wall: Duration,
    pub cpu: Duration,
    /// Of the time in ticks, the part in the kernel.
    pub kernel_share: f64,
    pub written: u64,
    /// CPU of the threads of each name.
    pub threads: BTreeMap<String, Duration>,
    /// What everybody else used of the process's core, of 1: how quiet the machine was.
    pub others: Option<f64>,
}

pub struct Window {
    pid: u32,
    core: Option<usize>,
    start: Totals,
    watch: Stopwatch,
}

impl Window {
    pub fn open(pid: u32, core: Option<usize>) -> Result<Self> {
        Ok(Self {
            pid,
            core,
            start: totals(pid, core)?,
            watch: Stopwatch::start(),
        })
    }

    pub fn close(self) -> Result<Used> {
        let wall = self.watch.elapsed();
        let end = totals(self.pid, self.core)?;
        let cpu = end.cpu.saturating_sub(self.start.cpu);
        let kernel = end.kernel.saturating_sub(self.start.kernel).as_secs_f64();
        let user = end.user.saturating_sub(self.start.user).as_secs_f64();
        let before = |name: &String| self.start.threads.get(name).copied().unwrap_or_default();
        let threads = end
            .threads
            .iter()
            .map(|(name, used)| (name.clone(), used.saturating_sub(before(name))))
            .collect();
        let others = match (end.core_busy, self.start.core_busy) {
            (Some(end), Some(start)) => {
                Some((end.saturating_sub(start).saturating_sub(cpu)).as_secs_f64() / wall.as_secs_f64())
            }
            _ => None,
        };
        Ok(Used {
            wall,
            cpu,
            kernel_share: if kernel + user > 0.0 {
                kernel / (kernel + user)
            } else {
                0.0
            },
            written: end.written.saturating_sub(self.start.written),
            threads,
            others,
        })
    }
}

fn totals(pid: u32, core: Option<usize>) -> Result<Totals> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid as i32)).context("the process's CPU clock")?;
    let cpu = clock_gettime(clock).context("the process's CPU time")?;
    let stat = read(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything: fields are counted behind it.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| {
        let ticks = fields.get(at).and_then(|field| field.parse::<u32>().ok());
        TICK * ticks.unwrap_or_default()
    };
    Ok(Totals {
        cpu: cpu.into(),
        user: ticks(11),
        kernel: ticks(12),
        written: field(&read(format!("/proc/{pid}/io"))?, "write_bytes:"),
        threads: threads(pid)?,
        core_busy: core.map(core_busy).transpose()?,
    })
}

fn threads(pid: u32) -> Result<BTreeMap<String, Duration>> {
    let mut threads = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        // A thread may end while we look.
        let (Ok(name), Ok(times)) = (read(task.join("comm")), read(task.join("schedstat"))) else {
            continue;
        };
        let ns = times.split_whitespace().next().and_then(|ns| ns.parse().ok());
        *threads.entry(name.trim().to_owned()).or_default() += Duration::from_nanos(ns.unwrap_or(0));
    }
    Ok(threads)
}

/// All but idle and waiting for the disk.
fn core_busy(core: usize) -> Result<Duration> {
    let stat = read("/proc/stat")?;
    let name = format!("cpu{core} ");
    let line = stat.lines().find(|line| line.starts_with(&name)).unwrap_or_default();
    let ticks: Vec<u32> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    Ok(match ticks.as_slice() {
        [user, nice, system, _idle, _wait, irq, softirq, steal, ..] => {
            TICK * (user + nice + system + irq + softirq + steal)
        }
        _ => Duration::ZERO,
    })
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    Ok(field(&read(format!("/proc/{pid}/status"))?, "VmRSS:") * 1024)
}

/// Of it, what the process allocated itself.
pub fn resident_own(pid: u32) -> Result<u64> {
    Ok(field(&read(format!("/proc/{pid}/status"))?, "RssAnon:") * 1024)
}

/// Processor and kernel, for the report.
pub fn description() -> String {
    let info = read("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
