//! The bodies of long polls, both ways (spec §4b): one bare packet, or several, each as
//! `\u{fffd}<length>\u{fffd}<packet>`. Lengths count UTF-16 code units, as JavaScript does.

use std::fmt;

use crate::socketio;

const MARK: char = '\u{fffd}';
/// A longer number is no length of anything that fits a body.
const DIGITS_MOST: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameError;

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the packets of the body do not have the lengths that it says")
    }
}

impl std::error::Error for FrameError {}

/// The body that carries the packets; for none, a no-op, as an empty body does not keep the
/// client's connection alive.
pub fn encode<S: AsRef<str>>(packets: &[S]) -> String {
    match packets {
        [] => socketio::NOOP.to_owned(),
        [one] if !one.as_ref().is_empty() && !one.as_ref().starts_with(MARK) => one.as_ref().to_owned(),
        several => {
            let framed = several
                .iter()
                .map(|packet| packet.as_ref().len() + 2 * MARK.len_utf8() + 6);
            let mut body = String::with_capacity(framed.sum());
            for packet in several.iter().map(AsRef::as_ref) {
                body.push(MARK);
                body.push_str(&utf16_len(packet).to_string());
                body.push(MARK);
                body.push_str(packet);
            }
            body
        }
    }
}

/// The packets of a body.
pub fn decode(body: &str) -> Result<Vec<&str>, FrameError> {
    if body.is_empty() {
        return Err(FrameError);
    }
    if !body.starts_with(MARK) {
        return Ok(vec![body]);
    }
    let mut packets = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (length, after) = rest
            .strip_prefix(MARK)
            .and_then(|rest| rest.split_once(MARK))
            .ok_or(FrameError)?;
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length = Some(length)
            .filter(|length| is_number && length.len() <= DIGITS_MOST)
            .and_then(|length| length.parse().ok())
            .ok_or(FrameError)?;
        let end = utf16_offset(after, length).ok_or(FrameError)?;
        let (packet, next) = after.split_at(end);
        packets.push(packet);
        rest = next;
    }
    Ok(packets)
}

fn utf16_len(text: &str) -> usize {
    // Each byte but the continuing ones begins a unit; a character of four bytes is two units.
    let units = |byte: &u8| usize::from(!(0x80..0xc0).contains(byte)) + usize::from(*byte >= 0xf0);
    text.as_bytes().iter().map(units).sum()
}

/// The byte where `units` code units end; none inside a surrogate pair or beyond the end.
fn utf16_offset(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, character) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_packet_is_bare_and_several_are_counted_in_utf16() {
        assert_eq!(encode(&["1::"]), "1::");
        assert_eq!(
            encode(&["1::", "3:::😀ñ"]),
            "\u{fffd}3\u{fffd}1::\u{fffd}7\u{fffd}3:::😀ñ"
        );
        assert_eq!(encode::<&str>(&[]), "8::");
        assert_eq!(
            decode("\u{fffd}3\u{fffd}1::\u{fffd}7\u{fffd}3:::😀ñ"),
            Ok(vec!["1::", "3:::😀ñ"])
        );
        assert_eq!(decode("0::"), Ok(vec!["0::"]));
    }

    #[test]
    fn a_wrong_length_is_an_error() {
        for body in [
            "",
            "\u{fffd}",
            "\u{fffd}3",
            "\u{fffd}\u{fffd}1::",
            "\u{fffd}4\u{fffd}1::",
            "\u{fffd}2\u{fffd}1::",
            "\u{fffd}1\u{fffd}😀",
            "\u{fffd}4\u{fffd}😀",
            "\u{fffd}-1\u{fffd}1::",
            "\u{fffd}+3\u{fffd}1::",
            "\u{fffd}99999999999999999999999\u{fffd}1::",
            "\u{fffd}3\u{fffd}1::x",
        ] {
            assert_eq!(decode(body), Err(FrameError), "{body}");
        }
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(packets in proptest::collection::vec("(.|😀|\u{fffd}|[0-9]){0,20}", 1..8)) {
            let body = encode(&packets);
            prop_assert_eq!(decode(&body), Ok(packets.iter().map(String::as_str).collect()));
        }

        #[test]
        fn never_panics(body in "(\u{fffd}|[0-9]|😀|.){0,40}") {
            if let Ok(packets) = decode(&body) {
                prop_assert_eq!(packets.iter().map(|packet| packet.len()).sum::<usize>() <= body.len(), true);
            }
        }

        #[test]
        fn counts_as_javascript_does(text: String) {
            prop_assert_eq!(utf16_len(&text), text.encode_utf16().count());
        }
    }
}
