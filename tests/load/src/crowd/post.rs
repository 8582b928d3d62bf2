//! Who sends to a crowd: numbered messages, as fast as they reach all, or at a steady pace.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Crowd;
use super::board::{Board, DIGITS, MARK};
use crate::child::Child;
use crate::drive::{Sample, percentile};
use crate::http::{Connection, Target};
use crate::machine::{self, Window};

/// Longer than any message should take to all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages of a measurement.
const LEAST: usize = 4;

/// A sender: his connection, and a request with a place for the number.
pub struct Post {
    connection: Connection,
    request: Vec<u8>,
    digits: usize,
    lane: usize,
    board: Rc<Board>,
}

impl Post {
    pub async fn open(target: &Target, crowd: &Crowd, lane: usize, request: Vec<u8>) -> Result<Self> {
        let at = memchr::memmem::find(&request, MARK).context("the message has no place for its number")?;
        Ok(Self {
            connection: target.connect().await?,
            request,
            digits: at + MARK.len(),
            lane,
            board: crowd.board.clone(),
        })
    }

    /// Sends a message and waits for the answer.
    pub async fn send(&mut self, late: Duration) -> Result<()> {
        let number = self.board.send(self.lane, late);
        let digits = format!("{number:0DIGITS$}");
        let place = self.request.get_mut(self.digits..self.digits + DIGITS);
        place.context("a short request")?.copy_from_slice(digits.as_bytes());
        let status = self.connection.call(&self.request).await?;
        ensure!(
            (200..300).contains(&status),
            "the server answered {status}: {}",
            self.connection.last()
        );
        Ok(())
    }

    pub async fn send_to_all(&mut self) -> Result<()> {
        self.send(Duration::ZERO).await?;
        within(self.board.until(Board::all_received)).await
    }
}

async fn within(waiting: impl Future<Output = Result<()>>) -> Result<()> {
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.map_err(|_| anyhow!("a message did not reach all in {PATIENCE:?}"))?
}

/// Some of the senders send, each as soon as his last message has reached all.
pub async fn flood(
    crowd: &Crowd,
    server: &Child,
    posts: &mut Vec<Post>,
    senders: usize,
    warmup: Duration,
    measured: Duration,
) -> Result<Sample> {
    let board = crowd.board.clone();
    let over = Rc::new(std::cell::Cell::new(false));
    let resting = posts.split_off(senders.min(posts.len()));
    let mut senders = JoinSet::new();
    for mut post in posts.drain(..) {
        let over = over.clone();
        senders.spawn_local(async move {
            let sent = async {
                while !over.get() {
                    post.send(Duration::ZERO).await?;
                    let lane = post.lane;
                    within(post.board.until(|board| board.lane_received(lane))).await?;
                }
                Ok(())
            };
            if let Err(error) = sent.await {
                post.board.fail(error);
            }
            post
        });
    }
    let measuring = async {
        sleep(warmup).await;
        let measure = Measure::open(&board, server)?;
        sleep(measured).await;
        // A message to many takes long: times and deliveries of parts of one would say little.
        within(board.until(|board| board.times() >= LEAST)).await?;
        measure.close(&board, server)
    };
    let sample = tokio::select! {
        sample = measuring => sample?,
        fault = board.until(|_| false) => return Err(fault.err().unwrap_or_else(|| anyhow!("no fault"))),
    };
    over.set(true);
    posts.extend(senders.join_all().await);
    posts.extend(resting);
    board.check()?;
    Ok(sample)
}

/// A number of messages at a steady pace. A late one counts from when it was due.
pub async fn pace(crowd: &Crowd, server: &Child, post: &mut Post, pace: Duration, count: u64) -> Result<Sample> {
    let board = &crowd.board;
    board.take_times();
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let measure = Measure::open(board, server)?;
    for _ in 0..count {
        let due = ticks.tick().await;
        board.check()?;
        post.send(Instant::now().saturating_duration_since(due)).await?;
    }
    within(board.until(Board::all_received)).await?;
    measure.close(board, server)
}

/// What the server and this tool use between two moments, and what is delivered.
pub struct Measure {
    server: Window,
    own: Window,
    delivered: u64,
}

impl Measure {
    pub fn open(board: &Board, server: &Child) -> Result<Self> {
        board.take_times();
        Ok(Self {
            delivered: board.deliveries.get(),
            ..Self::open_alone(server)?
        })
    }

    /// Where no deliveries are counted.
    pub fn open_alone(server: &Child) -> Result<Self> {
        Ok(Self {
            server: Window::open(server.id(), server.core())?,
            own: Window::open(std::process::id(), None)?,
            delivered: 0,
        })
    }

    pub fn close(self, board: &Board, server: &Child) -> Result<Sample> {
        let delivered = board.deliveries.get() - self.delivered;
        self.sample(delivered, board.take_times(), server)
    }

    /// Of operations that were counted elsewhere.
    pub fn sample(self, ops: u64, mut took: Vec<u64>, server: &Child) -> Result<Sample> {
        let (used, own) = (self.server.close()?, self.own.close()?);
        took.sort_unstable();
        Ok(Sample {
            ops,
            used,
            p50: percentile(&took, 0.5),
            p99: percentile(&took, 0.99),
            resident: machine::resident(server.id())?,
            load: own.cpu.as_secs_f64() / own.wall.as_secs_f64().max(1e-9),
        })
    }
}
