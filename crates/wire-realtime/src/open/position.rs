//! Positions of the open stream: opaque to readers, base64url of a format, the log's epoch, the place
//! in the log, and how many of its events were told (one change of many participants is several).
//!
//! Where transactions do not commit in the order of their places, a reader has been told everything up
//! to one place and a few that stand higher: the second format lists those.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use samband_core::LogPosition;

const IN_ORDER: u8 = 1;
const WITH_BEYOND: u8 = 2;
const WITH_BEYOND_BYTES: usize = 8 + 8 + 8 + 2;
/// All events of the place were told.
const ALL: u16 = u16::MAX;

/// How far a reader has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Of the log: a position of another log means nothing here.
    pub epoch: u64,
    /// Everything up to here was told.
    pub at: LogPosition,
    /// Of one place after that, so many events were told.
    pub part: Option<(LogPosition, u16)>,
    /// And what stands at these places, ascending: none where places are in commit order.
    pub beyond: Vec<LogPosition>,
}

impl Position {
    /// Places beyond that one position holds. More are told again.
    pub const MOST_BEYOND: usize = 32;

    pub fn at(epoch: u64, at: LogPosition) -> Self {
        Self {
            epoch,
            at,
            part: None,
            beyond: Vec::new(),
        }
    }

    /// After so many events of a place, everything before it included; none: all of them.
    pub fn within(epoch: u64, place: LogPosition, told: Option<u16>) -> Self {
        match told {
            None => Self::at(epoch, place),
            Some(told) => Self {
                part: Some((place, told)),
                ..Self::at(epoch, LogPosition(place.0 - 1))
            },
        }
    }

    /// The places of the form that needs no more, if that is enough.
    fn in_order(&self) -> Option<(LogPosition, u16)> {
        match self.part {
            _ if !self.beyond.is_empty() => None,
            None => Some((self.at, ALL)),
            Some((place, told)) => (place.0 == self.at.0 + 1).then_some((place, told)),
        }
    }

    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(1 + WITH_BEYOND_BYTES + 8 * self.beyond.len());
        let epoch = self.epoch.to_be_bytes();
        if let Some((place, told)) = self.in_order() {
            bytes.push(IN_ORDER);
            bytes.extend_from_slice(&epoch);
            bytes.extend_from_slice(&place.0.to_be_bytes());
            bytes.extend_from_slice(&told.to_be_bytes());
            return BASE64.encode(bytes);
        }
        let (place, told) = self.part.unwrap_or((LogPosition(0), 0));
        bytes.push(WITH_BEYOND);
        bytes.extend_from_slice(&epoch);
        bytes.extend_from_slice(&self.at.0.to_be_bytes());
        bytes.extend_from_slice(&place.0.to_be_bytes());
        bytes.extend_from_slice(&told.to_be_bytes());
        // The newest are those that would be told again first.
        let newest = self.beyond.len().saturating_sub(Self::MOST_BEYOND);
        for place in &self.beyond[newest..] {
            bytes.extend_from_slice(&place.0.to_be_bytes());
        }
        BASE64.encode(bytes)
    }

    /// None for what was never a position of ours.
    pub fn decode(text: &str) -> Option<Self> {
        // Longer than any of ours: not worth decoding.
        if text.len() > 2 * (1 + WITH_BEYOND_BYTES + 8 * Self::MOST_BEYOND) {
            return None;
        }
        let bytes = BASE64.decode(text).ok()?;
        let (&format, rest) = bytes.split_first()?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (epoch, at) = (u64::from_be_bytes(*epoch), LogPosition(i64::from_be_bytes(*at)));
        if at.0 < 0 {
            return None;
        }
        match format {
            IN_ORDER => {
                let told = u16::from_be_bytes(rest.try_into().ok()?);
                Some(Self::within(epoch, at, (told != ALL).then_some(told)))
            }
            WITH_BEYOND => {
                let (place, rest) = rest.split_first_chunk::<8>()?;
                let (told, rest) = rest.split_first_chunk::<2>()?;
                let (place, told) = (LogPosition(i64::from_be_bytes(*place)), u16::from_be_bytes(*told));
                let part = match (place.0, told) {
                    (0, 0) => None,
                    _ if place > at && told != ALL => Some((place, told)),
                    _ => return None,
                };
                let (places, []) = rest.as_chunks::<8>() else {
                    return None;
                };
                let beyond: Vec<_> = places
                    .iter()
                    .map(|place| LogPosition(i64::from_be_bytes(*place)))
                    .collect();
                let ascending = beyond.first().is_none_or(|first| *first > at) && beyond.is_sorted_by(|a, b| a < b);
                let position = Self {
                    epoch,
                    at,
                    part,
                    beyond,
                };
                // What fits the shorter form has that form.
                let ours = ascending && position.beyond.len() <= Self::MOST_BEYOND && position.in_order().is_none();
                ours.then_some(position)
            }
            _ => None,
        }
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
        let position = Position::at(7, LogPosition(9));
        let text = position.encode();
        assert_eq!(Position::decode(&text[..text.len() - 2]), None);
        assert_eq!(Position::decode(&format!("Aw{}", &text[2..])), None, "another format");
    }

    proptest! {
            #[test]
    fn comes_back(epoch: u64, at in 0..i64::MAX, told in proptest::option::of(0..u16::MAX)) {
                let position = Position::within(epoch, LogPosition(at), told);
                let text = position.encode();
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
                prop_assert_eq!(Position::decode(&text), Some(position));
            }

            #[test]
            fn comes_back_with_what_stands_beyond(
                epoch: u64,
                at in 0..i64::MAX / 2,
                part in proptest::option::of((1..1_000_i64, 0..u16::MAX)),
                beyond in proptest::collection::btree_set(1..1_000_000_i64, 0..80),
            ) {
                let part = part.map(|(after, told)| (LogPosition(at + after), told));
                let beyond: Vec<_> = beyond.into_iter().map(|after| LogPosition(at + after)).collect();
                let position = Position { epoch, at: LogPosition(at), part, beyond };
                let kept = position.beyond.len().saturating_sub(Position::MOST_BEYOND);
                let expected = Position { beyond: position.beyond[kept..].to_vec(), ..position.clone() };
                prop_assert_eq!(Position::decode(&position.encode()), Some(expected));
            }

            #[test]
            fn any_text_is_read_or_refused(text in ".{0,60}") {
                if let Some(position) = Position::decode(&text) {
                    prop_assert_eq!(position.encode(), text);
                }
            }
        }
}
