//! The query strings of allocation, handshake, socket and poll. The SDKs do not encode all that
//! they put in (`/`, `:` and `,` stand raw, spec §4), so nothing here is refused.

use std::borrow::Cow;

/// More parameters than this are passed over; the SDKs send fewer than twenty.
const MOST: usize = 64;
/// The SDKs ask for 40 s, the longest that a poll may be held (spec §4b).
const HOLD_SECONDS_MOST: u64 = 40;

/// The parameters, decoded, in the order in which they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Reads what stands after the `?`.
    pub fn parse(text: &'a str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(MOST);
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The first parameter of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_ref())
    }

    /// All parameters, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// The client endpoint (a tab, an app) that the connection belongs to.
    pub fn epid(&self) -> Option<&str> {
        self.get("epid").filter(|epid| !epid.is_empty())
    }

    /// How long a poll may be held.
    pub fn hold_seconds(&self) -> u64 {
        let asked = self.get("timeout").and_then(|text| text.parse().ok());
        asked.unwrap_or(HOLD_SECONDS_MOST).clamp(1, HOLD_SECONDS_MOST)
    }
}

/// Percent-decoding that leaves as it is what it cannot read; `+` is no space, as the SDKs write
/// those `%20`.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_handshake_as_it_was_seen() {
        let query = Query::parse(
            "sr=abc&issuer=mock&sp=connect&st=1&se=2&sig=x-_&v=v4&tc=%7B%22cv%22:%222024.14.01.55%22,%22ua%22:%22a/b%22%7D\
             &timeout=40&auth=true&epid=e1&ccid=cc-abc&dom=localhost:9001/x&con_num=1795243941738_1&t=5&epid=e2",
        );
        assert_eq!(query.get("tc"), Some(r#"{"cv":"2024.14.01.55","ua":"a/b"}"#));
        assert_eq!(query.get("dom"), Some("localhost:9001/x"));
        assert_eq!(query.epid(), Some("e1"));
        assert_eq!(query.get("nothing"), None);
        assert_eq!(query.hold_seconds(), 40);
    }

    #[test]
    fn leaves_what_it_cannot_read() {
        let query = Query::parse("?=&&a&b=%&c=%zz&d=%ff&e=1=2&f=a+b&timeout=99999");
        let values = ["a", "b", "c", "d", "e", "f"].map(|name| query.get(name).unwrap());
        assert_eq!(values, ["", "%", "%zz", "%ff", "1=2", "a+b"]);
        assert_eq!(query.hold_seconds(), 40);
        assert_eq!(Query::parse("timeout=0").hold_seconds(), 1);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(%|&|=|[0-9a-f]|.){0,40}") {
            let _ = Query::parse(&text).get("a");
        }
    }
}
