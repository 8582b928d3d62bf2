//! What a connected client costs in memory while it hears nothing: fresh, and after it has heard a
//! message, for buffers that have grown may stay.

use std::time::Duration;

use anyhow::Result;

use super::{Kind, Stage};
use crate::bench::Bench;
use crate::child::{Child, Floor};
use crate::crowd::Crowd;
use crate::report::Report;
use crate::{machine, progress};

pub async fn idle(bench: &Bench, report: &mut Report) -> Result<()> {
    let size = bench.options.crowd();
    for kind in (Stage::set(bench, report, &[size]).await?).kinds(bench) {
        // A server of its own for each: an allocator keeps what it had.
        let stage = Stage::set(bench, report, &[size]).await?;
        let aim = if kind.tls() { 45.0 } else { 20.0 };
        let (target, manner) = (kind.target(&stage.server), kind.manner(bench));
        let child = &stage.server.child;
        let before = settled(bench, child).await?;
        let crowd = Crowd::connect(target, manner, stage.users(size)?).await?;
        let fresh = grown(bench, kind, child, before, &crowd).await?;
        stage.post(bench, target, &crowd, 0, 0).await?.send_to_all().await?;
        let warm = grown(bench, kind, child, before, &crowd).await?;
        crowd.leave().await;

        let floor = Floor::start(bench, 0)?;
        let before = settled(bench, &floor.child).await?;
        let crowd = Crowd::connect(kind.floor_target(&floor), kind.floor_manner(), stage.users(size)?).await?;
        let floor = grown(bench, kind, &floor.child, before, &crowd).await?;
        crowd.leave().await;

        let name = format!("{size} idle clients, {}", kind.name());
        report.figure(&format!("{name}: each"), fresh, "KiB", Some(aim));
        report.figure(&format!("{name}: after a message"), warm, "KiB", Some(aim));
        report.figure(&format!("{name}: floor"), floor, "KiB", None);
    }
    Ok(())
}

/// Resident memory by which a server has grown, for each client, in KiB.
async fn grown(bench: &Bench, kind: Kind, server: &Child, before: u64, crowd: &Crowd) -> Result<f64> {
    progress::say(&format!("idle, {}: {} clients settle", kind.name(), crowd.size));
    let after = settled(bench, server).await?;
    crowd.board.check()?;
    Ok(after.saturating_sub(before) as f64 / 1024.0 / crowd.size as f64)
}

/// Once the server has given back what it does not need: the allocator does so with a delay.
async fn settled(bench: &Bench, server: &Child) -> Result<u64> {
    let settle = if bench.options.short { 200 } else { 5_000 };
    tokio::time::sleep(Duration::from_millis(settle)).await;
    machine::resident(server.id())
}
