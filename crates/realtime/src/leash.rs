//! What ends a connection from outside: its token's expiry, a revocation, the server's end.
//!
//! A small task of its own watches for each connection, so that the connection's, which wakes for
//! every event, need not look at what everybody shares.

use std::sync::Arc;
use std::time::Duration;

use samband_core::{KeySlot, ResourceId};
use samband_identity::Grant;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::session::Session;
use crate::shared::Shared;

/// What a connection rests on.
#[derive(Debug, Clone)]
pub enum Right {
    Token(Grant),
    Key {
        resource: ResourceId,
        slot: KeySlot,
        /// The slot's generation when it was shown.
        generation: i64,
    },
    Operator {
        resource: ResourceId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    Expired,
    Revoked,
    /// The server is going, and it is this connection's turn.
    Stopping,
}

pub struct Leash {
    right: Right,
    newer: mpsc::Sender<Grant>,
    pull: oneshot::Receiver<Pull>,
    pulled: Option<Pull>,
    watcher: JoinHandle<()>,
}

impl Leash {
    pub fn new(shared: &Arc<Shared>, right: Right, session: &Session) -> Self {
        let (newer, renewals) = mpsc::channel(1);
        let (told, pull) = oneshot::channel();
        let watcher = Watcher {
            revocations: shared.tokens.revocations(),
            stop: shared.stop.clone(),
            shared: shared.clone(),
            turn: session.turn(),
            right: right.clone(),
            renewals,
        };
        let watcher = tokio::spawn(async move {
            let _ = told.send(watcher.watch().await);
        });
        Self {
            right,
            newer,
            pull,
            pulled: None,
            watcher,
        }
    }

    pub fn right(&self) -> &Right {
        &self.right
    }

    /// A newer token takes the older one's place.
    pub async fn renew(&mut self, grant: Grant) {
        self.right = Right::Token(grant.clone());
        // If the watcher has ended, the connection ends too.
        let _ = self.newer.send(grant).await;
    }

    /// Returns when the connection must end. May be dropped while it waits.
    pub async fn pulled(&mut self) -> Pull {
        if let Some(pull) = self.pulled {
            return pull;
        }
        // A watcher that is gone without a word went with the runtime.
        let pull = (&mut self.pull).await.unwrap_or(Pull::Stopping);
        self.pulled = Some(pull);
        pull
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

struct Watcher {
    shared: Arc<Shared>,
    right: Right,
    renewals: mpsc::Receiver<Grant>,
    revocations: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    turn: f64,
}

impl Watcher {
    async fn watch(mut self) -> Pull {
        loop {
            // What was revoked while the connection was being made counts too.
            if !self.holds().await {
                return Pull::Revoked;
            }
            let left = match &self.right {
                Right::Token(grant) => Some(self.shared.until(grant.expires)),
                Right::Key { .. } | Right::Operator { .. } => None,
            };
            let expiry = async {
                match left {
                    Some(left) => sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.revocations.changed() => {}
                Some(newer) = self.renewals.recv() => self.right = Right::Token(newer),
                () = expiry => return Pull::Expired,
                () = going(&mut self.stop) => {
                    sleep(my_turn(self.turn, &self.shared)).await;
                    return Pull::Stopping;
                }
            }
        }
    }

    /// Whether what the connection rests on still holds.
    async fn holds(&mut self) -> bool {
        let directory = &self.shared.directory;
        match &mut self.right {
            Right::Token(grant) => match self.shared.tokens.check(grant, self.shared.clock.now()).await {
                Ok(None) => true,
                Ok(Some(checked)) => {
                    *grant = checked;
                    true
                }
                Err(_) => false,
            },
            Right::Key {
                resource,
                slot,
                generation,
            } => directory.key_generation(*resource, *slot) == Some(*generation),
            Right::Operator { resource } => directory.get(*resource).is_some(),
        }
    }
}

/// Returns once the server is going.
async fn going(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Whoever would say so is gone without saying so: a test that ends.
        std::future::pending::<()>().await;
    }
}

/// Connections move one after another, half a millisecond each: all at once they would come back
/// to the other nodes all at once.
fn my_turn(turn: f64, shared: &Shared) -> Duration {
    const EACH: Duration = Duration::from_micros(500);
    let open = u32::try_from(shared.tasks.len()).unwrap_or(u32::MAX);
    EACH.saturating_mul(open).min(shared.drain / 2).mul_f64(turn)
}

/// Timers need the runtime's own clock.
pub fn now() -> Instant {
    Instant::now()
}
