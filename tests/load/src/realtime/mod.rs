//! The real-time scenarios, and what they share: a server with a crowd's users and threads, and the
//! protocols and listeners that are measured.

pub mod connects;
pub mod fanout;
pub mod idle;
pub mod large;
pub mod restart;
pub mod soak;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::args::Listener;
use crate::bench::Bench;
use crate::child::{Floor, Server};
use crate::crowd::connect::{NoStream, Protocol, Way};
use crate::crowd::post::Post;
use crate::crowd::{Crowd, Manner};
use crate::http::Target;
use crate::report::Report;
use crate::wire;
use crate::world::{User, World};

/// Files that are open besides the clients' sockets.
const OTHER_FILES: u64 = 256;

/// A server with users and threads to connect to.
pub struct Stage {
    pub server: Server,
    pub world: World,
    pub protocols: Vec<Protocol>,
}

impl Stage {
    /// With a thread of each size; the largest has all users.
    pub async fn set(bench: &Bench, report: &mut Report, sizes: &[usize]) -> Result<Self> {
        let most = sizes.iter().copied().max().unwrap_or(0);
        allow_files(most as u64 + OTHER_FILES)?;
        let server = Server::for_crowds(bench).await?;
        let world = World::crowd(&server, sizes).await?;
        let protocols = protocols(bench, report, &server, &world).await?;
        Ok(Self {
            server,
            world,
            protocols,
        })
    }

    /// Each protocol over each listener, with a name for the report.
    pub fn kinds(&self, bench: &Bench) -> Vec<Kind> {
        let kinds = self.protocols.iter().flat_map(|protocol| {
            let listeners = bench.options.listeners().into_iter();
            listeners.map(|listener| Kind {
                protocol: *protocol,
                listener,
            })
        });
        kinds.collect()
    }

    pub fn users(&self, count: usize) -> Result<&[User]> {
        self.world.users.get(..count).context("too few users")
    }

    /// A sender to the thread of this number.
    pub async fn post(
        &self,
        bench: &Bench,
        target: &Target,
        crowd: &Crowd,
        thread: usize,
        lane: usize,
    ) -> Result<Post> {
        let to = self.world.threads.get(thread).context("no such thread")?;
        let sender = lane % crowd.size;
        let token = &self.world.users[sender].token;
        let host = target.address.to_string();
        let request = wire::numbered(&host, token, &to.id, bench.options.bytes);
        Post::open(target, crowd, lane, request).await
    }
}

/// A protocol on a listener.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub protocol: Protocol,
    pub listener: Listener,
}

impl Kind {
    pub fn name(self) -> String {
        let tls = if self.tls() { ", TLS" } else { "" };
        format!("{}{tls}", self.protocol.name())
    }
    pub fn tls(self) -> bool {
        self.listener == Listener::Tls
    }
    pub fn target(self, server: &Server) -> &Target {
        if self.tls() { &server.tls } else { &server.plain }
    }
    pub fn floor_target(self, floor: &Floor) -> &Target {
        if self.tls() { &floor.tls } else { &floor.plain }
    }
    pub fn manner(self, bench: &Bench) -> Manner {
        Manner {
            pings: bench.options.pings,
            ..Manner::of(self.protocol)
        }
    }
    pub fn floor_manner(self) -> Manner {
        Manner::of(self.protocol.floor())
    }
}

/// What is asked for; or signalling, and the open stream if the server has it.
async fn protocols(bench: &Bench, report: &mut Report, server: &Server, world: &World) -> Result<Vec<Protocol>> {
    if let Some(asked) = &bench.options.over {
        return Ok(asked.clone());
    }
    let way = Way {
        target: &server.plain,
        protocol: Protocol::Open,
        token: world.users.first().map_or("", |user| &user.token),
        number: 0,
        attempt: 1,
    };
    match way.open().await {
        Err(NoStream::Failed(error)) if error.to_string().contains("answered 404") => {
            report.note_once("SKIPPED: this server has no open event stream");
            Ok(vec![Protocol::Signalling])
        }
        Err(NoStream::Failed(error)) => Err(error.context("the open event stream")),
        _ => Ok(vec![Protocol::Signalling, Protocol::Open]),
    }
}

/// Each connected client is an open file, here and in the server, which has its limit from us.
fn allow_files(wanted: u64) -> Result<()> {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if now < wanted {
        // Beyond the hard limit only a privileged process may go.
        let raised = setrlimit(Resource::RLIMIT_NOFILE, wanted, most.max(wanted));
        ensure!(
            raised.is_ok(),
            "{wanted} open files are needed and {most} allowed: raise the limit ('ulimit -Hn'), or name fewer with --members"
        );
    }
    Ok(())
}
