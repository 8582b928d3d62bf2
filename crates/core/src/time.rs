//! Time as an argument. Only [`SystemClock`] asks the machine; everything else is handed a clock.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Millis(pub i64);

impl Millis {
    pub const SECOND: i64 = 1_000;
    pub const MINUTE: i64 = 60 * Self::SECOND;
    pub const HOUR: i64 = 60 * Self::MINUTE;

    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads an RFC 3339 date-time. Anything finer than a millisecond is cut off.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(text.parse::<Timestamp>().ok()?.as_millisecond()))
    }
}

/// RFC 3339 in UTC with three fraction digits: `2020-06-25T17:44:37.683Z`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Millis;
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where wall time enters")]
    fn now(&self) -> Millis {
        Millis(Timestamp::now().as_millisecond())
    }
}

/// Measures how long something took, for metrics; no decision is taken on it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods, reason = "the one place where durations are measured")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

/// A clock that moves when a test says so.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(now: Millis) -> Self {
        Self(AtomicI64::new(now.0))
    }
    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::SeqCst);
    }
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_sdks_send() {
        let expected = Some(Millis(1_593_107_077_683));
        for text in [
            "2020-06-25T17:44:37.6830000Z",
            "2020-06-25T17:44:37.683Z",
            "2020-06-25T17:44:37.683999Z",
            "2020-06-25T19:44:37.683+02:00",
        ] {
            assert_eq!(Millis::parse(text), expected, "{text}");
        }
        for wrong in [
            "",
            "yesterday",
            "2020-06-25",
            "2020-06-25T17:44:37.683",
            "2020-13-01T00:00:00Z",
            "1593107077683",
        ] {
            assert_eq!(Millis::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn writes_three_fraction_digits() {
        assert_eq!(Millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Millis(1_593_107_077_683).to_string(), "2020-06-25T17:44:37.683Z");
    }
}
