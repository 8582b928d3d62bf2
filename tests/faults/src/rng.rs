//! splitmix64: a small random source whose runs can be replayed from their seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// Steele, Lea and Flood's splitmix64.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// A source that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The seed in environment variable `name` (decimal or 0x...), else one from the clock.
    ///
    /// A test prints the seed it got, so that a failing run can be repeated.
    ///
    /// # Panics
    ///
    /// If the variable is set to something else than a number: running with another seed than
    /// the one asked for would waste the reader's time.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's seed may come from the clock: it is printed and can be set"
    )]
    pub fn seed_from_env(name: &str) -> u64 {
        if let Ok(text) = std::env::var(name) {
            let text = text.trim();
            let parsed = match text.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16),
                None => text.parse(),
            };
            return parsed.unwrap_or_else(|err| panic!("{name}={text}: not a seed: {err}"));
        }
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        // The low bits are the ones that change; mixing spreads them over the whole word.
        Self::new(clock.map_or(1, |age| age.as_nanos() as u64)).next_u64()
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (which must not be 0). The bias is of no matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// The closure form that [`PowerCutDisk::cut`](crate::PowerCutDisk::cut) takes.
    pub fn source(&mut self) -> impl FnMut() -> u64 + '_ {
        || self.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn gives_the_published_sequence() {
        let mut rng = SplitMix64::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }
}
