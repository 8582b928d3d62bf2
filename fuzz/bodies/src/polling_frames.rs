//! Long polls' bodies. JavaScript counts UTF-16 code units, so the second reader here works on them.

use samband_wire_realtime::polling::{decode, encode};
use samband_wire_realtime::socketio::NOOP;

use crate::source::{text, texts};

const MARK: char = '\u{fffd}';

/// - `decode` accepts and yields the same as a reader that works on code units.
/// - What was encoded is decoded to the same packets; the length before each is its own.
/// - No body is empty, and one packet stands bare unless it could be taken for a frame.
pub fn check(data: &[u8]) {
    let body = text(data);
    let read = decode(&body).ok();
    assert_eq!(read.as_ref().map(|packets| packets.iter().map(ToString::to_string).collect()), decode_units(&body));
    if let Some(packets) = read {
        comes_back(&packets);
    }

    let packets: Vec<_> = texts(data).collect();
    comes_back(&packets);
    assert_eq!(encode::<&str>(&[]), NOOP);
}

fn comes_back<S: AsRef<str>>(packets: &[S]) {
    let packets: Vec<&str> = packets.iter().map(AsRef::as_ref).collect();
    let body = encode(&packets);
    assert_eq!(decode(&body).as_deref(), Ok(packets.as_slice()));
    let framed: String = packets
        .iter()
        .map(|packet| format!("{MARK}{}{MARK}{packet}", packet.encode_utf16().count()))
        .collect();
    match packets.as_slice() {
        [one] if !one.is_empty() && !one.starts_with(MARK) => assert_eq!(body, *one),
        _ => assert_eq!(body, framed),
    }
}

/// As JavaScript would read it. A length that cuts a surrogate pair leaves no text.
fn decode_units(body: &str) -> Option<Vec<String>> {
    let mark = MARK as u16;
    let units: Vec<u16> = body.encode_utf16().collect();
    if *units.first()? != mark {
        return Some(vec![body.to_owned()]);
    }
    let mut packets = Vec::new();
    let mut rest = units.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.iter().position(|unit| *unit == mark).filter(|_| *first == mark)?;
        let (length, after) = (String::from_utf16(&after[..digits]).ok()?, &after[digits + 1..]);
        if length.len() > 9 || !length.chars().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let (packet, next) = after.split_at_checked(length.parse().ok()?)?;
        packets.push(String::from_utf16(packet).ok()?);
        rest = next;
    }
    Some(packets)
}
