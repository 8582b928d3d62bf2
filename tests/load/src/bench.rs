//! What all scenarios share: the options, the cores, the binary, and the way of measuring a server
//! beside the floor.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::args::Options;
use crate::child::{Child, Floor, Server};
use crate::drive::{self, Sample, Script};
use crate::http::Target;
use crate::machine::Cores;
use crate::progress;

pub struct Bench {
    pub options: Options,
    pub cores: Cores,
    /// A copy: another build may replace the original while we run.
    pub samband: PathBuf,
    root: TempDir,
}

/// The same requests on the floor and on the server, by turns.
pub struct Compared {
    pub floor: Vec<Sample>,
    pub server: Vec<Sample>,
}

/// Above this part of the server's core in others' hands a measurement says little.
const QUIET: f64 = 0.1;

/// The middle one by CPU for an operation, of two the better; of those taken in quiet, if any were.
pub fn median(samples: &[Sample]) -> Result<&Sample> {
    let quiet = |sample: &&Sample| sample.used.others.is_none_or(|others| others <= QUIET);
    let mut sorted: Vec<_> = samples.iter().filter(quiet).collect();
    if sorted.is_empty() {
        sorted = samples.iter().collect();
    }
    sorted.sort_by(|a, b| a.cpu_us().total_cmp(&b.cpu_us()));
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().context("nothing was measured")
}

impl Bench {
    pub fn new(options: Options) -> Result<Self> {
        let original = match &options.samband {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("samband"),
        };
        ensure!(
            original.exists(),
            "there is no {}: build it with 'cargo build --release', or name one with --samband",
            original.display()
        );
        let root = tempfile::Builder::new()
            .prefix("samband-load-")
            .tempdir_in(match &options.temp {
                Some(directory) => directory.clone(),
                None => std::env::temp_dir(),
            })?;
        let samband = root.path().join("samband");
        std::fs::copy(&original, &samband).with_context(|| format!("copying {}", original.display()))?;
        let cores = Cores::choose(options.server_core, options.load_core)?;
        Ok(Self {
            options,
            cores,
            samband,
            root,
        })
    }

    /// A directory that goes with its handle, or else with the run.
    pub fn directory(&self) -> Result<TempDir> {
        tempfile::tempdir_in(self.root.path()).context("a temporary directory")
    }

    pub async fn drive(&self, target: &Target, server: &Child, scripts: &[Script]) -> Result<Sample> {
        drive::drive(target, server, scripts, self.options.warmup(), self.options.measured()).await
    }

    pub async fn compare(
        &self,
        what: &str,
        floor: &Floor,
        server: &Server,
        tls: bool,
        scripts: &[Script],
    ) -> Result<Compared> {
        let (floor_target, target) = if tls {
            (&floor.tls, &server.tls)
        } else {
            (&floor.plain, &server.plain)
        };
        let mut compared = Compared {
            floor: Vec::new(),
            server: Vec::new(),
        };
        for turn in 1..=self.options.repeat() {
            progress::say(&format!("{what}: floor, turn {turn}"));
            compared
                .floor
                .push(self.drive(floor_target, &floor.child, scripts).await?);
            progress::say(&format!("{what}: server, turn {turn}"));
            compared.server.push(self.drive(target, &server.child, scripts).await?);
        }
        Ok(compared)
    }
}
