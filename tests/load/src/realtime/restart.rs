//! The server is killed under its connected clients and started again: how long until all are
//! connected and have received a message that was sent after.

use anyhow::Result;
use samband_core::Stopwatch;

use super::Stage;
use crate::bench::Bench;
use crate::crowd::{Crowd, Manner};
use crate::drive::percentile;
use crate::progress;
use crate::report::{Moment, Report};

pub async fn restart(bench: &Bench, report: &mut Report) -> Result<()> {
    let size = bench.options.crowd();
    let mut stage = Stage::set(bench, report, &[size]).await?;
    for kind in stage.kinds(bench) {
        let target = kind.target(&stage.server).clone();
        let manner = Manner {
            comes_again: true,
            ..kind.manner(bench)
        };
        let crowd = Crowd::connect(&target, manner, stage.users(size)?).await?;
        let board = crowd.board.clone();
        stage.post(bench, &target, &crowd, 0, 0).await?.send_to_all().await?;
        board.joins.take();
        let (lost, failed, busy) = (board.lost.get(), board.failed.get(), board.busy.get());

        // All try again at the same time.
        crowd.all_at_once();
        progress::say(&format!("restart, {}: killed", kind.name()));
        let watch = Stopwatch::start();
        stage.server.crash(bench).await?;
        let started = watch.elapsed();
        board.until(|board| board.lost.get() - lost >= size as u64).await?;
        crowd.all_connected().await?;
        let connected = watch.elapsed();
        stage.post(bench, &target, &crowd, 0, 0).await?.send_to_all().await?;
        let whole = watch.elapsed();

        let name = format!("restart, {size} clients, {}", kind.name());
        let mut joins = board.joins.take();
        joins.sort_unstable();
        let mut moment = |what: &str, took| report.moment(Moment::median(&format!("{name}: {what}"), vec![took], None));
        moment("server ready", started);
        moment("half connected", percentile(&joins, 0.5));
        moment("99% connected", percentile(&joins, 0.99));
        moment("all connected", connected);
        moment("all received a message", whole);
        report.note(format!(
            "{name}: {} connections lost, {} tries answered with 503, {} failed, the last by: {}",
            board.lost.get() - lost,
            board.busy.get() - busy,
            board.failed.get() - failed,
            board.why_failed.borrow()
        ));
        crowd.leave().await;
    }
    Ok(())
}
