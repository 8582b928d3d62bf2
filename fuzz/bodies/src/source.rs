//! A fuzzer's bytes as the values that a body needs. Nothing is refused: what is missing is zero or
//! empty, so that every input means something.

use std::borrow::Cow;

/// Stands between texts. It is a byte that UTF-8 does not have, so a text may hold any character.
const BETWEEN: u8 = 0xff;

/// The bytes as one text.
pub fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// The bytes as texts; at least one.
pub fn texts(data: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    data.split(|byte| *byte == BETWEEN).map(text)
}

/// Takes numbers from the front of the bytes.
pub struct Source<'a>(pub &'a [u8]);

impl<'a> Source<'a> {
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let (taken, rest) = self.0.split_at(self.0.len().min(N));
        bytes[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        bytes
    }

    pub fn byte(&mut self) -> u8 {
        let [byte] = self.bytes();
        byte
    }

    pub fn long(&mut self) -> i64 {
        i64::from_be_bytes(self.bytes())
    }

    /// The bytes before the next separator.
    pub fn until_separator(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == BETWEEN);
        let (taken, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        taken
    }
}
