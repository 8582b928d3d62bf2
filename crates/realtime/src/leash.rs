//! What ends a connection from outside: its token's expiry, a revocation, the server's end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use samband_core::{KeySlot, ResourceId};
use samband_identity::Grant;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

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
    shared: Arc<Shared>,
    right: Right,
    revocations: watch::Receiver<u64>,
    /// Something was revoked, and whether it concerns this connection is not known yet.
    doubtful: bool,
    stop: watch::Receiver<bool>,
    turn: f64,
    expiry: Option<Pin<Box<Sleep>>>,
    /// The server is going; until this connection's turn.
    leaving: Option<Pin<Box<Sleep>>>,
}

impl Leash {
    pub fn new(shared: &Arc<Shared>, right: Right, session: &Session) -> Self {
        let mut leash = Self {
            shared: shared.clone(),
            revocations: shared.tokens.revocations(),
            // What was revoked while the connection was being made counts too.
            doubtful: true,
            stop: shared.stop.clone(),
            turn: session.turn(),
            expiry: None,
            leaving: None,
            right,
        };
        leash.time_expiry();
        leash
    }

    pub fn right(&self) -> &Right {
        &self.right
    }

    /// A newer token takes the older one's place.
    pub fn renew(&mut self, grant: Grant) {
        self.right = Right::Token(grant);
        self.doubtful = true;
        self.time_expiry();
    }

    fn time_expiry(&mut self) {
        if let Right::Token(grant) = &self.right {
            self.expiry = Some(Box::pin(sleep(self.shared.until(grant.expires))));
        }
    }

    /// Returns when the connection must end. May be dropped while it waits.
    pub async fn pulled(&mut self) -> Pull {
        loop {
            if self.doubtful {
                if !self.holds().await {
                    return Pull::Revoked;
                }
                self.doubtful = false;
            }
            let staying = self.leaving.is_none();
            let expiry = async {
                match &mut self.expiry {
                    Some(expiry) => expiry.await,
                    None => std::future::pending().await,
                }
            };
            let left = async {
                match &mut self.leaving {
                    Some(turn) => turn.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.revocations.changed() => self.doubtful = true,
                () = expiry => return Pull::Expired,
                () = left => return Pull::Stopping,
                () = going(&mut self.stop), if staying => {
                    self.leaving = Some(Box::pin(sleep(my_turn(self.turn, &self.shared))));
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
pub async fn going(stop: &mut watch::Receiver<bool>) {
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
