//! ACS's request rates: fixed windows in which refused tries count too, which is why this is not a
//! token bucket of a library. Enforced by the `acs` limits profile alone.

use std::hash::{BuildHasher, RandomState};

use dashmap::DashMap;
use samband_core::{Caller, Millis, Who};
use samband_wire_core::{ApiError, Rate, RateScope};

#[derive(Default)]
pub struct Rates {
    windows: DashMap<u64, Window>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Millis,
    count: u32,
}

impl Rates {
    /// Counts a request; refuses it once a window is full.
    pub fn admit(
        &self,
        rates: &[&'static Rate],
        caller: &Caller,
        first_param: &str,
        now: Millis,
    ) -> Result<(), ApiError> {
        let mut refused: Option<(Millis, u32, u32)> = None;
        for rate in rates {
            for (limit, seconds) in rate.windows {
                let key = self.key(rate, *seconds, caller, first_param);
                let mut window = self.windows.entry(key).or_insert(Window { ends: now, count: 0 });
                if window.ends <= now {
                    *window = Window {
                        ends: now.plus(i64::from(*seconds) * Millis::SECOND),
                        count: 0,
                    };
                }
                window.count = window.count.saturating_add(1);
                if window.count > *limit && refused.is_none_or(|(ends, ..)| ends < window.ends) {
                    refused = Some((window.ends, *limit, *seconds));
                }
            }
        }
        match refused {
            None => Ok(()),
            Some((ends, limit, seconds)) => {
                let wait = ((ends.0 - now.0).max(1) as u64).div_ceil(Millis::SECOND as u64);
                let message = format!("Rate limit exceeded: at most {limit} requests in {seconds} seconds.");
                Err(ApiError::too_many_requests(message, wait))
            }
        }
    }

    fn key(&self, rate: &Rate, seconds: u32, caller: &Caller, first_param: &str) -> u64 {
        let user = match caller.who {
            Who::User { id, .. } => Some(id),
            Who::Key(_) | Who::Operator => None,
        };
        let (user, thread) = match rate.scope {
            RateScope::Resource => (None, ""),
            RateScope::User => (user, ""),
            RateScope::Thread => (None, first_param),
            RateScope::UserAndThread => (user, first_param),
        };
        self.hasher
            .hash_one((rate.op, rate.scope, seconds, caller.resource, user, thread))
    }

    /// Lets go of windows that are over.
    pub fn sweep(&self, now: Millis) {
        self.windows.retain(|_, window| window.ends > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samband_core::{KeySlot, ResourceId};

    static RATE: Rate = Rate::new("Op", RateScope::Thread, &[(2, 10), (3, 60)]);

    #[test]
    fn refused_tries_count_and_windows_end() {
        let rates = Rates::default();
        let caller = Caller {
            resource: ResourceId::from_bytes([1; 16]),
            who: Who::Key(KeySlot::Primary),
        };
        let at = |second: i64, thread: &str| {
            rates
                .admit(&[&RATE], &caller, thread, Millis(second * 1000))
                .map_err(|error| error.retry_after.unwrap())
        };
        assert_eq!(at(0, "a"), Ok(()));
        assert_eq!(at(0, "a"), Ok(()));
        assert_eq!(at(1, "a"), Err(9));
        assert_eq!(at(1, "b"), Ok(()));
        // The short window is over, but three of the minute's are used up, one by the refused try.
        assert_eq!(at(11, "a"), Err(49));
        assert_eq!(at(60, "a"), Ok(()));
        rates.sweep(Millis(1_000_000));
        assert!(rates.windows.is_empty());
    }
}
