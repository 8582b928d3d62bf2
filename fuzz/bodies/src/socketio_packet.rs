//! Packets, read a second time by the spec's grammar, and the JSON in them by serde_json's own type.

use samband_wire_realtime::Packet;
use samband_wire_realtime::socketio::{self, CLIENT_PACKET_MOST, ClientEvent, Kind, PacketError};
use serde_json::{Value, json};

use crate::source::text;

/// - A packet is what the grammar says, no longer than allowed, and is written back as it came.
/// - Whatever asks for an acknowledgement gets one with its id, which asks for none itself.
/// - An event and a reply are JSON objects, and say what the JSON says.
/// - A reason to disconnect comes back, whatever its characters.
pub fn check(data: &[u8]) {
    let text = text(data);
    let packet = Packet::parse_within(&text, usize::MAX);
    assert_eq!(packet.is_ok(), is_packet(&text));
    assert_eq!(Packet::parse_within(&text, text.len()), packet);
    if let Some(less) = text.len().checked_sub(1) {
        assert_eq!(Packet::parse_within(&text, less), Err(PacketError::TooLong));
    }
    let from_client = match text.len() > CLIENT_PACKET_MOST {
        true => Err(PacketError::TooLong),
        false => packet,
    };
    assert_eq!(Packet::parse(&text), from_client);
    if let Ok(packet) = packet {
        assert_eq!(packet.to_string(), text);
        acknowledges(&packet);
        tells_its_event(&packet);
        tells_its_reply(&packet);
    }

    let disconnect = socketio::disconnect(&text);
    let packet = Packet::parse_within(&disconnect, usize::MAX).expect("we write packets");
    assert_eq!((packet.kind, packet.id, packet.endpoint), (Kind::Disconnect, None, ""));
    assert_eq!(json_of(&packet), Some(json!({ "reason": text })));
}

/// `type:[id[+]]:[endpoint][:data]`
fn is_packet(text: &str) -> bool {
    let mut characters = text.chars();
    if !matches!((characters.next(), characters.next()), (Some('0'..='8'), Some(':'))) {
        return false;
    }
    let mut digits = 0;
    loop {
        match characters.next() {
            Some('0'..='9') if digits < 19 => digits += 1,
            Some('+') => return characters.next() == Some(':'),
            // Whatever follows is an endpoint and data.
            Some(':') => return true,
            _ => return false,
        }
    }
}

fn acknowledges(packet: &Packet<'_>) {
    let wants = matches!(packet.kind, Kind::Message | Kind::Json | Kind::Event);
    let answer = packet.acknowledgement();
    let Some(id) = packet.id.filter(|_| wants) else {
        assert_eq!(answer, None);
        return;
    };
    let answer = answer.expect("an id wants an acknowledgement");
    let expected = match (packet.ack, packet.client_event()) {
        (false, _) => id.to_owned(),
        (true, Some(ClientEvent::Ping)) => format!("{id}+[\"pong\"]"),
        (true, _) => format!("{id}+[\"ok\"]"),
    };
    let answer = Packet::parse(&answer).expect("we write packets");
    let written = (answer.kind, answer.id, answer.ack, answer.endpoint, answer.data);
    assert_eq!(written, (Kind::Ack, None, false, "", Some(expected.as_str())));
    assert_eq!(answer.acknowledgement(), None);
}

fn tells_its_event(packet: &Packet<'_>) {
    let event = packet.client_event();
    if packet.kind != Kind::Event {
        assert_eq!(event, None);
    }
    // Events are read without looking into all of them, so some are no JSON for Value: too deep, for one.
    let Some(value) = json_of(packet) else { return };
    let Some(event) = event else {
        let named = packet.kind == Kind::Event && value["name"].is_string();
        assert!(!named || may_name_twice(packet, "name") || may_name_twice(packet, "args"));
        return;
    };
    assert!(value.is_object(), "{value} is no event");
    match event {
        ClientEvent::Ping => assert_eq!(value["name"], "ping"),
        ClientEvent::Other(name) => {
            assert_eq!(value["name"], *name);
            assert!(name != "ping" && name != "user.activity");
        }
        ClientEvent::UserActivity { state } => {
            assert_eq!(value["name"], "user.activity");
            let first = &value["args"][0];
            match state {
                Some(state) => assert_eq!(first["state"], state),
                None => assert!(!first["state"].is_string() || may_name_twice(packet, "state")),
            }
        }
    }
}

fn tells_its_reply(packet: &Packet<'_>) {
    let reply = packet.reply();
    if packet.kind != Kind::Message {
        assert_eq!(reply, None);
    }
    let Some(value) = json_of(packet) else { return };
    let said = value["id"].as_u64().zip(value["status"].as_u64().and_then(|status| u16::try_from(status).ok()));
    match reply {
        Some(reply) => {
            assert!(value.is_object(), "{value} is no reply");
            assert_eq!(Some((reply.id, reply.status)), said);
        }
        None if packet.kind == Kind::Message => {
            assert!(said.is_none() || may_name_twice(packet, "id") || may_name_twice(packet, "status"));
        }
        None => {}
    }
}

fn json_of(packet: &Packet<'_>) -> Option<Value> {
    serde_json::from_str(packet.data?).ok()
}

/// A field that stands twice is refused, while `Value` keeps the last. An escape may hide one.
fn may_name_twice(packet: &Packet<'_>, field: &str) -> bool {
    let data = packet.data.unwrap_or_default();
    data.contains('\\') || data.matches(&format!("\"{field}\"")).count() > 1
}
