//! New connections at a bounded rate: after a restart all clients come back at once, and what they
//! ask of the server (tokens, memberships) must leave room for those who are connected.

use std::sync::{Mutex, PoisonError};

use samband_core::Millis;
use samband_wire_core::ApiError;

/// The second is cut in pieces, so that the load is even.
const PIECES: i64 = 10;

pub struct Admission {
    per_piece: u32,
    /// The present piece of time, and how many came in it.
    present: Mutex<(i64, u32)>,
}

impl Admission {
    /// 0: any number.
    pub fn per_second(connections: u32) -> Self {
        let per_piece = match connections {
            0 => u32::MAX,
            limited => limited.div_ceil(PIECES as u32),
        };
        Self {
            per_piece,
            present: Mutex::new((0, 0)),
        }
    }

    /// Refuses with 503, upon which the SDKs wait and try again.
    pub fn admit(&self, now: Millis) -> Result<(), ApiError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = now.0.div_euclid(1_000 / PIECES);
        if present.0 != piece {
            *present = (piece, 0);
        }
        if present.1 < self.per_piece {
            present.1 += 1;
            return Ok(());
        }
        drop(present);
        metrics::counter!("samband_realtime_connects_deferred_total").increment(1);
        Err(ApiError::unavailable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_each_tenth_of_a_second() {
        let admission = Admission::per_second(20);
        let admitted = |ms| (0..5).filter(|_| admission.admit(Millis(ms)).is_ok()).count();
        assert_eq!(admitted(1_000), 2);
        assert_eq!(admitted(1_099), 0);
        assert_eq!(admitted(1_100), 2);
        let refused = admission.admit(Millis(1_100)).expect_err("full");
        assert_eq!(refused.status, 503);
        assert!(refused.retry_after.is_some());
        let unlimited = Admission::per_second(0);
        assert!((0..10_000).all(|_| unlimited.admit(Millis(0)).is_ok()));
    }
}
