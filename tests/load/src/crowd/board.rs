//! What a crowd has received: each message is followed until the last client has it, and each client
//! must get every message once and in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use samband_core::Stopwatch;
use tokio::sync::Notify;

/// What stands before a message's number in its text.
pub const MARK: &[u8] = b"[no.";
/// Digits of a number.
pub const DIGITS: usize = 10;

/// Messages are numbered in lanes: lane L of N has the numbers L, L + N, L + 2N... Each lane has one
/// sender, who waits for his answers; so its messages come in its order, whatever the others do.
pub struct Board {
    lanes: Vec<Lane>,
    /// Clients that are connected now.
    pub connected: Cell<usize>,
    /// How long each connecting took, from the first try, in nanoseconds.
    pub joins: RefCell<Vec<u64>>,
    /// Answers of 503 to who wanted to connect.
    pub busy: Cell<u64>,
    /// Tries to connect that failed in another way.
    pub failed: Cell<u64>,
    /// Why the last of them failed.
    pub why_failed: RefCell<String>,
    /// Connections that the server ended.
    pub lost: Cell<u64>,
    pub deliveries: Cell<u64>,
    /// Bytes of the last delivery.
    pub frame: Cell<usize>,
    /// From send to the last receipt of each message, in nanoseconds.
    took: RefCell<Vec<u64>>,
    fault: RefCell<Option<Error>>,
    changed: Notify,
}

#[derive(Default)]
struct Lane {
    sent: Cell<u64>,
    /// Messages before the first in flight.
    whole: Cell<u64>,
    flights: RefCell<VecDeque<Flight>>,
}

struct Flight {
    watch: Stopwatch,
    late: Duration,
    missing: usize,
}

/// Where one client is in each lane.
pub struct Place(Vec<u64>);

impl Board {
    pub fn new(lanes: usize) -> Self {
        Self {
            lanes: (0..lanes.max(1)).map(|_| Lane::default()).collect(),
            connected: Cell::new(0),
            joins: RefCell::default(),
            busy: Cell::new(0),
            failed: Cell::new(0),
            why_failed: RefCell::default(),
            lost: Cell::new(0),
            deliveries: Cell::new(0),
            frame: Cell::new(0),
            took: RefCell::default(),
            fault: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// A client is connected: it must get what is sent from now on.
    pub fn join(&self, took: Duration) -> Place {
        self.connected.set(self.connected.get() + 1);
        self.joins.borrow_mut().push(took.as_nanos() as u64);
        self.changed.notify_waiters();
        Place(self.lanes.iter().map(|lane| lane.sent.get()).collect())
    }

    pub fn leave(&self) {
        self.connected.set(self.connected.get() - 1);
        self.lost.set(self.lost.get() + 1);
        self.changed.notify_waiters();
    }

    pub fn try_failed(&self, error: &Error) {
        self.failed.set(self.failed.get() + 1);
        self.why_failed.replace(format!("{error:#}"));
    }

    /// The number of a message that goes out now to all who are connected, `late` after it was due.
    pub fn send(&self, lane: usize, late: Duration) -> u64 {
        let of = &self.lanes[lane];
        let sent = of.sent.replace(of.sent.get() + 1);
        of.flights.borrow_mut().push_back(Flight {
            watch: Stopwatch::start(),
            late,
            missing: self.connected.get(),
        });
        sent * self.lanes.len() as u64 + lane as u64
    }

    /// A client has read a message; `text` is what follows the mark.
    pub fn receive(&self, place: &mut Place, text: &[u8]) -> Result<()> {
        let digits = text.get(..DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
        let number: u64 = digits
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| anyhow!("a message without a number"))?;
        let lanes = self.lanes.len() as u64;
        let (at, lane) = (number / lanes, (number % lanes) as usize);
        let next = &mut place.0[lane];
        if at != *next {
            bail!("message {at} of sender {lane} came where {next} was next");
        }
        *next += 1;
        self.deliveries.set(self.deliveries.get() + 1);
        let lane = &self.lanes[lane];
        let mut flights = lane.flights.borrow_mut();
        let flight = at
            .checked_sub(lane.whole.get())
            .and_then(|at| flights.get_mut(at as usize));
        let Some(flight) = flight else {
            bail!("message {at} came more often than there are clients");
        };
        flight.missing = flight.missing.saturating_sub(1);
        if flight.missing == 0 {
            let took = flight.watch.elapsed() + flight.late;
            self.took.borrow_mut().push(took.as_nanos() as u64);
            while flights.front().is_some_and(|flight| flight.missing == 0) {
                flights.pop_front();
                lane.whole.set(lane.whole.get() + 1);
            }
            self.changed.notify_waiters();
        }
        Ok(())
    }

    /// Whether all have everything that was sent.
    pub fn all_received(&self) -> bool {
        self.lanes.iter().all(|lane| lane.flights.borrow().is_empty())
    }

    pub fn lane_received(&self, lane: usize) -> bool {
        self.lanes[lane].flights.borrow().is_empty()
    }

    /// Messages sent.
    pub fn sent(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.sent.get()).sum()
    }

    /// How many times were taken since the last call of [`take_times`](Self::take_times).
    pub fn times(&self) -> usize {
        self.took.borrow().len()
    }

    /// The times taken since the last call.
    pub fn take_times(&self) -> Vec<u64> {
        self.took.take()
    }

    /// Something went wrong that spoils the run.
    pub fn fail(&self, error: Error) {
        self.fault.borrow_mut().get_or_insert(error);
        self.changed.notify_waiters();
    }

    pub fn check(&self) -> Result<()> {
        match self.fault.borrow_mut().take() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Waits for something, or for a fault.
    pub async fn until(&self, reached: impl Fn(&Self) -> bool) -> Result<()> {
        loop {
            let changed = self.changed.notified();
            self.check()?;
            if reached(self) {
                return Ok(());
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u64) -> Vec<u8> {
        format!("{number:010}] and more").into_bytes()
    }

    #[test]
    fn a_message_is_whole_when_the_last_client_has_it() {
        let board = Board::new(2);
        let mut clients: Vec<_> = (0..3).map(|_| board.join(Duration::ZERO)).collect();
        let (first, second) = (board.send(1, Duration::ZERO), board.send(1, Duration::ZERO));
        assert_eq!((first, second), (1, 3));
        for client in &mut clients {
            assert!(!board.all_received());
            board.receive(client, &text(1)).unwrap();
            board.receive(client, &text(3)).unwrap();
        }
        assert!(board.all_received());
        assert_eq!((board.deliveries.get(), board.take_times().len()), (6, 2));
    }

    #[test]
    fn what_comes_twice_or_out_of_order_is_told() {
        let board = Board::new(1);
        let mut client = board.join(Duration::ZERO);
        board.send(0, Duration::ZERO);
        board.send(0, Duration::ZERO);
        assert!(board.receive(&mut client, &text(1)).is_err());
        board.receive(&mut client, &text(0)).unwrap();
        assert!(board.receive(&mut client, &text(0)).is_err());
        assert!(board.receive(&mut client, b"x").is_err());
    }

    #[test]
    fn who_comes_later_need_not_have_what_went_before() {
        let board = Board::new(1);
        let mut early = board.join(Duration::ZERO);
        board.send(0, Duration::ZERO);
        let mut late = board.join(Duration::ZERO);
        board.send(0, Duration::ZERO);
        board.receive(&mut early, &text(0)).unwrap();
        board.receive(&mut early, &text(1)).unwrap();
        assert!(!board.all_received());
        board.receive(&mut late, &text(1)).unwrap();
        assert!(board.all_received());
    }
}
