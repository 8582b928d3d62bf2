//! Positions of the open stream, read a second time bit by bit.

use samband_core::LogPosition;
use samband_wire_realtime::open::Position;

use crate::source::{Source, text};

/// 19 bytes of six bits a character.
const LENGTH: usize = 26;
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// - A text is a position if a second reader says so, says the same, and is what that encodes to.
/// - Any fields come back, from a text of the one length; places before the log's beginning are none.
/// - A text that was cut, continued or changed is no position, or another one.
pub fn check(data: &[u8]) {
    let sent = text(data);
    let position = Position::decode(&sent);
    assert_eq!(position, read(&sent));
    if let Some(position) = position {
        assert_eq!(position.encode(), sent);
        comes_back(position);
    }

    let mut source = Source(data);
    let (epoch, at, told) = (source.long() as u64, source.long(), u16::from_be_bytes(source.bytes()));
    // The largest number says the same as none.
    let all = told == u16::MAX;
    for (at, told) in [(at, Some(told)), (at, None), (!at, Some(told))] {
        let position = Position {
            epoch,
            at: LogPosition(at),
            told: told.filter(|_| !all),
        };
        assert_eq!(Position { told, ..position }.encode(), position.encode());
        comes_back(position);
    }
    let (place, letter) = (source.byte(), source.byte());
    let position = Position {
        epoch,
        at: LogPosition(at & i64::MAX),
        told: None,
    };
    changes_tell(position, usize::from(place) % LENGTH, char::from(letter));
}

fn comes_back(position: Position) {
    let text = position.encode();
    assert_eq!(text.len(), LENGTH);
    assert!(text.chars().all(|letter| ALPHABET.contains(letter)));
    let expected = (position.at.0 >= 0).then_some(position);
    assert_eq!(Position::decode(&text), expected);
    assert_eq!(read(&text), expected);
}

fn changes_tell(position: Position, place: usize, letter: char) {
    let text = position.encode();
    let (before, after) = text.split_at(place);
    for wrong in [
        before.to_owned(),
        format!("{text}{letter}"),
        format!("{letter}{text}"),
        format!("{before}{letter}{after}"),
        format!("{before}{}", &after[1..]),
        format!("{text}{}", "=".repeat(1 + place)),
        text.repeat(2 + place),
    ] {
        assert_eq!(Position::decode(&wrong), None, "{wrong}");
    }
    let changed = format!("{before}{letter}{}", &after[1..]);
    assert_eq!(Position::decode(&changed) == Some(position), changed == text);
}

/// Nothing is passed over: no other length, letter or format, no bit beyond the last byte.
fn read(text: &str) -> Option<Position> {
    let bits: Vec<bool> = text
        .chars()
        .map(|letter| ALPHABET.find(letter))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .flat_map(|digit| (0..6).rev().map(move |bit| (digit >> bit) & 1 == 1))
        .collect();
    let mut rest = bits.as_slice();
    let mut number = |bits| {
        let (taken, after) = rest.split_at_checked(bits)?;
        rest = after;
        Some(taken.iter().fold(0_u64, |number, bit| (number << 1) | u64::from(*bit)))
    };
    let (format, epoch, at, told, end) = (number(8)?, number(64)?, number(64)?, number(16)?, number(4)?);
    let told = u16::try_from(told).ok().filter(|told| *told != 0xffff);
    let at = LogPosition(i64::try_from(at).ok()?);
    (format == 1 && end == 0 && rest.is_empty()).then_some(Position { epoch, at, told })
}
