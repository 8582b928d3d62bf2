//! Query strings, read a second time with a decoder that is not ours.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use samband_wire_realtime::Query;

use crate::source::{text, texts};

/// What the parser passes over.
const MOST: usize = 64;

/// - Each name yields the first value that a second reader finds for it, and others yield none.
/// - Empty parameters change nothing.
/// - The endpoint is never empty, and a poll is held for 1 s to 40 s whatever was asked.
/// - Any names and values come back from a query that encodes them.
pub fn check(data: &[u8]) {
    let sent = text(data);
    let expected: Vec<_> = sent
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(MOST)
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    let query = Query::parse(&sent);
    says(&query, &expected);
    assert_eq!(Query::parse(&format!("&&{sent}&")), query);

    let texts: Vec<_> = texts(data).collect();
    let pairs: Vec<_> = texts
        .chunks(2)
        .map(|pair| (pair[0].clone(), pair.get(1).cloned().unwrap_or_default()))
        .collect();
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let written: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    says(&Query::parse(&written.join("&")), &pairs[..pairs.len().min(MOST)]);
}

fn says(query: &Query<'_>, pairs: &[(Cow<'_, str>, Cow<'_, str>)]) {
    let first = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_ref());
    for (name, value) in pairs {
        assert_eq!(query.get(name), first(name));
        // Mostly the names of nothing.
        assert_eq!(query.get(value), first(value));
    }
    assert_eq!(query.epid(), first("epid").filter(|epid| !epid.is_empty()));
    let asked = first("timeout").and_then(|seconds| seconds.parse::<u64>().ok());
    assert_eq!(query.hold_seconds(), asked.map_or(40, |seconds| seconds.clamp(1, 40)));
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}
