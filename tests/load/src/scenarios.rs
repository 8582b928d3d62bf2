//! The scenarios, each on a server of its own.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use samband_core::Stopwatch;

use crate::bench::Bench;
use crate::child::{Floor, Server};
use crate::report::{Aim, Moment, Report, Row};
use crate::world::{MEMBERS, World};
use crate::{drive, machine, progress, wire};

/// Clients of the scenarios that do not vary them.
const CLIENTS: usize = 64;
const READERS: usize = 16;
const PAGE: usize = 100;

/// Senders, each in a thread of its own.
pub async fn sends(bench: &Bench, report: &mut Report) -> Result<()> {
    let server = Server::fresh(bench).await?;
    let floor = Floor::start(bench, 0)?;
    let most = bench.options.clients().into_iter().max().unwrap_or(1);
    let world = World::create(&server, most).await?;
    let host = server.plain.address.to_string();
    let sends = world.sends(&host);
    for tls in [false, true] {
        for clients in bench.options.clients() {
            let scripts: Vec<_> = sends
                .iter()
                .take(clients)
                .map(|send| Rc::new(vec![send.clone()]))
                .collect();
            let name = if tls { "sends, TLS" } else { "sends" };
            let what = format!("{name}, {clients} senders");
            let compared = bench.compare(&what, &floor, &server, tls, &scripts).await?;
            let mut row = Row::new(name, clients, "messages", &compared)?;
            row.aim = match (tls, clients) {
                (false, 1) => Some(Aim::P50Below(Duration::from_micros(600))),
                (false, 16) => Some(Aim::P99Below(Duration::from_millis(10))),
                (false, 64) => Some(Aim::PerCoreSecond(20_000.0)),
                _ => None,
            };
            report.row(row);
        }
    }
    report.note(format!(
        "sends: {}-byte messages, each sender in a thread of its own with {MEMBERS} members",
        wire::MESSAGE_BYTES
    ));
    Ok(())
}

/// All senders in one thread.
pub async fn hot(bench: &Bench, report: &mut Report) -> Result<()> {
    let server = Server::fresh(bench).await?;
    let floor = Floor::start(bench, 0)?;
    let world = World::one_thread(&server, CLIENTS).await?;
    let thread = world.threads.first().context("no thread was created")?;
    let host = server.plain.address.to_string();
    let send = |user: &crate::world::User| Rc::new(vec![wire::send(&host, &user.token, &thread.id)]);
    let scripts: Vec<_> = world.users.iter().map(send).collect();
    let compared = bench
        .compare("one hot thread", &floor, &server, false, &scripts)
        .await?;
    report.row(Row::new("one hot thread", CLIENTS, "messages", &compared)?);
    Ok(())
}

/// Many active threads on a file of many messages.
pub async fn threads(bench: &Bench, report: &mut Report) -> Result<()> {
    let (server, mut world) = prepared(bench).await?;
    let floor = Floor::start(bench, 0)?;
    let host = server.plain.address.to_string();
    let scripts = world.scripts(&host, CLIENTS.min(world.threads.len()));
    let compared = bench.compare("many threads", &floor, &server, false, &scripts).await?;
    report.note(format!(
        "many threads: {} active threads of {MEMBERS} members, {} messages in the file, {:.2} GB",
        world.threads.len(),
        world.messages,
        size_of(&server.data) as f64 / 1e9
    ));
    world.messages += compared.server.iter().map(|sample| sample.ops).sum::<u64>();
    if bench.options.keep.is_some() {
        world.save(&server.data)?;
    }
    let mut row = Row::new("many threads", scripts.len(), "messages", &compared)?;
    row.aim = Some(Aim::PerCoreSecond(20_000.0));
    report.row(row);
    Ok(())
}

/// The data directory of `--keep`, made or completed; or a temporary one.
async fn prepared(bench: &Bench) -> Result<(Server, World)> {
    let (server, mut world) = match &bench.options.keep {
        Some(data) if World::is_at(data) => {
            let server = Server::on(bench, data).await?;
            let world = World::load(&server).await?;
            (server, world)
        }
        keep => {
            let server = match keep {
                Some(data) => Server::on(bench, data).await?,
                None => Server::fresh(bench).await?,
            };
            let world = World::create(&server, bench.options.threads()).await?;
            world.save(&server.data)?;
            (server, world)
        }
    };
    world.fill(&server, bench.options.messages()).await?;
    world.save(&server.data)?;
    Ok((server, world))
}

pub async fn prepare(bench: &Bench, report: &mut Report) -> Result<()> {
    let keep = bench
        .options
        .keep
        .as_ref()
        .context("name a directory to keep with --keep")?;
    let (server, world) = prepared(bench).await?;
    report.note(format!(
        "{} holds {} threads and {} messages, {:.2} GB",
        keep.display(),
        world.threads.len(),
        world.messages,
        size_of(&server.data) as f64 / 1e9
    ));
    Ok(())
}

fn size_of(data: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(data).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum()
}

/// The newest page of a long thread.
pub async fn pages(bench: &Bench, report: &mut Report) -> Result<()> {
    let server = Server::fresh(bench).await?;
    let mut world = World::one_thread(&server, CLIENTS).await?;
    let thread = world.threads.first().context("no thread was created")?.clone();
    let host = server.plain.address.to_string();
    let count = bench.options.thread_messages();
    // Everybody writes, so that a page names many senders.
    let sends = world
        .users
        .iter()
        .map(|user| wire::send(&host, &user.token, &thread.id))
        .collect();
    drive::fill(&server.plain, CLIENTS, Rc::new(sends), count, "a long thread").await?;
    world.messages = count;

    let page = |user: &crate::world::User| wire::newest(&host, &user.token, &thread.id, PAGE);
    let scripts: Vec<_> = world
        .users
        .iter()
        .take(READERS)
        .map(|user| Rc::new(vec![page(user)]))
        .collect();
    let mut connection = server.plain.connect().await?;
    let body = connection.fetch(&scripts.first().context("no reader")?[0]).await?;
    let page_bytes = body.len();
    let listed: serde_json::Value = serde_json::from_slice(body).context("a page")?;
    let items = listed["value"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(items == PAGE, "a page has {items} messages instead of {PAGE}");

    let floor = Floor::start(bench, page_bytes)?;
    let compared = bench.compare("pages", &floor, &server, false, &scripts).await?;
    report.note(format!(
        "pages: the newest {PAGE} of a thread of {count} messages, {page_bytes} bytes a page; the floor answers as many"
    ));
    let mut row = Row::new("pages of 100", READERS, "pages", &compared)?;
    row.aim = Some(Aim::PerCoreSecond(2_500.0));
    report.row(row);
    Ok(())
}

/// Users, created by signed requests.
pub async fn users(bench: &Bench, report: &mut Report) -> Result<()> {
    let server = Server::fresh(bench).await?;
    let floor = Floor::start(bench, 0)?;
    let host = server.plain.address.to_string();
    let key = &server.info.access_key;
    for (name, aim) in [
        ("users", Some(Aim::PerCoreSecond(10_000.0))),
        ("users with a token", None),
    ] {
        let request = match aim {
            Some(_) => wire::create_user(&host, key)?,
            None => wire::create_user_with_token(&host, key)?,
        };
        let script = Rc::new(vec![request]);
        let scripts = vec![script; CLIENTS];
        let compared = bench.compare(name, &floor, &server, false, &scripts).await?;
        let mut row = Row::new(name, CLIENTS, "users", &compared)?;
        row.aim = aim;
        report.row(row);
    }
    Ok(())
}

/// From the start of the process to the first message that is accepted.
pub async fn start(bench: &Bench, report: &mut Report) -> Result<()> {
    let times = if bench.options.short { 1 } else { 7 };
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for turn in 1..=times {
        progress::say(&format!("start, turn {turn}"));
        let temporary = bench.directory()?;
        let data = temporary.path().join("data");
        first.push(first_message(bench, &data).await?);
        again.push(first_message(bench, &data).await?);
    }
    let aim = Some(Duration::from_millis(300));
    report.moment(Moment::median("start to first message, new directory", first, aim));
    report.moment(Moment::median("start to first message, existing directory", again, aim));
    Ok(())
}

async fn first_message(bench: &Bench, data: &std::path::Path) -> Result<Duration> {
    let watch = Stopwatch::start();
    let server = Server::on(bench, data).await?;
    let world = World::one_thread(&server, 1).await?;
    let sends = world.sends(&server.plain.address.to_string());
    drive::each(&server.plain, 1, sends).await?;
    Ok(watch.elapsed())
}

/// Memory, before and after sends.
pub async fn memory(bench: &Bench, report: &mut Report) -> Result<()> {
    const AIM: Option<f64> = Some(40.0);
    let server = Server::fresh(bench).await?;
    let settle = if bench.options.short { 100 } else { 1_000 };
    tokio::time::sleep(Duration::from_millis(settle)).await;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let id = server.child.id();
    report.megabytes("resident, idle after start", mb(machine::resident(id)?), AIM);
    report.megabytes("of it the process's own", mb(machine::resident_own(id)?), None);
    let world = World::create(&server, CLIENTS).await?;
    let scripts = world.scripts(&server.plain.address.to_string(), CLIENTS);
    progress::say("memory: sends");
    let mut sent = 0;
    for _ in 0..bench.options.repeat() {
        sent += bench.drive(&server.plain, &server.child, &scripts).await?.ops;
    }
    report.megabytes(
        &format!("resident, after {sent} sends of {CLIENTS} senders"),
        mb(machine::resident(id)?),
        AIM,
    );
    report.megabytes("of it the process's own", mb(machine::resident_own(id)?), None);
    Ok(())
}
