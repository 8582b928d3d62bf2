//! The load tool: how many sends, pages, users and deliveries a core of the server gives, beside the
//! floor that the same stack reaches without doing anything.

mod args;
mod bench;
mod budget;
mod child;
mod crowd;
mod drive;
mod floor;
mod floor_sockets;
mod http;
mod machine;
mod progress;
mod realtime;
mod report;
mod scenarios;
mod store_floor;
mod versions;
mod wire;
mod world;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use args::{Cli, Command};
use bench::Bench;
use clap::Parser;
use report::Report;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::clear();
            eprintln!("samband-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    // One crypto provider for the whole process.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        bail!("a crypto provider was installed twice");
    }
    match cli.command {
        // The servers' side: a runtime as the server's own, on the cores that the parent gave.
        Command::FloorServer(args) => server_runtime()?.block_on(floor::serve(args)),
        Command::StoreFloor(ref args) if args.data.is_some() => {
            server_runtime()?.block_on(store_floor::run(args, cli.options.measured()))
        }
        command => {
            let bench = Bench::new(cli.options)?;
            bench.cores.pin_self()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            // Connected clients share what they know without locks: they never leave this thread.
            let tasks = tokio::task::LocalSet::new();
            let report = runtime.block_on(tasks.run_until(until_told(&bench, &command)))?;
            progress::clear();
            print!("{}", report.text());
            if let Some(file) = &bench.options.json {
                let json = serde_json::to_vec_pretty(&report)?;
                std::fs::write(file, json).with_context(|| format!("writing {}", file.display()))?;
            }
            Ok(())
        }
    }
}

fn server_runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Ends early on a signal or at the time limit; children and directories go with what is dropped.
async fn until_told(bench: &Bench, command: &Command) -> Result<Report> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        report = dispatch(bench, command) => report,
        () = tokio::time::sleep(bench.options.limit()) => bail!("the time limit of the run is over"),
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn dispatch(bench: &Bench, command: &Command) -> Result<Report> {
    let mut report = Report::new(bench);
    let all = matches!(command, Command::All);
    if all || matches!(command, Command::Start) {
        scenarios::start(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Memory) {
        scenarios::memory(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Sends) {
        scenarios::sends(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Hot) {
        scenarios::hot(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Threads) {
        scenarios::threads(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Pages) {
        scenarios::pages(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Users) {
        scenarios::users(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Versions) {
        versions::versions(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Budget | Command::StoreFloor(_)) {
        budget::budget(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Fanout) {
        realtime::fanout::fanout(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Idle) {
        realtime::idle::idle(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Connects) {
        realtime::connects::connects(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Restart) {
        realtime::restart::restart(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Large) {
        realtime::large::large(bench, &mut report).await?;
    }
    if all || matches!(command, Command::Soak) {
        realtime::soak::soak(bench, &mut report).await?;
    }
    if matches!(command, Command::Prepare) {
        scenarios::prepare(bench, &mut report).await?;
    }
    Ok(report)
}
