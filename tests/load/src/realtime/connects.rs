//! Clients who connect, 64 at a time: what one costs the server.

use anyhow::{Result, ensure};

use super::Stage;
use crate::bench::{Bench, Compared};
use crate::child::{Child, Floor};
use crate::crowd::post::Measure;
use crate::crowd::{Crowd, Manner};
use crate::drive::Sample;
use crate::http::Target;
use crate::progress;
use crate::report::{Report, Row};
use crate::world::User;

const AT_ONCE: usize = 64;

pub async fn connects(bench: &Bench, report: &mut Report) -> Result<()> {
    let size = bench.options.crowd();
    let stage = Stage::set(bench, report, &[size]).await?;
    let floor = Floor::start(bench, 0)?;
    for kind in stage.kinds(bench) {
        let mut compared = Compared {
            floor: Vec::new(),
            server: Vec::new(),
        };
        let users = stage.users(size)?;
        let mut busy = 0;
        for turn in 1..=bench.options.repeat() {
            progress::say(&format!("connects, {}, turn {turn}", kind.name()));
            let manner = |manner| Manner {
                at_once: AT_ONCE,
                ..manner
            };
            let (target, of_floor) = (kind.floor_target(&floor), manner(kind.floor_manner()));
            compared
                .floor
                .push(connected(&floor.child, target, of_floor, users).await?.0);
            let (target, of_server) = (kind.target(&stage.server), manner(kind.manner(bench)));
            let (sample, refused) = connected(&stage.server.child, target, of_server, users).await?;
            compared.server.push(sample);
            busy += refused;
        }
        let name = format!("connects, {}", kind.name());
        report.row(Row::new(&name, AT_ONCE, "connects", &compared)?);
        if busy > 0 {
            report.note(format!("{name}: {busy} answers of 503, each tried again"));
        }
    }
    report.note(format!(
        "connects: {size} clients; in signalling a TCP connection for allocation and handshake, another for the socket"
    ));
    Ok(())
}

async fn connected(server: &Child, target: &Target, manner: Manner, users: &[User]) -> Result<(Sample, u64)> {
    // The crowd before has gone; what is left of it is cleared away first.
    let measure = Measure::open_alone(server)?;
    let crowd = Crowd::connect(target, manner, users).await?;
    let took = crowd.board.joins.take();
    let sample = measure.sample(took.len() as u64, took, server)?;
    ensure!(sample.ops == users.len() as u64, "{} connected", sample.ops);
    let busy = crowd.board.busy.get();
    crowd.leave().await;
    Ok((sample, busy))
}
