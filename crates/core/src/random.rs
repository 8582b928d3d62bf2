//! Chance as an argument. Only [`SystemRandom`] asks the operating system.

/// A source of unpredictable bytes.
pub trait Random: Send + Sync + 'static {
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[allow(clippy::disallowed_methods, reason = "the one place where chance enters")]
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no key and no id would be safe: there is nothing to go on with.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
