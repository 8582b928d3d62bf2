//! A very large thread: how it is made and listed, and that a message to it costs what a message to a
//! small one does, for sending reads no members.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use samband_core::Stopwatch;

use crate::bench::Bench;
use crate::child::{Floor, Server};
use crate::report::{Moment, Report, Row};
use crate::world::{BATCH, MEMBERS, User, World};
use crate::{progress, wire};

const SENDERS: usize = 16;

pub async fn large(bench: &Bench, report: &mut Report) -> Result<()> {
    let size = if bench.options.short { 2_000 } else { 100_000 };
    let size = bench.options.members.as_ref().map_or(size, |_| bench.options.crowd());
    let server = Server::fresh(bench).await?;
    let mut world = World::default();
    world.add_users(&server, SENDERS.max(MEMBERS)).await?;
    let silent = size.saturating_sub(world.users.len());
    world.add_silent_users(&server, silent).await?;

    let mut took = |what: &str, took: Duration| {
        let what = format!("thread of {size}: {what}");
        report.moment(Moment::median(&what, vec![took], None));
    };
    let watch = Stopwatch::start();
    world.add_thread(&server, size).await?;
    took(&format!("created, {BATCH} members in a request"), watch.elapsed());
    let watch = Stopwatch::start();
    let pages = list(&server, &world, size).await?;
    took(&format!("listed in {pages} pages"), watch.elapsed());

    world.add_thread(&server, SENDERS).await?;
    let floor = Floor::start(bench, 0)?;
    let host = server.plain.address.to_string();
    for (thread, members) in world.threads.iter().zip([size, SENDERS]) {
        let send = |user: &User| Rc::new(vec![wire::send(&host, &user.token, &thread.id)]);
        let scripts: Vec<_> = world.users.iter().take(SENDERS).map(send).collect();
        let name = format!("sends to {members} members");
        let compared = bench.compare(&name, &floor, &server, false, &scripts).await?;
        report.row(Row::new(&name, SENDERS, "messages", &compared)?);
    }
    Ok(())
}

/// Follows the pages of the first thread's members to the last.
async fn list(server: &Server, world: &World, size: usize) -> Result<usize> {
    let host = server.plain.address.to_string();
    let (thread, user) = (&world.threads[0], &world.users[0]);
    let mut connection = server.plain.connect().await?;
    let mut request = wire::members(&host, &user.token, &thread.id);
    let (mut pages, mut members) = (0, 0);
    loop {
        let body = connection.fetch(&request).await?;
        let page: serde_json::Value = serde_json::from_slice(body).context("a page of members")?;
        pages += 1;
        members += page["value"].as_array().map_or(0, Vec::len);
        progress::say(&format!("a thread of {size}: {members} members listed"));
        let Some(link) = page["nextLink"].as_str() else { break };
        let path = link
            .split_once("//")
            .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        request = wire::get(&host, &user.token, path.context("a link without a path")?);
    }
    ensure!(members == size, "{members} members are listed instead of {size}");
    Ok(pages)
}
