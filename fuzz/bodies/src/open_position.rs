//! Positions of the open stream, read a second time bit by bit.

use samband_core::LogPosition;
use samband_wire_realtime::open::Position;

use crate::source::{Source, text};

/// The shorter form: 19 bytes of six bits a character.
const SHORT: usize = 26;
/// The longer one has 27 bytes, and eight more for each place beyond.
const LONG: usize = 27;
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// - A text is a position if a second reader says so, says the same, and is what that encodes to.
/// - Any fields come back, but that of too many places the newest do; places before the log's beginning
///   are none.
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
    let told = Some(told).filter(|told| *told != u16::MAX);
    for at in [at, !at] {
        let place = LogPosition(at.max(i64::MIN + 1));
        comes_back(Position::within(epoch, place, told));
        comes_back(Position::at(epoch, place));
    }
    let (place, letter) = (source.byte(), source.byte());
    let simple = Position::at(epoch, LogPosition(at & i64::MAX));
    changes_tell(simple, usize::from(place) % SHORT, char::from(letter));

    let at = at & (i64::MAX >> 2);
    let part = told.map(|told| (LogPosition(at + 1 + i64::from(source.byte())), told));
    let mut beyond = Vec::new();
    let mut last = at;
    for _ in 0..source.byte() % 70 {
        last += 1 + i64::from(source.byte());
        beyond.push(LogPosition(last));
    }
    let position = Position {
        epoch,
        at: LogPosition(at),
        part,
        beyond,
    };
    let places = position.beyond.len().saturating_sub(Position::MOST_BEYOND);
    let kept = Position {
        beyond: position.beyond[places..].to_vec(),
        ..position.clone()
    };
    assert_eq!(position.encode(), kept.encode());
    comes_back(kept);
}

fn comes_back(position: Position) {
    let text = position.encode();
    let in_order = position.beyond.is_empty() && position.part.is_none_or(|(place, _)| place.0 == position.at.0 + 1);
    let bytes = LONG + 8 * position.beyond.len();
    let length = if in_order { SHORT } else { (bytes * 8).div_ceil(6) };
    assert_eq!(text.len(), length);
    assert!(text.chars().all(|letter| ALPHABET.contains(letter)));
    // Of a place that is told in part, it is the place itself that is written.
    let written = match position.part {
        Some((place, _)) if in_order => place,
        _ => position.at,
    };
    let expected = (written.0 >= 0).then_some(position);
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
        if let Some(other) = Position::decode(&wrong) {
            assert_ne!(other, position, "{wrong}");
            assert_eq!(other.encode(), wrong);
        }
    }
    let changed = format!("{before}{letter}{}", &after[1..]);
    assert_eq!(Position::decode(&changed) == Some(position), changed == text);
}

/// Nothing is passed over: no other length, letter or format, no bit beyond the last byte, nothing that
/// has a shorter form, no places out of order.
fn read(text: &str) -> Option<Position> {
    let bits: Vec<bool> = text
        .chars()
        .map(|letter| ALPHABET.find(letter))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .flat_map(|digit| (0..6).rev().map(move |bit| (digit >> bit) & 1 == 1))
        .collect();
    let mut rest = bits.as_slice();
    let mut number = |bits: usize| {
        let (taken, after) = rest.split_at_checked(bits)?;
        rest = after;
        Some(taken.iter().fold(0_u64, |number, bit| (number << 1) | u64::from(*bit)))
    };
    let place = |number: u64| LogPosition(number as i64);
    let (format, epoch, at) = (number(8)?, number(64)?, place(number(64)?));
    let position = match format {
        1 => {
            let told = u16::try_from(number(16)?).ok()?;
            match told {
                u16::MAX => Position::at(epoch, at),
                told => Position {
                    part: Some((at, told)),
                    ..Position::at(epoch, LogPosition(at.0.checked_sub(1)?))
                },
            }
        }
        2 => {
            let (part, told) = (place(number(64)?), u16::try_from(number(16)?).ok()?);
            let mut beyond: Vec<LogPosition> = Vec::new();
            while let Some(next) = number(64) {
                beyond.push(place(next));
            }
            let part = (part.0 != 0 || told != 0).then_some((part, told));
            let ascending = [at].iter().chain(&beyond).is_sorted_by(|one, other| one < other);
            let needed = !beyond.is_empty() || part.is_some_and(|(place, _)| place.0 != at.0 + 1);
            let partly = part.is_none_or(|(place, told)| place > at && told != u16::MAX);
            if !ascending || !needed || !partly || beyond.len() > Position::MOST_BEYOND {
                return None;
            }
            Position { epoch, at, part, beyond }
        }
        _ => return None,
    };
    let end = rest.iter().all(|bit| !bit) && rest.len() < 6;
    (end && at.0 >= 0).then_some(position)
}
