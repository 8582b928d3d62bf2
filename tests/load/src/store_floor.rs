//! Sends committed through the store's own API in this process, without HTTP: what the storage of a
//! message costs by itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use samband_chat::MessageDoc;
use samband_chat::store::{InThread, SendMessage};
use samband_core::{Identifier, SystemClock};
use samband_store::{Store, sqlite};
use serde::{Deserialize, Serialize};

use crate::args::StoreFloor;
use crate::bench::Bench;
use crate::child;
use crate::machine::{Used, Window};
use crate::wire;
use crate::world::World;

/// What the child tells its parent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    pub ops: u64,
    pub used: Used,
}

impl Stored {
    pub fn cpu_us(&self) -> f64 {
        self.used.cpu.as_secs_f64() * 1e6 / self.ops.max(1) as f64
    }
}

/// Runs it as a child on the server's core.
pub async fn measure(bench: &Bench, data: &Path, senders: usize) -> Result<Stored> {
    let mut command = child::this_binary();
    command
        .args(["store-floor", "--senders", &senders.to_string()])
        .args(["--seconds", &bench.options.measured().as_secs_f64().to_string()])
        .arg("--data")
        .arg(data);
    let text = child::output_of(command, bench.cores.server).await?;
    serde_json::from_str(&text).context("what the store floor says")
}

/// The child's side.
pub async fn run(args: &StoreFloor, measured: Duration) -> Result<()> {
    let data = args.data.as_deref().context("no data directory was given")?;
    let world = World::read(data)?;
    let migrations = [
        samband_resources::MIGRATIONS,
        samband_identity::MIGRATIONS,
        samband_chat::MIGRATIONS,
    ]
    .concat();
    let store = Store::open_sqlite(sqlite::Options::in_directory(data), &migrations, Arc::new(SystemClock))?;
    let places: Result<Vec<_>> = world.threads.iter().map(|thread| place(&world, thread)).collect();
    let places = places?;
    ensure!(places.len() >= args.senders, "there are fewer threads than senders");

    let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut senders = Vec::new();
    for at in places.into_iter().take(args.senders) {
        let (store, over, sent) = (store.clone(), over.clone(), sent.clone());
        senders.push(tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let doc = MessageDoc {
                    content: wire::text(),
                    sender_display_name: None,
                    metadata: Default::default(),
                    high_priority: false,
                    attachments: Vec::new(),
                };
                let committed = store.commit(SendMessage::new(at, false, &doc)).await;
                committed.map_err(|_| anyhow!("a message was not stored"))?;
                sent.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(())
        }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let core = None;
    let (window, before) = (Window::open(std::process::id(), core)?, sent.load(Ordering::Relaxed));
    tokio::time::sleep(measured).await;
    let (ops, used) = (sent.load(Ordering::Relaxed) - before, window.close()?);
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await??;
    }
    store.close().await;
    println!("{}", serde_json::to_string(&Stored { ops, used })?);
    Ok(())
}

fn place(world: &World, thread: &crate::world::Thread) -> Result<InThread> {
    let sender = world.users.get(thread.sender).context("a thread without a sender")?;
    let Identifier::CommunicationUser { resource, user } = Identifier::from_raw_id(&sender.id) else {
        return Err(anyhow!("'{}' is no user", sender.id));
    };
    Ok(InThread {
        resource,
        thread: thread.id.parse()?,
        caller: user,
    })
}
