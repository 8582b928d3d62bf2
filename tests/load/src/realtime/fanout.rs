//! Messages to a thread whose members are all connected: deliveries for the server's CPU when it has
//! all it can do, and the time to the last member when it has little.

use std::time::Duration;

use anyhow::Result;

use super::{Kind, Stage};
use crate::args::Options;
use crate::bench::{Bench, Compared};
use crate::child::{Child, Floor};
use crate::crowd::connect::Protocol;
use crate::crowd::post::{Post, flood, pace};
use crate::crowd::{Crowd, Manner};
use crate::drive::Sample;
use crate::http::Target;
use crate::report::{Aim, Report, Row};
use crate::{progress, wire};

pub async fn fanout(bench: &Bench, report: &mut Report) -> Result<()> {
    let sizes = bench.options.members();
    let stage = Stage::set(bench, report, &sizes).await?;
    let floor = Floor::start(bench, 0)?;
    for kind in stage.kinds(bench) {
        for (thread, members) in sizes.iter().copied().enumerate() {
            let (server, delivery) = on_server(bench, &stage, kind, thread, members).await?;
            let floor = on_floor(bench, &floor, kind, &stage, members, delivery).await?;
            rows(bench, report, kind, members, server, floor)?;
            report.note_once(&format!(
                "{}: {} bytes of text are a frame of {delivery}",
                kind.protocol.name(),
                bench.options.bytes
            ));
        }
    }
    report.note(format!(
        "fan-out xN: N messages on their way at the same time, of which a socket may get several in one write; p50 and \
         p99 are from send to the last receipt of a message; the floor writes as many bytes to as many sockets, \
         measured after the server{}",
        if bench.options.pings {
            "; a ping after each reply"
        } else {
            ""
        }
    ));
    Ok(())
}

/// The runs of one crowd.
struct Runs {
    /// For each window.
    flooded: Vec<Vec<Sample>>,
    paced: Sample,
}

async fn on_server(bench: &Bench, stage: &Stage, kind: Kind, thread: usize, members: usize) -> Result<(Runs, usize)> {
    let target = kind.target(&stage.server);
    let manner = Manner {
        lanes: lanes(bench),
        ..kind.manner(bench)
    };
    let crowd = Crowd::connect(target, manner, stage.users(members)?).await?;
    let mut posts = Vec::new();
    for lane in 0..lanes(bench) {
        posts.push(stage.post(bench, target, &crowd, thread, lane).await?);
    }
    let runs = runs(bench, &kind.name(), &crowd, &stage.server.child, posts).await?;
    let delivery = crowd.board.frame.get();
    crowd.leave().await;
    Ok((runs, delivery))
}

async fn on_floor(
    bench: &Bench,
    floor: &Floor,
    kind: Kind,
    stage: &Stage,
    members: usize,
    delivery: usize,
) -> Result<Runs> {
    let target: &Target = kind.floor_target(floor);
    let manner = Manner {
        lanes: lanes(bench),
        ..kind.floor_manner()
    };
    let crowd = Crowd::connect(target, manner, stage.users(members)?).await?;
    let request = wire::numbered_to_floor(&target.address.to_string(), bench.options.bytes, delivery);
    let mut posts = Vec::new();
    for lane in 0..lanes(bench) {
        posts.push(Post::open(target, &crowd, lane, request.clone()).await?);
    }
    let name = format!("{}: floor", kind.name());
    let runs = runs(bench, &name, &crowd, &floor.child, posts).await?;
    crowd.leave().await;
    Ok(runs)
}

/// Senders, for the largest window.
fn lanes(bench: &Bench) -> usize {
    bench.options.windows().into_iter().max().unwrap_or(1)
}

async fn runs(bench: &Bench, name: &str, crowd: &Crowd, server: &Child, mut posts: Vec<Post>) -> Result<Runs> {
    let options = &bench.options;
    let mut flooded = Vec::new();
    for window in options.windows() {
        let mut turns = Vec::new();
        for turn in 1..=options.repeat() {
            progress::say(&format!("{name}, {} members, x{window}, turn {turn}", crowd.size));
            turns.push(flood(crowd, server, &mut posts, window, options.warmup(), options.measured()).await?);
        }
        flooded.push(turns);
    }
    // Lanes come back in any order; one sender is enough here.
    let post = posts.first_mut().ok_or_else(|| anyhow::anyhow!("no sender"))?;
    let (every, count) = paces(options, crowd.size);
    progress::say(&format!("{name}, {} members, {count} messages paced", crowd.size));
    post.send_to_all().await?;
    let paced = pace(crowd, server, post, every, count).await?;
    Ok(Runs { flooded, paced })
}

/// How often, and how many: what leaves most of the server's core idle.
fn paces(options: &Options, members: usize) -> (Duration, u64) {
    let a_second = match members {
        0..=100 => 20,
        101..=1_000 => 5,
        _ => 1,
    };
    let count = (options.measured().as_secs_f64() * 5.0 * f64::from(a_second)) as u64;
    let count = if options.short { 3 } else { count.max(20) };
    (Duration::from_secs(1) / a_second, count)
}

fn rows(bench: &Bench, report: &mut Report, kind: Kind, members: usize, server: Runs, floor: Runs) -> Result<()> {
    let name = kind.name();
    let windows = bench.options.windows().into_iter();
    for ((window, server), floor) in windows.zip(server.flooded).zip(floor.flooded) {
        let compared = Compared { server, floor };
        let what = format!("fan-out x{window}, {name}");
        let mut row = Row::new(&what, members, "deliveries", &compared)?;
        // With few members it is the sends that cost.
        if members >= 100 {
            row.aim = Some(Aim::PerCoreSecond(match (kind.protocol, kind.tls()) {
                (Protocol::Signalling, false) => 70_000.0,
                (Protocol::Signalling, true) => 50_000.0,
                (_, false) => 150_000.0,
                (_, true) => 100_000.0,
            }));
        }
        report.row(row);
    }
    let compared = Compared {
        server: vec![server.paced],
        floor: vec![floor.paced],
    };
    let mut row = Row::new(&format!("paced, {name}"), members, "deliveries", &compared)?;
    row.aim = match members {
        100 => Some(Aim::P99Below(Duration::from_millis(5))),
        10_000 => Some(Aim::P99Below(Duration::from_millis(150))),
        _ => None,
    };
    report.row(row);
    Ok(())
}
