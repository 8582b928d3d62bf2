//! What an older api-version costs beside the newest: sends and pages of every version of chat, each measured by
//! turns with the newest.

use std::rc::Rc;

use anyhow::{Context, Result};
use samband_wire_chat::SERVICE;

use crate::bench::{Bench, median};
use crate::child::Server;
use crate::drive::Script;
use crate::report::Report;
use crate::world::World;
use crate::{drive, progress, wire};

const SENDERS: usize = 64;
const READERS: usize = 16;
const PAGE: usize = 100;
/// Messages of the thread whose newest page is read.
const MESSAGES: u64 = 1_000;
/// CPU of an older version, times that of the newest.
const AT_MOST: f64 = 1.1;

pub async fn versions(bench: &Bench, report: &mut Report) -> Result<()> {
    let server = Server::fresh(bench).await?;
    let world = World::create(&server, SENDERS).await?;
    let host = server.plain.address.to_string();
    let sends: Vec<_> = world.sends(&host).into_iter().take(SENDERS).collect();
    let long = World::one_thread(&server, SENDERS).await?;
    let thread = &long.threads.first().context("no thread was created")?.id;
    let fill = long
        .users
        .iter()
        .map(|user| wire::send(&host, &user.token, thread))
        .collect();
    drive::fill(&server.plain, SENDERS, Rc::new(fill), MESSAGES, "a long thread").await?;
    let pages: Vec<_> = long
        .users
        .iter()
        .take(READERS)
        .map(|user| wire::newest(&host, &user.token, thread, PAGE))
        .collect();

    let (newest, older) = SERVICE.versions.split_last().context("chat has no version")?;
    let older: Vec<_> = match bench.options.short {
        // The one that is most unlike the newest.
        true => older.iter().take(1).collect(),
        false => older.iter().rev().collect(),
    };
    for (what, requests) in [("a page of 100", pages), ("a send", sends)] {
        let scripts = |version: &str| -> Vec<Script> {
            let of_version = |request: &Vec<u8>| Rc::new(vec![wire::in_version(request, version)]);
            requests.iter().map(of_version).collect()
        };
        let first = scripts(&newest.to_string());
        for version in &older {
            let second = scripts(&version.to_string());
            let (mut new, mut old) = (Vec::new(), Vec::new());
            for turn in 1..=bench.options.repeat() {
                progress::say(&format!("{what} in {version}, turn {turn}"));
                new.push(bench.drive(&server.plain, &server.child, &first).await?);
                old.push(bench.drive(&server.plain, &server.child, &second).await?);
            }
            let (new, old) = (median(&new)?.cpu_us(), median(&old)?.cpu_us());
            let what = format!("{what} in {version}: {old:.1} us of CPU, of the newest version's {new:.1}");
            report.figure(&what, old / new, "", Some(AT_MOST));
        }
    }
    Ok(())
}
