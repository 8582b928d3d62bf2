//! A crowd of connected clients. All live on this tool's one core, so each is as cheap as can be: a
//! task, a socket, and no more looking at a frame than finding a message's number in it.

pub mod board;
mod client;
pub mod connect;
mod frames;
pub mod post;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use memchr::memmem;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::board::{Board, MARK};
use self::client::Client;
use self::connect::Protocol;
use crate::http::Target;
use crate::progress;
use crate::world::User;

/// Bytes of one read: several deliveries of one client.
const READ: usize = 64 * 1024;

/// How a crowd behaves.
pub struct Manner {
    pub protocol: Protocol,
    /// Senders who will send to it.
    pub lanes: usize,
    /// Clients who connect at the same time, at most.
    pub at_once: usize,
    /// Whether who is lost connects again; else that is the end of the run.
    pub comes_again: bool,
    /// A ping after each reply, as the SDKs do.
    pub pings: bool,
}

impl Manner {
    pub fn of(protocol: Protocol) -> Self {
        Self {
            protocol,
            lanes: 1,
            at_once: 64,
            comes_again: false,
            pings: false,
        }
    }
}

/// What the clients of a crowd share.
struct Hall {
    target: Target,
    protocol: Protocol,
    comes_again: bool,
    pings: bool,
    turns: Semaphore,
    board: Rc<Board>,
    mark: memmem::Finder<'static>,
    buffer: RefCell<Box<[u8]>>,
}

/// Connected clients; they go when this goes out of scope.
pub struct Crowd {
    pub board: Rc<Board>,
    pub size: usize,
    hall: Rc<Hall>,
    clients: JoinSet<()>,
}

impl Crowd {
    /// A client for each user, all connected.
    pub async fn connect(target: &Target, manner: Manner, users: &[User]) -> Result<Self> {
        let board = Rc::new(Board::new(manner.lanes));
        let hall = Rc::new(Hall {
            target: target.clone(),
            protocol: manner.protocol,
            comes_again: manner.comes_again,
            pings: manner.pings,
            turns: Semaphore::new(manner.at_once),
            board: board.clone(),
            mark: memmem::Finder::new(MARK),
            buffer: RefCell::new(vec![0; READ].into_boxed_slice()),
        });
        let mut clients = JoinSet::new();
        for (number, user) in users.iter().enumerate() {
            let client = Client::new(hall.clone(), number, user.token.clone());
            clients.spawn_local(client.run());
        }
        let crowd = Self {
            board,
            size: users.len(),
            hall,
            clients,
        };
        crowd.all_connected().await?;
        Ok(crowd)
    }

    pub async fn all_connected(&self) -> Result<()> {
        let all = self.board.until(|board| board.connected.get() == self.size);
        let told = async {
            loop {
                progress::say(&format!("connected: {} of {}", self.board.connected.get(), self.size));
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::select! {
            all = all => all,
            () = told => Ok(()),
        }
    }

    /// From now on nobody waits for a turn to connect: whoever lost a server does not know the others.
    pub fn all_at_once(&self) {
        self.hall.turns.add_permits(self.size);
    }

    /// Ends all, and gives the server time to notice.
    pub async fn leave(mut self) {
        self.clients.shutdown().await;
        tokio::time::sleep(Duration::from_millis(100 + self.size as u64 / 20)).await;
    }
}

/// How long a client waits before it tries again: as the SDKs, longer each time, and here no two the same.
fn backoff(number: usize, tries: u32, told: Option<Duration>) -> Duration {
    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(50);
    let wait = told.unwrap_or_else(|| (FIRST * 2u32.saturating_pow(tries.min(10) - 1)).min(MOST));
    // Half of it to one and a half, spread evenly over numbers.
    let part = (number as u64 * 2_654_435_761 + u64::from(tries) * 40_503) % 1_000;
    wait.mul_f64(0.5 + part as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_waits_longer_each_time_and_not_for_ever() {
        let mean = |tries| (0..1_000).map(|number| backoff(number, tries, None)).sum::<Duration>() / 1_000;
        assert!(mean(1) < mean(2) && mean(2) < mean(4));
        assert!(mean(30) < Duration::from_secs(60));
        let told = Some(Duration::from_secs(7));
        assert!((0..1_000).all(|number| backoff(number, 1, told) >= Duration::from_millis(3_500)));
    }
}
