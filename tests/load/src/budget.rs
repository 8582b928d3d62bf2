//! Where the time of a send goes: the parts that can be told apart from outside.

use std::rc::Rc;

use anyhow::{Context, Result};

use crate::bench::{Bench, median};
use crate::child::{Floor, Server};
use crate::drive::Sample;
use crate::report::{Part, Report};
use crate::store_floor;
use crate::world::World;

const CLIENTS: usize = 64;

pub async fn budget(bench: &Bench, report: &mut Report) -> Result<()> {
    let server = Server::fresh(bench).await?;
    let floor = Floor::start(bench, 0)?;
    let mut world = World::create(&server, CLIENTS).await?;
    let sends = world.sends(&server.plain.address.to_string());
    let scripts: Vec<_> = sends.into_iter().map(|send| Rc::new(vec![send])).collect();
    let plain = bench.compare("budget", &floor, &server, false, &scripts).await?;
    let tls = bench.compare("budget, TLS", &floor, &server, true, &scripts).await?;
    drop(floor);
    let sent: u64 = plain.server.iter().chain(&tls.server).map(|sample| sample.ops).sum();
    world.messages = sent;
    world.save(&server.data)?;
    let (data, _temporary) = server.into_data();

    let mut stored = Vec::new();
    for _ in 0..bench.options.repeat() {
        stored.push(store_floor::measure(bench, &data, CLIENTS).await?);
    }
    stored.sort_by(|a, b| a.cpu_us().total_cmp(&b.cpu_us()));
    let stored = stored
        .get((stored.len() - 1) / 2)
        .context("the store was not measured")?;

    let (floor, send) = (median(&plain.floor)?, median(&plain.server)?);
    let (floor_tls, send_tls) = (median(&tls.floor)?, median(&tls.server)?);
    let store_thread = |name: &str| per_op(stored.used.threads.get(name), stored.ops);
    let store_rest = stored.cpu_us() - store_thread("samband-writer") - store_thread("samband-wal");
    let mut part = |what: &str, us: f64, design: &'static str| report.part(Part::new(what, us, design));

    part(
        "floor: kernel, HTTP, JSON in and out",
        floor.cpu_us(),
        "17-20 (kernel 9-11, HTTP 5-6, JSON 3)",
    );
    part(
        "  of it in the kernel",
        floor.cpu_us() * floor.used.kernel_share,
        "9-11",
    );
    part("TLS, at the floor", floor_tls.cpu_us() - floor.cpu_us(), "3-4");
    part(
        "storage alone, no HTTP",
        stored.cpu_us(),
        "21-24 (SQLite 18-21, queue and wake 3)",
    );
    part(
        "  writer thread (transaction, flush)",
        store_thread("samband-writer"),
        "18-21",
    );
    part("  checkpoints beside it", store_thread("samband-wal"), "");
    part("  senders' side: queue, wake, document", store_rest, "3");
    part(
        "the rest: token, limits, routing, ids, metrics",
        send.cpu_us() - floor.cpu_us() - stored.cpu_us(),
        "3",
    );
    part("a send", send.cpu_us(), "45-52 with TLS");
    part("  runtime threads", thread(send, "tokio"), "");
    part("  writer thread", thread(send, "samband-writer"), "");
    part("  checkpoints beside it", thread(send, "samband-wal"), "");
    part("  in the kernel", send.cpu_us() * send.used.kernel_share, "");
    part("a send over TLS", send_tls.cpu_us(), "45-52");
    report.note(format!(
        "budget: {CLIENTS} senders; {:.0} bytes written for a message by the server, {:.0} by the store alone",
        send.used.written as f64 / send.ops as f64,
        stored.used.written as f64 / stored.ops.max(1) as f64
    ));
    report.note("budget: the server's process alone; what the kernel does for it elsewhere (interrupts, the file system's journal) is in 'others'".into());
    Ok(())
}

/// Microseconds for an operation by the threads whose name begins so.
fn thread(sample: &Sample, name: &str) -> f64 {
    let named = sample
        .used
        .threads
        .iter()
        .filter(|(thread, _)| thread.starts_with(name));
    named.map(|(_, used)| per_op(Some(used), sample.ops)).sum()
}

fn per_op(used: Option<&std::time::Duration>, ops: u64) -> f64 {
    used.map_or(0.0, |used| used.as_secs_f64() * 1e6 / ops.max(1) as f64)
}
