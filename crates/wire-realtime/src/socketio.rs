//! Socket.IO 0.9 (protocol 1) packets, as far as the SDKs' signalling uses them (spec §4a, §5):
//! `type:[id[+]]:[endpoint][:data]`, one in each text frame.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::allocate::ConnectionId;
use crate::template::to_json;

/// The answer to whoever connects; must come within 10 s of the opening.
pub const CONNECT: &str = "1::";
pub const DISCONNECT: &str = "0::";
pub const HEARTBEAT: &str = "2::";
/// Keeps a long poll alive: an empty body does not (spec §4b).
pub const NOOP: &str = "8::";

/// The largest packet that a client has reason to send: its replies carry no content.
pub const CLIENT_PACKET_MOST: usize = 64 * 1024;
/// Longest decimal number that is taken as a packet's id.
const ID_DIGITS_MOST: usize = 19;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Disconnect,
    Connect,
    Heartbeat,
    Message,
    Json,
    Event,
    Ack,
    Error,
    Noop,
}

const KINDS: [Kind; 9] = [
    Kind::Disconnect,
    Kind::Connect,
    Kind::Heartbeat,
    Kind::Message,
    Kind::Json,
    Kind::Event,
    Kind::Ack,
    Kind::Error,
    Kind::Noop,
];

/// A packet, borrowing from the frame that it came in. `Display` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    pub kind: Kind,
    /// Decimal digits.
    pub id: Option<&'a str>,
    /// The id stands with `+`: the sender wants an acknowledgement with data.
    pub ack: bool,
    /// Empty in all that the SDKs send.
    pub endpoint: &'a str,
    pub data: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketError {
    TooLong,
    Malformed,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the packet is too long",
            Self::Malformed => "not a Socket.IO packet",
        })
    }
}

impl std::error::Error for PacketError {}

impl<'a> Packet<'a> {
    /// Reads what a client sent.
    pub fn parse(text: &'a str) -> Result<Self, PacketError> {
        Self::parse_within(text, CLIENT_PACKET_MOST)
    }

    /// Reads a packet of at most `most` bytes; a server's are larger than a client's.
    pub fn parse_within(text: &'a str, most: usize) -> Result<Self, PacketError> {
        if text.len() > most {
            return Err(PacketError::TooLong);
        }
        let mut parts = text.splitn(4, ':');
        let mut part = || parts.next();
        let (Some(kind), Some(id), Some(endpoint)) = (part(), part(), part()) else {
            return Err(PacketError::Malformed);
        };
        let data = part();
        let kind = match kind.as_bytes() {
            [digit @ b'0'..=b'8'] => KINDS[usize::from(digit - b'0')],
            _ => return Err(PacketError::Malformed),
        };
        let (id, ack) = match id.strip_suffix('+') {
            Some(id) => (id, true),
            None => (id, false),
        };
        if id.len() > ID_DIGITS_MOST || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PacketError::Malformed);
        }
        Ok(Self {
            kind,
            id: (!id.is_empty()).then_some(id),
            ack,
            endpoint,
            data,
        })
    }

    /// What to send back at once, if the packet asks for it. Each event that has an id must be
    /// acknowledged whatever its name, or the client connects anew, for ever (spec §4a).
    pub fn acknowledgement(&self) -> Option<String> {
        if !matches!(self.kind, Kind::Message | Kind::Json | Kind::Event) {
            return None;
        }
        let id = self.id?;
        if !self.ack {
            return Some(format!("6:::{id}"));
        }
        let answer = match self.client_event() {
            Some(ClientEvent::Ping) => "pong",
            _ => "ok",
        };
        Some(format!("6:::{id}+[\"{answer}\"]"))
    }

    /// The event that a client emitted.
    pub fn client_event(&self) -> Option<ClientEvent<'a>> {
        #[derive(Deserialize)]
        struct Emitted<'a> {
            #[serde(borrow)]
            name: Cow<'a, str>,
            #[serde(borrow, default)]
            args: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Activity {
            state: Option<String>,
        }
        let data = self.data.filter(|_| self.kind == Kind::Event)?;
        let emitted: Emitted<'a> = object(data)?;
        Some(match emitted.name.as_ref() {
            "ping" => ClientEvent::Ping,
            "user.activity" => {
                // Whatever the arguments are, the name alone asks for an answer.
                let args: Option<Vec<&RawValue>> = emitted.args.and_then(|args| serde_json::from_str(args.get()).ok());
                let activity = args.and_then(|args| object::<Activity>(args.first()?.get()));
                let state = activity.and_then(|activity| activity.state);
                ClientEvent::UserActivity { state }
            }
            _ => ClientEvent::Other(emitted.name),
        })
    }

    /// The client's answer to a pushed request (spec §5).
    pub fn reply(&self) -> Option<Reply> {
        object(self.data.filter(|_| self.kind == Kind::Message)?)
    }
}

/// Reads an object. serde alone would take an array of the fields' values as well.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let is_object = json.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(json).ok()).flatten()
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.ack { "+" } else { "" };
        let id = self.id.unwrap_or_default();
        write!(f, "{}:{id}{plus}:{}", self.kind as u8, self.endpoint)?;
        match self.data {
            Some(data) => write!(f, ":{data}"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// `active` or `inactive`.
    UserActivity {
        state: Option<String>,
    },
    Ping,
    Other(Cow<'a, str>),
}

/// 200: handled; 404: the client had no use for it; 504: its handler took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Reply {
    pub id: u64,
    pub status: u16,
}

/// The handshake's answer (spec §4): the heartbeat and closing times of 85 s with which the SDKs ping
/// every 40 s, and the transports in the order in which they are tried.
pub fn handshake(sid: &str, transports: &[Transport]) -> String {
    let names: Vec<_> = transports.iter().map(|transport| transport.as_str()).collect();
    format!("{sid}:85:85:{}", names.join(","))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    Polling,
}

impl Transport {
    pub const ALL: [Self; 2] = [Self::WebSocket, Self::Polling];

    /// The name in the handshake and in the path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Polling => "xhr-polling",
        }
    }
}

/// Why the server ends a connection (`0:::`).
pub fn disconnect(reason: &str) -> String {
    #[derive(serde::Serialize)]
    struct Why<'a> {
        reason: &'a str,
    }
    format!("0:::{}", to_json(&Why { reason }))
}

/// The event after which the client counts as connected and takes pushes. Follows `CONNECT`.
pub fn connected(ttl_seconds: u32) -> String {
    format!(r#"5:1::{{"name":"trouter.connected","args":[{{"dur":"0","ttl":{ttl_seconds}}}]}}"#)
}

/// Asks the client to move to another connection; it keeps this one until the other stands.
pub fn reconnect() -> String {
    r#"5:::{"name":"trouter.reconnect","args":[{"target":"global"}]}"#.to_owned()
}

const PUSH_HEAD: &str = r#"3:::{"id":"#;
const PUSH_METHOD: &str = r#","method":"POST","url":"/v4/f/"#;
const PUSH_HEADERS: &str = r#"/messaging","headers":{},"body":""#;
const PUSH_TAIL: &str = r#""}"#;
/// What a push frame is longer than its body, at most.
pub const PUSH_FRAME_MOST: usize =
    PUSH_HEAD.len() + 20 + PUSH_METHOD.len() + ConnectionId::TEXT_LEN + PUSH_HEADERS.len() + PUSH_TAIL.len();

/// Appends the packet that pushes a request (spec §5). `body` appends its body, already escaped as
/// the inside of a JSON string.
pub fn push_frame(out: &mut String, id: u64, connection: ConnectionId, body: impl FnOnce(&mut String)) {
    out.push_str(PUSH_HEAD);
    // Writing to a String does not fail.
    let _ = write!(out, "{id}");
    out.push_str(PUSH_METHOD);
    let _ = write!(out, "{connection}");
    out.push_str(PUSH_HEADERS);
    body(out);
    out.push_str(PUSH_TAIL);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_clients_were_seen_to_send() {
        let activity = r#"5:1+::{"name":"user.activity","args":[{"state":"active","cv":"q36xhlSxpuWI3V7k9TzONQ.2"}]}"#;
        let packet = Packet::parse(activity).unwrap();
        assert_eq!((packet.kind, packet.id, packet.ack), (Kind::Event, Some("1"), true));
        let state = Some("active".to_owned());
        assert_eq!(packet.client_event(), Some(ClientEvent::UserActivity { state }));
        assert_eq!(packet.acknowledgement().as_deref(), Some(r#"6:::1+["ok"]"#));

        let ping = Packet::parse(r#"5:3+::{"name":"ping"}"#).unwrap();
        assert_eq!(ping.client_event(), Some(ClientEvent::Ping));
        assert_eq!(ping.acknowledgement().as_deref(), Some(r#"6:::3+["pong"]"#));

        let reply = r#"3:::{"id":7,"status":200,"headers":{"MS-CV":"a.0","trouter-client":"{\"cd\":2}"},"body":""}"#;
        let packet = Packet::parse(reply).unwrap();
        assert_eq!(packet.reply(), Some(Reply { id: 7, status: 200 }));
        assert_eq!(packet.acknowledgement(), None);

        for (text, kind) in [
            ("0::", Kind::Disconnect),
            ("2::", Kind::Heartbeat),
            ("6:::1", Kind::Ack),
        ] {
            assert_eq!(Packet::parse(text).unwrap().kind, kind);
        }
    }

    #[test]
    fn acknowledges_every_event_with_an_id() {
        for (packet, answer) in [
            (r#"5:12+::{"name":"whatever"}"#, Some(r#"6:::12+["ok"]"#)),
            (r#"5:12+::not json"#, Some(r#"6:::12+["ok"]"#)),
            (
                r#"5:12+::{"name":"user.activity","args":"odd"}"#,
                Some(r#"6:::12+["ok"]"#),
            ),
            (r#"5:12+::"#, Some(r#"6:::12+["ok"]"#)),
            (r#"5:12::{"name":"ping"}"#, Some("6:::12")),
            (r#"5:::{"name":"ping"}"#, None),
            ("6:::12+[]", None),
        ] {
            assert_eq!(
                Packet::parse(packet).unwrap().acknowledgement().as_deref(),
                answer,
                "{packet}"
            );
        }
    }

    #[test]
    fn an_array_is_no_event_and_no_reply() {
        let ping = Packet::parse(r#"5:3+::["ping"]"#).unwrap();
        assert_eq!(ping.client_event(), None);
        assert_eq!(ping.acknowledgement().as_deref(), Some(r#"6:::3+["ok"]"#));
        assert_eq!(Packet::parse("3:::[7,200]").unwrap().reply(), None);
        let activity = |args: &str| {
            let text = format!(r#"5:1+::{{"name":"user.activity","args":{args}}}"#);
            Packet::parse(&text).unwrap().client_event() == Some(ClientEvent::UserActivity { state: None })
        };
        assert!(activity(r#"[["active"]]"#) && activity(r#"["active"]"#));
    }

    #[test]
    fn refuses_what_is_no_packet() {
        for text in [
            "",
            "5",
            "5:",
            "9::",
            "12::",
            "a::",
            "5:x::",
            "5:1++::",
            "5:-1::",
            "\u{ff10}::",
        ] {
            assert_eq!(Packet::parse(text), Err(PacketError::Malformed), "{text}");
        }
        let long = format!("3:::{}", "x".repeat(CLIENT_PACKET_MOST));
        assert_eq!(Packet::parse(&long), Err(PacketError::TooLong));
        assert!(Packet::parse_within(&long, usize::MAX).is_ok());
    }

    #[test]
    fn writes_what_the_sdks_were_seen_to_take() {
        assert_eq!(handshake("abc", &Transport::ALL), "abc:85:85:websocket,xhr-polling");
        assert_eq!(
            connected(604_800),
            r#"5:1::{"name":"trouter.connected","args":[{"dur":"0","ttl":604800}]}"#
        );
        assert_eq!(disconnect("unauthorized"), r#"0:::{"reason":"unauthorized"}"#);
        for text in [
            CONNECT,
            DISCONNECT,
            HEARTBEAT,
            NOOP,
            &connected(1),
            &reconnect(),
            &disconnect("dup"),
        ] {
            assert!(Packet::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_push_frame_is_no_longer_than_said() {
        let mut frame = String::new();
        push_frame(&mut frame, u64::MAX, ConnectionId::from_bytes([0xff; 16]), |_| ());
        assert_eq!(frame.len(), PUSH_FRAME_MOST);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[0-9:+]{0,12}.*|5:[0-9]{0,30}\\+::[\\[{\"namergs:}\\]]*") {
            if let Ok(packet) = Packet::parse(&text) {
                let _ = (packet.acknowledgement(), packet.client_event(), packet.reply());
                prop_assert_eq!(packet.to_string(), text);
            }
        }

        #[test]
        fn comes_back_as_it_was(
            kind in 0..9usize,
            id in proptest::option::of("[0-9]{1,19}"),
            ack: bool,
            endpoint in "[^:]{0,5}",
            data in proptest::option::of(any::<String>()),
        ) {
            let (id, data) = (id.as_deref(), data.as_deref());
            let packet = Packet { kind: KINDS[kind], id, ack, endpoint: &endpoint, data };
            let text = packet.to_string();
            prop_assert_eq!(Packet::parse(&text), Ok(packet));
        }
    }
}
