//! Whether the connection to NATS stands, as this node knows it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    is_up: bool,
    /// Rises each time the connection is lost: what was queued in an earlier one is stale.
    epoch: u64,
    is_closed: bool,
    trouble: Option<String>,
}

pub(crate) struct Link {
    state: watch::Sender<State>,
    /// Others do not know of notes that were dropped here, and have to be told.
    owes_lapse: AtomicBool,
    /// Something was handed to the connection: what it loses with it, nobody can say.
    has_sent: AtomicBool,
}

impl Link {
    pub fn new() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
            owes_lapse: AtomicBool::new(false),
            has_sent: AtomicBool::new(false),
        }
    }

    pub fn up(&self) {
        self.state.send_if_modified(|state| {
            let changes = !state.is_up && !state.is_closed;
            if changes {
                state.is_up = true;
                state.trouble = None;
            }
            changes
        });
    }

    pub fn down(&self) {
        self.state.send_if_modified(|state| {
            let changes = state.is_up;
            if changes {
                state.is_up = false;
                state.epoch += 1;
            }
            changes
        });
    }

    /// For good.
    pub fn close(&self) {
        self.down();
        self.state.send_modify(|state| state.is_closed = true);
    }

    /// Why it does not come to a connection.
    pub fn trouble(&self, trouble: String) {
        self.state.send_if_modified(|state| {
            let changes = !state.is_up && state.trouble.as_ref() != Some(&trouble);
            if changes {
                state.trouble = Some(trouble);
            }
            changes
        });
    }

    /// The epoch of the connection, while there is one.
    pub fn epoch(&self) -> Option<u64> {
        let state = self.state.borrow();
        state.is_up.then_some(state.epoch)
    }

    pub fn health(&self, servers: &str) -> Result<(), String> {
        let state = self.state.borrow();
        if state.is_up {
            return Ok(());
        }
        if state.is_closed {
            return Err(format!("the connection to {servers} is closed"));
        }
        Err(match &state.trouble {
            Some(trouble) => format!("not connected to {servers}: {trouble}"),
            None => format!("not connected to {servers}"),
        })
    }

    pub fn changes(&self) -> Changes {
        Changes(self.state.subscribe())
    }

    pub fn note_sent(&self) {
        // Most of the time it is set already, and then the cache line stays shared.
        if !self.has_sent.load(Ordering::Relaxed) {
            self.has_sent.store(true, Ordering::Relaxed);
        }
    }

    /// What was on its way when a connection broke may not have come to anybody.
    pub fn was_replaced(&self) {
        if self.has_sent.swap(false, Ordering::Relaxed) {
            self.owe_lapse();
        }
    }

    pub fn owe_lapse(&self) {
        if !self.owes_lapse.load(Ordering::Acquire) {
            self.owes_lapse.store(true, Ordering::Release);
        }
    }

    pub fn take_lapse(&self) -> bool {
        self.owes_lapse.swap(false, Ordering::AcqRel)
    }
}

pub(crate) struct Changes(watch::Receiver<State>);

impl Changes {
    /// Returns with the next change, or never if there will be none.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub async fn is_up(&mut self) {
        if self.0.wait_for(|state| state.is_up).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns once the connection of an epoch is gone.
    pub async fn is_over(&mut self, epoch: u64) {
        let is_over = |state: &State| !state.is_up || state.epoch != epoch;
        if self.0.wait_for(is_over).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
