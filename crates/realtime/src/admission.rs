//! New connections at a bounded rate: after a restart all clients come back at once, and what they
//! ask of the server (tokens, memberships) must leave room for those who are connected.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use samband_core::Millis;
use samband_wire_core::ApiError;

/// Who would have to wait longer is told to come back: the SDKs give a request up after ten seconds.
const LONGEST_WAIT_MS: f64 = 4_000.0;

pub struct Admission {
    /// Between two connections; 0 = any number at once.
    each_ms: f64,
    /// When the next may come, in ms.
    next: Mutex<f64>,
}

impl Admission {
    /// 0: any number.
    pub fn per_second(connections: u32) -> Self {
        let each_ms = match connections {
            0 => 0.0,
            limited => 1_000.0 / f64::from(limited),
        };
        Self {
            each_ms,
            next: Mutex::new(0.0),
        }
    }

    /// Waits for a new connection's turn, or refuses with 503, upon which the SDKs wait and try again.
    pub async fn admit(&self, now: Millis) -> Result<(), ApiError> {
        let wait = self.turn(now)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// How long a connection is to wait.
    fn turn(&self, now: Millis) -> Result<Duration, ApiError> {
        let now = now.0 as f64;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        // After a quiet time some may come at once, as many as in a tenth of a second.
        let turn = next.max(now - 100.0);
        let wait = (turn - now).max(0.0);
        if wait > LONGEST_WAIT_MS {
            metrics::counter!("samband_realtime_connects_deferred_total").increment(1);
            return Err(ApiError::unavailable());
        }
        *next = turn + self.each_ms;
        Ok(Duration::from_secs_f64(wait / 1_000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_once_then_in_turns_then_later() {
        let admission = Admission::per_second(10);
        let wait = |ms| admission.turn(Millis(ms)).map(|wait| wait.as_millis());
        let waits: Vec<_> = (0..5).map(|_| wait(10_000).expect("admitted")).collect();
        assert_eq!(waits, [0, 0, 100, 200, 300]);
        let more = (0..100).take_while(|_| wait(10_000).is_ok()).count();
        assert_eq!(more, 37, "up to a wait of four seconds");
        let refused = admission.turn(Millis(10_000)).expect_err("full");
        assert_eq!(refused.status, 503);
        assert!(refused.retry_after.is_some());
        // Time makes room.
        assert_eq!(wait(14_000), Ok(100));
        assert_eq!(wait(60_000), Ok(0));
        let unlimited = Admission::per_second(0);
        assert!((0..10_000).all(|_| unlimited.turn(Millis(5)).is_ok_and(|wait| wait.is_zero())));
    }
}
