//! `samband migrate store`: everything from one store to another.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use samband_core::{Stopwatch, SystemClock};
use samband_server::config::Log;
use samband_server::rooms;
use samband_store::transfer::{self, Compared, Halt, Progress, Side, Transfer, Work};
use samband_store::{Store, postgres, sqlite};
use serde_json::json;

use crate::args::{MigrateStoreArgs, StoreUrl};
use crate::logs;

pub async fn store(args: MigrateStoreArgs) -> Result<ExitCode> {
    logs::start(&Log {
        level: "warn".to_owned(),
        format: "text".to_owned(),
    })?;
    if same_place(&args.from, &args.to) {
        bail!("source and destination are the same");
    }
    if !args.force {
        let sides: &[_] = match args.dry_run {
            true => &[(Side::Source, &args.from)],
            false => &[(Side::Source, &args.from), (Side::Destination, &args.to)],
        };
        for (side, url) in sides {
            refuse_if_in_use(*side, url).await?;
        }
    }
    let from = open(Side::Source, &args.from).await?;
    let outcome = match args.dry_run {
        true => dry_run(&from, args.output.json).await,
        false => match open(Side::Destination, &args.to).await {
            Ok(to) => {
                let outcome = run(&from, &to, args.output.json).await;
                to.close().await;
                outcome
            }
            Err(error) => Err(error),
        },
    };
    from.close().await;
    outcome
}

fn same_place(from: &StoreUrl, to: &StoreUrl) -> bool {
    match (from, to) {
        (StoreUrl::Sqlite(from), StoreUrl::Sqlite(to)) => match (from.canonicalize(), to.canonicalize()) {
            (Ok(from), Ok(to)) => from == to,
            // What is not there yet is not the other.
            _ => false,
        },
        (from, to) => from == to,
    }
}

/// The embedded store's directory has a lock; a database has none, but tells who is connected.
async fn refuse_if_in_use(side: Side, url: &StoreUrl) -> Result<()> {
    let StoreUrl::Postgres(url) = url else { return Ok(()) };
    let mut others = Vec::new();
    for _ in 0..4 {
        others = postgres::others(url)
            .await
            .with_context(|| format!("looking at the {side}"))?;
        if others.is_empty() {
            return Ok(());
        }
        // Those of a node that has just stopped are about to go.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!(
        "the {side} is in use by samband (connections from {}); stop its nodes, or give --force",
        others.join(", ")
    )
}

async fn open(side: Side, url: &StoreUrl) -> Result<Store> {
    let migrations = rooms::migrations();
    let opened = match url {
        StoreUrl::Sqlite(directory) => {
            if side == Side::Source && !sqlite::is_in(directory) {
                bail!("there is no store in {}", directory.display());
            }
            let options = sqlite::Options::in_directory(directory);
            Store::open_sqlite(options, &migrations, Arc::new(SystemClock))
        }
        StoreUrl::Postgres(url) => {
            let options = postgres::Options {
                lanes: 1,
                readers: 2,
                existing: side == Side::Source,
                ..postgres::Options::at(url)
            };
            Store::open_postgres(options, &migrations, Arc::new(|_| {})).await
        }
    };
    opened.with_context(|| format!("opening the {side}"))
}

async fn dry_run(from: &Store, as_json: bool) -> Result<ExitCode> {
    let counts = transfer::count(from, rooms::TABLES).await?;
    let total: u64 = counts.iter().map(|(_, rows)| rows).sum();
    if as_json {
        let tables: Vec<_> = counts
            .iter()
            .map(|(name, rows)| json!({ "name": name, "rows": rows }))
            .collect();
        println!("{}", json!({ "dryRun": true, "rows": total, "tables": tables }));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:16}  {:>12}", "TABLE", "ROWS");
    for (name, rows) in counts {
        println!("{name:16}  {rows:12}");
    }
    println!("{:16}  {total:12}", "all");
    Ok(ExitCode::SUCCESS)
}

async fn run(from: &Store, to: &Store, as_json: bool) -> Result<ExitCode> {
    let transfer = Transfer::begin(from.clone(), to.clone(), rooms::TABLES).await?;
    let there: u64 = sum(&transfer.counts(Side::Destination).await?);
    let total = sum(&transfer.counts(Side::Source).await?);
    if there > 0 {
        eprintln!("Going on with a transfer that was begun: {there} of {total} rows are there.");
    }

    let mut shown = Shown::new(total);
    let watch = Stopwatch::start();
    transfer.copy(|progress| shown.tell(progress)).await?;
    let copying = watch.elapsed().as_secs_f64();
    shown.end();

    let mut shown = Shown::new(total);
    let watch = Stopwatch::start();
    let compared = transfer.verify(|progress| shown.tell(progress)).await?;
    let verifying = watch.elapsed().as_secs_f64();
    shown.end();

    let verified = compared.iter().all(Compared::is_same);
    if verified {
        transfer.finish().await?;
    }
    let copied = total.saturating_sub(there);
    let rate = (copied as f64 / copying.max(0.001)).round();
    if as_json {
        let tables: Vec<_> = compared.iter().map(as_value).collect();
        let result = json!({
            "verified": verified, "rows": total, "copied": copied, "tables": tables,
            "copySeconds": copying, "verifySeconds": verifying,
        });
        println!("{result}");
    } else {
        println!("{:16}  {:>12}  {:16}  OK", "TABLE", "ROWS", "CHECKSUM");
        for table in &compared {
            let Compared {
                table: name, source, ..
            } = table;
            let ok = if table.is_same() { "yes" } else { "NO" };
            println!("{name:16}  {:12}  {:016x}  {ok}", source.rows, source.checksum);
        }
        println!("Copied {copied} rows in {copying:.1} s ({rate} rows/s), compared {total} in {verifying:.1} s.");
    }
    if verified {
        return Ok(ExitCode::SUCCESS);
    }
    for table in compared.iter().filter(|table| !table.is_same()) {
        let Compared {
            table,
            source,
            destination,
        } = table;
        eprintln!(
            "samband: {table} differs: {} rows, checksum {:016x} in the source; {} rows, checksum {:016x} in the \
             destination",
            source.rows, source.checksum, destination.rows, destination.checksum
        );
    }
    eprintln!(
        "samband: the destination is not what the source is, and no server starts on it. \
         If the source was in use meanwhile, stop that; then begin anew with an empty destination."
    );
    Ok(ExitCode::FAILURE)
}

fn sum(counts: &[(&'static str, u64)]) -> u64 {
    counts.iter().map(|(_, rows)| rows).sum()
}

fn as_value(table: &Compared) -> serde_json::Value {
    json!({
        "name": table.table,
        "ok": table.is_same(),
        "rows": table.source.rows,
        "checksum": format!("{:016x}", table.source.checksum),
        "destinationRows": table.destination.rows,
        "destinationChecksum": format!("{:016x}", table.destination.checksum),
    })
}

/// A bar on a terminal, else a line for each table.
struct Shown {
    bar: Option<ProgressBar>,
    /// Rows of the tables that are done.
    done: u64,
}

impl Shown {
    fn new(total: u64) -> Self {
        let style = ProgressStyle::with_template(
            "{msg:24} {wide_bar} {human_pos}/{human_len} rows  {per_sec}  {eta_precise} left",
        );
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, done: 0 }
    }

    fn tell(&mut self, progress: Progress) -> Halt {
        let (doing, did) = match progress.work {
            Work::Copying => ("copying", "Copied"),
            Work::Verifying => ("comparing", "Compared"),
        };
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("{doing} {}", progress.table));
                bar.set_position(self.done + progress.rows);
            }
            None if progress.whole => eprintln!("{did} {}: {} rows.", progress.table, progress.rows),
            None => {}
        }
        if progress.whole {
            self.done += progress.rows;
        }
        Halt::Continue(())
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
