//! A crowd held for a long time with messages flowing: nobody is lost, nothing is missed, and the
//! server's memory stays what it is.

use std::time::Duration;

use anyhow::{Result, ensure};
use samband_core::Stopwatch;

use super::{Kind, Stage};
use crate::bench::Bench;
use crate::crowd::Crowd;
use crate::crowd::board::Board;
use crate::crowd::post::Measure;
use crate::drive::Sample;
use crate::report::Report;
use crate::{machine, progress};

/// Between messages.
const EVERY: Duration = Duration::from_millis(500);
const SAMPLES: Duration = Duration::from_secs(1);

pub async fn soak(bench: &Bench, report: &mut Report) -> Result<()> {
    let size = bench.options.crowd();
    // One run for all protocols would need as many sockets for each: they take turns.
    for kind in (Stage::set(bench, report, &[size]).await?).kinds(bench) {
        let wanted = bench.options.listener.is_some() || !kind.tls();
        if wanted {
            held(bench, report, kind, size).await?;
        }
    }
    Ok(())
}

async fn held(bench: &Bench, report: &mut Report, kind: Kind, size: usize) -> Result<()> {
    let stage = Stage::set(bench, report, &[size]).await?;
    let target = kind.target(&stage.server);
    let crowd = Crowd::connect(target, kind.manner(bench), stage.users(size)?).await?;
    let mut post = stage.post(bench, target, &crowd, 0, 0).await?;
    let server = &stage.server.child;
    let long = bench.options.soaked();
    let mut memory = Vec::new();

    let measure = Measure::open(&crowd.board, server)?;
    let sending = async {
        let watch = Stopwatch::start();
        let mut ticks = tokio::time::interval(EVERY);
        while watch.elapsed() < long {
            ticks.tick().await;
            post.send(Duration::ZERO).await?;
        }
        crowd.board.until(Board::all_received).await
    };
    let watching = async {
        let watch = Stopwatch::start();
        let mut ticks = tokio::time::interval(SAMPLES);
        loop {
            ticks.tick().await;
            let resident = machine::resident(server.id())?;
            memory.push(resident);
            progress::say(&format!(
                "soak, {}: {:.0} of {:.0} s, {} deliveries, {:.1} MB",
                kind.name(),
                watch.elapsed().as_secs_f64(),
                long.as_secs_f64(),
                crowd.board.deliveries.get(),
                resident as f64 / 1e6
            ));
        }
    };
    tokio::select! {
        sent = sending => sent?,
        watched = watching => return watched,
        lost = crowd.board.until(|_| false) => lost?,
    }
    let sample = measure.close(&crowd.board, server)?;
    let (sent, expected) = (crowd.board.sent(), crowd.board.sent() * size as u64);
    ensure!(
        sample.ops == expected && crowd.board.connected.get() == size,
        "{} of {expected} deliveries came",
        sample.ops
    );
    tell(report, &format!("soak, {}", kind.name()), size, sent, &sample, &memory);
    crowd.leave().await;
    Ok(())
}

fn tell(report: &mut Report, name: &str, size: usize, sent: u64, sample: &Sample, memory: &[u64]) {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let (last, most) = (memory.last().copied(), memory.iter().copied().max());
    // After a minute all is in place; a short run has only its beginning.
    let settled = match memory.get(60) {
        Some(bytes) => ("after a minute", Some(*bytes)),
        None => ("at the beginning", memory.first().copied()),
    };
    for (what, bytes) in [settled, ("at the end", last), ("at most", most)] {
        report.megabytes(&format!("{name}: resident {what}"), mb(bytes.unwrap_or(0)), None);
    }
    report.note(format!(
        "{name}: {sent} messages to {size} clients in {:.0} s, {} deliveries, all in order, no client lost",
        sample.used.wall.as_secs_f64(),
        sample.ops
    ));
    report.figure(&format!("{name}: CPU of a delivery"), sample.cpu_us(), "µs", None);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    report.figure(&format!("{name}: to the last client, p50"), ms(sample.p50), "ms", None);
    report.figure(&format!("{name}: to the last client, p99"), ms(sample.p99), "ms", None);
}
