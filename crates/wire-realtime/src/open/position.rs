//! Positions of the open stream: opaque to readers, base64url of a format, the log's epoch, the place
//! in the log, and how many of its events were told (one change of many participants is several).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use samband_core::LogPosition;

const FORMAT: u8 = 1;
const BYTES: usize = 1 + 8 + 8 + 2;
/// All events of the place were told.
const ALL: u16 = u16::MAX;

/// How far a reader has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Of the log: a position of another log means nothing here.
    pub epoch: u64,
    pub at: LogPosition,
    /// Events of that place that were told; none: all of them.
    pub told: Option<u16>,
}

impl Position {
    pub fn encode(&self) -> String {
        let mut bytes = [0; BYTES];
        bytes[0] = FORMAT;
        bytes[1..9].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[9..17].copy_from_slice(&self.at.0.to_be_bytes());
        bytes[17..].copy_from_slice(&self.told.unwrap_or(ALL).to_be_bytes());
        BASE64.encode(bytes)
    }

    /// None for what was never a position of ours.
    pub fn decode(text: &str) -> Option<Self> {
        // Longer than any of ours: not worth decoding.
        if text.len() > 4 * BYTES {
            return None;
        }
        let bytes = BASE64.decode(text).ok()?;
        let (&format, rest) = bytes.split_first()?;
        if format != FORMAT {
            return None;
        }
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let told: [u8; 2] = rest.try_into().ok()?;
        let (at, told) = (i64::from_be_bytes(*at), u16::from_be_bytes(told));
        (at >= 0).then_some(Self {
            epoch: u64::from_be_bytes(*epoch),
            at: LogPosition(at),
            told: (told != ALL).then_some(told),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_position_is_none() {
        for text in ["", "AQ", "not base64!", "////", &"A".repeat(10_000)] {
            assert_eq!(Position::decode(text), None, "{text:.20}");
        }
        let position = Position {
            epoch: 7,
            at: LogPosition(9),
            told: None,
        };
        let text = position.encode();
        assert_eq!(Position::decode(&text[..text.len() - 2]), None);
        assert_eq!(Position::decode(&format!("Ag{}", &text[2..])), None, "another format");
    }

    proptest! {
        #[test]
        fn comes_back(epoch: u64, at in 0..i64::MAX, told in proptest::option::of(0..u16::MAX)) {
            let position = Position { epoch, at: LogPosition(at), told };
            let text = position.encode();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(Position::decode(&text), Some(position));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            if let Some(position) = Position::decode(&text) {
                prop_assert_eq!(position.encode(), text);
            }
        }
    }
}
