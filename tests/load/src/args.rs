//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::crowd::connect::Protocol;
use crate::wire;

/// Load on a samband server that it starts itself, on one core, driven from another.
#[derive(Parser)]
#[command(name = "samband-load", version)]
pub struct Cli {
    #[command(flatten)]
    pub options: Options,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args)]
pub struct Options {
    /// The samband binary [default: the one beside this one]
    #[arg(long, global = true, value_name = "PATH")]
    pub samband: Option<PathBuf>,
    /// A few seconds in all, to see that everything works; the figures mean little
    #[arg(long, global = true, conflicts_with = "full")]
    pub short: bool,
    /// The file of the `threads` scenario at its full size of 5,000,000 messages
    #[arg(long, global = true)]
    pub full: bool,
    /// Also write the figures to a file
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Seconds of each measurement
    #[arg(long, global = true, value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Measurements of each figure, floor and server by turns; the median is shown
    #[arg(long, global = true, value_name = "TIMES")]
    pub repeat: Option<usize>,
    /// Messages in the file of the `threads` scenario
    #[arg(long, global = true, value_name = "N")]
    pub messages: Option<u64>,
    /// Active threads in the `threads` scenario
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Messages in the thread of the `pages` scenario
    #[arg(long, global = true, value_name = "N")]
    pub thread_messages: Option<u64>,
    /// Concurrent clients of the `sends` scenario
    #[arg(long, global = true, value_name = "N", value_delimiter = ',')]
    pub clients: Option<Vec<usize>>,
    /// Members of the threads of `fanout`; the largest is the crowd of the other real-time scenarios
    #[arg(long, global = true, value_name = "N", value_delimiter = ',')]
    pub members: Option<Vec<usize>>,
    /// What connected clients speak [default: signalling,open]
    #[arg(long, global = true, value_name = "PROTOCOL", value_enum, value_delimiter = ',')]
    pub over: Option<Vec<Protocol>>,
    /// Real-time scenarios on one listener alone
    #[arg(long, global = true, value_name = "LISTENER", value_enum)]
    pub listener: Option<Listener>,
    /// Messages on their way at the same time in `fanout` [default: 1,4]
    #[arg(long, global = true, value_name = "N", value_delimiter = ',')]
    pub window: Option<Vec<usize>>,
    /// Bytes of a message's text in the real-time scenarios
    #[arg(long, global = true, value_name = "N", default_value_t = wire::MESSAGE_BYTES)]
    pub bytes: usize,
    /// Signalling clients ping after each reply, as the SDKs do
    #[arg(long, global = true)]
    pub pings: bool,
    /// A data directory that is prepared for `threads` once and kept
    #[arg(long = "keep", global = true, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Where temporary data directories are made
    #[arg(long, global = true, value_name = "DIR")]
    pub temp: Option<PathBuf>,
    /// The core of the server [default: the last one]
    #[arg(long, global = true, value_name = "N")]
    pub server_core: Option<usize>,
    /// The core of this tool [default: the first one]
    #[arg(long, global = true, value_name = "N")]
    pub load_core: Option<usize>,
    /// Seconds after which the run is given up
    #[arg(long = "limit", global = true, value_name = "SECONDS")]
    pub limit_seconds: Option<u64>,
}

impl Options {
    pub fn measured(&self) -> Duration {
        let default = if self.short { 0.25 } else { 2.0 };
        Duration::from_secs_f64(self.seconds.unwrap_or(default).clamp(0.05, 600.0))
    }
    pub fn warmup(&self) -> Duration {
        Duration::from_millis(if self.short { 50 } else { 500 })
    }
    pub fn repeat(&self) -> usize {
        self.repeat.unwrap_or(if self.short { 1 } else { 3 }).clamp(1, 100)
    }
    pub fn messages(&self) -> u64 {
        let default = match (self.short, self.full) {
            (true, _) => 2_000,
            (_, true) => 5_000_000,
            _ => 200_000,
        };
        self.messages.unwrap_or(default)
    }
    pub fn threads(&self) -> usize {
        self.threads.unwrap_or(if self.short { 200 } else { 10_000 }).max(1)
    }
    pub fn thread_messages(&self) -> u64 {
        self.thread_messages.unwrap_or(if self.short { 1_000 } else { 100_000 })
    }
    pub fn clients(&self) -> Vec<usize> {
        let default = if self.short { vec![1, 64] } else { vec![1, 16, 64, 256] };
        let mut clients = self.clients.clone().unwrap_or(default);
        clients.retain(|count| (1..=4_096).contains(count));
        clients
    }
    pub fn members(&self) -> Vec<usize> {
        let default = if self.short {
            vec![10, 200]
        } else {
            vec![10, 100, 1_000, 10_000]
        };
        let mut members = self.members.clone().unwrap_or(default);
        members.retain(|count| (1..=50_000).contains(count));
        members
    }
    /// Clients of the real-time scenarios that do not vary them.
    pub fn crowd(&self) -> usize {
        let named = self.members.iter().flatten().copied().max();
        named.unwrap_or(if self.short { 500 } else { 10_000 }).clamp(1, 50_000)
    }
    pub fn listeners(&self) -> Vec<Listener> {
        self.listener
            .map_or(vec![Listener::Plain, Listener::Tls], |one| vec![one])
    }
    pub fn windows(&self) -> Vec<usize> {
        let mut windows = self.window.clone().unwrap_or_else(|| vec![1, 4]);
        windows.retain(|window| (1..=64).contains(window));
        windows
    }
    /// For each protocol.
    pub fn soaked(&self) -> Duration {
        let default = if self.short { 5.0 } else { 600.0 };
        Duration::from_secs_f64(self.seconds.unwrap_or(default).clamp(1.0, 86_400.0))
    }
    pub fn limit(&self) -> Duration {
        let default = match (self.short, self.full) {
            (true, _) => 300,
            (_, true) => 7_200,
            _ => 3_600,
        };
        Duration::from_secs(self.limit_seconds.unwrap_or(default))
    }
}

/// Which of the server's listeners clients use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listener {
    Plain,
    Tls,
}

#[derive(Subcommand)]
pub enum Command {
    /// Every scenario, then the budget of a send
    All,
    /// Senders, each in a thread of its own with 10 members, without TLS and with it
    Sends,
    /// 64 senders in one thread
    Hot,
    /// Sends to 10,000 threads on a file of many messages
    Threads,
    /// The newest 100 messages of a long thread
    Pages,
    /// Users created
    Users,
    /// Sends and pages in every api-version, beside the newest
    Versions,
    /// From the start of the process to the first accepted message
    Start,
    /// Memory, idle and after sends
    Memory,
    /// Where the time of a send goes
    Budget,
    /// Messages to threads whose members are all connected
    Fanout,
    /// Memory of connected clients who hear nothing
    Idle,
    /// Clients who connect
    Connects,
    /// From a kill of the server until all its clients are whole again
    Restart,
    /// Connected clients, held for ten minutes with messages flowing
    Soak,
    /// A thread of 100,000 members
    Large,
    /// Prepare the data directory of `--keep`
    Prepare,
    /// The floor: the server's own stack with an echo in it (started by this tool)
    #[command(hide = true)]
    FloorServer(FloorServer),
    /// Sends committed in this process without HTTP; part of `budget`
    StoreFloor(StoreFloor),
}

#[derive(Args)]
pub struct FloorServer {
    /// Where to write the certificate that it serves
    #[arg(long, value_name = "FILE")]
    pub certificate: PathBuf,
    /// Bytes of an answer to GET
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub page_bytes: usize,
}

#[derive(Args)]
pub struct StoreFloor {
    /// A data directory that this tool made, with no server on it
    #[arg(long, hide = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[arg(long, hide = true, default_value_t = 64)]
    pub senders: usize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
