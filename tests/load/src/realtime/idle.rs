//! What a connected client costs in memory while it hears nothing.

use std::time::Duration;

use anyhow::Result;

use super::{Kind, Stage};
use crate::bench::Bench;
use crate::child::{Child, Floor};
use crate::crowd::{Crowd, Manner};
use crate::http::Target;
use crate::report::Report;
use crate::world::User;
use crate::{machine, progress};

pub async fn idle(bench: &Bench, report: &mut Report) -> Result<()> {
    let size = bench.options.crowd();
    for kind in (Stage::set(bench, report, &[size]).await?).kinds(bench) {
        // A server of its own for each: an allocator keeps what it had.
        let stage = Stage::set(bench, report, &[size]).await?;
        let aim = if kind.tls() { 45.0 } else { 20.0 };
        let (target, manner) = (kind.target(&stage.server), kind.manner(bench));
        let server = connected(bench, kind, &stage.server.child, target, manner, stage.users(size)?).await?;
        let floor = Floor::start(bench, 0)?;
        let (target, manner) = (kind.floor_target(&floor), kind.floor_manner());
        let floor = connected(bench, kind, &floor.child, target, manner, stage.users(size)?).await?;
        let name = kind.name();
        report.figure(&format!("{size} idle clients, {name}: each"), server, "KiB", Some(aim));
        report.figure(&format!("{size} idle clients, {name}: floor"), floor, "KiB", None);
    }
    Ok(())
}

/// Resident memory by which the server grows, for each client.
async fn connected(
    bench: &Bench,
    kind: Kind,
    server: &Child,
    target: &Target,
    manner: Manner,
    users: &[User],
) -> Result<f64> {
    let before = settled(bench, server).await?;
    let crowd = Crowd::connect(target, manner, users).await?;
    progress::say(&format!("idle, {}: {} clients settle", kind.name(), users.len()));
    let after = settled(bench, server).await?;
    crowd.board.check()?;
    crowd.leave().await;
    Ok(after.saturating_sub(before) as f64 / 1024.0 / users.len() as f64)
}

/// Once the server has given back what it does not need: the allocator does so with a delay.
async fn settled(bench: &Bench, server: &Child) -> Result<u64> {
    let settle = if bench.options.short { 500 } else { 5_000 };
    tokio::time::sleep(Duration::from_millis(settle)).await;
    machine::resident(server.id())
}
