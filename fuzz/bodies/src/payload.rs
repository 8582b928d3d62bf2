//! Events in the SDKs' form: JSON in JSON in JSON, some of it through JavaScript's `unescape`. Read
//! here as the SDKs do, layer by layer, and compared with what was put in.

use std::borrow::Cow;

use samband_core::{Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_wire_realtime::socketio::{Kind, NOOP, PUSH_FRAME_MOST};
use samband_wire_realtime::{
    Attachment, AttachmentKind, ChatEvent, ConnectionId, EventParticipant, Initiator, Message, MessageDeleted,
    MessageEdited, Metadata, Packet, ParticipantsChanged, ReadReceipt, ThreadCreated, ThreadDeleted, ThreadProperties,
    ThreadPropertiesUpdated, Typing, payload, polling,
};
use serde_json::{Value, json};

use crate::source::{Source, text};

/// Participants and attachments of one event.
const LIST_MOST: usize = 4;

/// - The frame is one packet and one JSON object, no longer than was said, and passes a long poll whole.
/// - Its body is a string of one JSON object without repeated fields, with the recipient's ids.
/// - Every text comes back through all layers: nested JSON, and `unescape` where the SDKs use it.
/// - Times and numbers say what was put in.
pub fn check(data: &[u8]) {
    let mut source = Source(data);
    let kind = source.byte();
    let recipient = UserId::from_bytes([source.byte(); 16]);
    let mut parts = Parts(source.0);
    let id = parts.number().unsigned_abs();
    let connection = ConnectionId::from_bytes([kind; 16]);
    let event = event(kind, &mut parts);

    let shared = payload::shared(&event, resource());
    let delivery = shared.for_recipient(recipient);
    let (frame, body) = (delivery.frame(id, connection), delivery.body());

    let packet = Packet::parse_within(&frame, usize::MAX).expect("we write packets");
    assert_eq!((packet.kind, packet.id, packet.endpoint), (Kind::Message, None, ""));
    assert_eq!(
        parse(packet.data.expect("a push has data")),
        json!({
            "id": id, "method": "POST", "url": format!("/v4/f/{connection}/messaging"), "headers": {}, "body": body,
        })
    );
    assert!(frame.bytes().all(|byte| byte >= b' '), "a control character stands raw");
    let inside = json!(body).to_string().len() - 2;
    assert!(frame.len() <= PUSH_FRAME_MOST + inside);
    let packets = [frame.as_str(), NOOP];
    assert_eq!(polling::decode(&polling::encode(&packets)).as_deref(), Ok(&packets[..]));

    let mut expected = expected(&event);
    expected["_eventId"] = expected["eventId"].clone();
    if expected.get("groupId").is_some() {
        let raw_id = mri(recipient);
        expected["recipientId"] = json!(raw_id[2..]);
        expected["recipientMri"] = json!(raw_id);
    }
    assert_eq!(opened(parse(&body)), expected);
}

/// Texts and numbers from the front of the bytes, while there are any.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn some(&mut self) -> Option<Cow<'a, str>> {
        let mut source = Source(self.0);
        let part = (!self.0.is_empty()).then(|| text(source.until_separator()));
        self.0 = source.0;
        part
    }

    fn text(&mut self) -> String {
        self.some().unwrap_or_default().into_owned()
    }

    fn name(&mut self) -> Option<String> {
        self.some().map(Cow::into_owned)
    }

    /// Decimal, so that corpus files can be read.
    fn number(&mut self) -> i64 {
        self.text().parse().unwrap_or(1_700_000_000_001)
    }

    fn time(&mut self) -> Millis {
        Millis(self.number())
    }

    fn stamp(&mut self) -> Stamp {
        Stamp(self.number())
    }

    fn user(&mut self) -> UserId {
        UserId::from_bytes(u128::from(self.number().unsigned_abs()).to_be_bytes())
    }

    fn thread(&mut self) -> ThreadId {
        ThreadId::from_bytes(u128::from(self.number().unsigned_abs()).to_be_bytes())
    }

    fn metadata(&mut self) -> Metadata {
        let name = self.some();
        name.map(|name| (name.into_owned(), self.text())).into_iter().collect()
    }

    fn initiator(&mut self) -> Initiator {
        Initiator {
            user: self.user(),
            display_name: self.name(),
        }
    }

    fn properties(&mut self) -> ThreadProperties {
        ThreadProperties {
            topic: self.text(),
            metadata: self.metadata(),
            retention_days: self.some().map(|days| days.parse().unwrap_or(60)),
        }
    }

    /// As many as there are bytes for.
    fn list<T>(&mut self, one: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut list = Vec::new();
        while !self.0.is_empty() && list.len() < LIST_MOST {
            list.push(one(self));
        }
        list
    }

    fn participants(&mut self) -> Vec<EventParticipant> {
        self.list(|parts| EventParticipant {
            display_name: parts.name(),
            share_history: parts.time(),
            metadata: parts.metadata(),
            user: parts.user(),
        })
    }

    fn message(&mut self, html: bool) -> Message {
        Message {
            content: self.text(),
            sender_display_name: self.name(),
            metadata: self.metadata(),
            html,
            thread: self.thread(),
            id: self.stamp(),
            sender: self.user(),
            version: self.stamp(),
            created: self.time(),
            attachments: self.list(|parts| Attachment {
                id: parts.text(),
                kind: match parts.number() {
                    0 => AttachmentKind::Image,
                    1 => AttachmentKind::File,
                    _ => AttachmentKind::Unknown,
                },
                name: parts.name(),
                url: parts.name(),
                preview_url: parts.name(),
            }),
        }
    }

    fn changed(&mut self) -> ParticipantsChanged {
        let (by, thread, version, time) = (self.initiator(), self.thread(), self.stamp(), self.time());
        let unnamed = usize::from(self.number() == 1);
        let participants = self.participants();
        ParticipantsChanged {
            thread,
            version,
            created: None,
            time,
            by,
            total: participants.len() + unnamed,
            participants,
        }
    }
}

/// `kind` is a digit, so that corpus files can be read.
fn event(kind: u8, parts: &mut Parts<'_>) -> ChatEvent {
    let flag = kind & 0x40 != 0;
    match kind & 0x0f {
        0 => ChatEvent::MessageReceived(parts.message(flag)),
        1 => ChatEvent::MessageEdited(MessageEdited {
            edited: parts.time(),
            message: parts.message(flag),
        }),
        2 => ChatEvent::MessageDeleted(MessageDeleted {
            sender_display_name: parts.name(),
            thread: parts.thread(),
            id: parts.stamp(),
            sender: parts.user(),
            html: flag,
            version: parts.stamp(),
            created: parts.time(),
            deleted: parts.time(),
        }),
        3 => ChatEvent::Typing(Typing {
            sender_display_name: parts.name(),
            thread: parts.thread(),
            sender: parts.user(),
            at: parts.time(),
        }),
        4 => ChatEvent::ReadReceipt(ReadReceipt {
            thread: parts.thread(),
            sender: parts.user(),
            message: parts.stamp(),
            read: parts.time(),
        }),
        5 => ChatEvent::ThreadCreated(ThreadCreated {
            properties: parts.properties(),
            thread: parts.thread(),
            version: parts.stamp(),
            created: parts.time(),
            by: parts.initiator(),
            participants: parts.participants(),
            total: LIST_MOST,
        }),
        6 => ChatEvent::ThreadPropertiesUpdated(ThreadPropertiesUpdated {
            properties: parts.properties(),
            thread: parts.thread(),
            version: parts.stamp(),
            created: None,
            edited: parts.time(),
            by: parts.initiator(),
        }),
        7 => ChatEvent::ThreadDeleted(ThreadDeleted {
            by: parts.initiator(),
            thread: parts.thread(),
            version: parts.stamp(),
            created: None,
            deleted: parts.time(),
            by_policy: flag,
        }),
        8 => ChatEvent::ParticipantsAdded(parts.changed()),
        _ => ChatEvent::ParticipantsRemoved(parts.changed()),
    }
}

/// The event as an app has it once the SDK has opened everything.
fn expected(event: &ChatEvent) -> Value {
    match event {
        ChatEvent::MessageReceived(event) => message(200, event),
        ChatEvent::MessageEdited(event) => {
            let mut json = message(247, &event.message);
            json["edittime"] = time(event.edited);
            json
        }
        ChatEvent::MessageDeleted(event) => json!({
            "eventId": 248, "senderId": mri(event.sender), "groupId": event.thread.to_string(),
            "messageId": event.id.to_string(), "clientMessageId": event.id.to_string(),
            "senderDisplayName": name(&event.sender_display_name), "messageType": type_name(event.html),
            "version": event.version.to_string(), "originalArrivalTime": time(event.created),
            "deletetime": time(event.deleted),
        }),
        ChatEvent::Typing(event) => json!({
            "eventId": 245, "senderId": mri(event.sender), "groupId": event.thread.to_string(),
            "senderDisplayName": name(&event.sender_display_name),
            "version": event.at.0.to_string(), "originalArrivalTime": time(event.at),
        }),
        ChatEvent::ReadReceipt(event) => json!({
            "eventId": 246, "senderId": mri(event.sender), "groupId": event.thread.to_string(),
            "messageId": event.message.to_string(), "clientMessageId": event.message.to_string(),
            "messageBody": {
                "user": mri(event.sender), "messageVisibilityTime": 0, "version": event.read.0.to_string(),
                "consumptionhorizon": format!("{};{};{}", event.message, event.read.0, event.message),
            },
        }),
        ChatEvent::ThreadCreated(event) => {
            let json = json!({
                "eventId": 257, "threadId": event.thread.to_string(), "version": event.version.to_string(),
                "createTime": time(event.created), "createdBy": initiator(&event.by),
                "members": participants(&event.participants), "properties": properties(&event.properties),
            });
            with_total(json, &event.participants, event.total)
        }
        ChatEvent::ThreadPropertiesUpdated(event) => json!({
            "eventId": 258, "threadId": event.thread.to_string(), "version": event.version.to_string(),
            "editTime": time(event.edited), "editedBy": initiator(&event.by),
            "properties": properties(&event.properties),
        }),
        ChatEvent::ThreadDeleted(event) => json!({
            "eventId": 259, "threadId": event.thread.to_string(), "version": event.version.to_string(),
            "deleteTime": time(event.deleted), "deletedBy": initiator(&event.by),
            "reason": if event.by_policy { "deletedByPolicy" } else { "deletedByUser" },
        }),
        ChatEvent::ParticipantsAdded(event) => changed(event, 260, "addedBy", "participantsAdded"),
        ChatEvent::ParticipantsRemoved(event) => changed(event, 261, "removedBy", "participantsRemoved"),
    }
}

fn message(id: u16, message: &Message) -> Value {
    let attachment = |one: &Attachment| {
        let kind = match one.kind {
            AttachmentKind::Image => "image",
            AttachmentKind::File => "file",
            AttachmentKind::Unknown => "unknown",
        };
        let mut json = json!({"id": one.id, "attachmentType": kind});
        for (name, value) in [("name", &one.name), ("url", &one.url), ("previewUrl", &one.preview_url)] {
            if let Some(value) = value {
                json[name] = json!(value);
            }
        }
        json
    };
    json!({
        "eventId": id, "senderId": mri(message.sender), "groupId": message.thread.to_string(),
        "messageId": message.id.to_string(), "clientMessageId": message.id.to_string(),
        "senderDisplayName": name(&message.sender_display_name), "messageType": type_name(message.html),
        "messageBody": message.content, "version": message.version.to_string(),
        "originalArrivalTime": time(message.created), "acsChatMessageMetadata": message.metadata,
        "attachments": message.attachments.iter().map(attachment).collect::<Value>(),
    })
}

fn changed(event: &ParticipantsChanged, id: u16, by: &str, whom: &str) -> Value {
    let json = json!({
        "eventId": id, "threadId": event.thread.to_string(), "version": event.version.to_string(),
        "time": time(event.time), by: initiator(&event.by), whom: participants(&event.participants),
    });
    with_total(json, &event.participants, event.total)
}

fn with_total(mut json: Value, named: &[EventParticipant], total: usize) -> Value {
    if total > named.len() {
        json["totalParticipants"] = json!(total);
    }
    json
}

fn initiator(by: &Initiator) -> Value {
    json!({"participantId": mri(by.user), "displayName": name(&by.display_name)})
}

fn participants(participants: &[EventParticipant]) -> Value {
    let one = |one: &EventParticipant| {
        let mut json = json!({
            "participantId": mri(one.user), "displayName": name(&one.display_name),
            "shareHistoryTime": time(one.share_history),
        });
        if !one.metadata.is_empty() {
            json["memberMetaData"] = json!(one.metadata);
        }
        json
    };
    participants.iter().map(one).collect()
}

fn properties(properties: &ThreadProperties) -> Value {
    let mut json = json!({"topic": properties.topic});
    if !properties.metadata.is_empty() {
        json["acsChatThreadMetadata"] = json!(properties.metadata);
    }
    if let Some(days) = properties.retention_days {
        let after = format!("{days}.00:00:00");
        json["retentionPolicy"] = json!({"retentionPolicyType": "DeleteAfterCreationTime", "executeAfter": after});
    }
    json
}

fn resource() -> ResourceId {
    ResourceId::from_bytes([0x11; 16])
}

fn mri(user: UserId) -> String {
    user.raw_id(resource())
}

fn name(name: &Option<String>) -> &str {
    name.as_deref().unwrap_or_default()
}

fn type_name(html: bool) -> &'static str {
    if html { "RichText/Html" } else { "Text" }
}

/// Times are compared as numbers: there are several ways to write one. Years beyond 9999 stay texts.
fn time(time: Millis) -> Value {
    read_time(&time.to_string())
}

fn read_time(text: &str) -> Value {
    Millis::parse(text).map_or_else(|| json!(text), |time| json!(time.0))
}

/// Parses what is JSON inside strings and reads times, as the SDKs do.
fn opened(mut told: Value) -> Value {
    const ESCAPED: [&str; 9] = [
        "createdBy",
        "editedBy",
        "deletedBy",
        "addedBy",
        "removedBy",
        "members",
        "properties",
        "participantsAdded",
        "participantsRemoved",
    ];
    const TIMES: [&str; 7] = [
        "originalArrivalTime",
        "edittime",
        "deletetime",
        "createTime",
        "editTime",
        "deleteTime",
        "time",
    ];
    open(&mut told, &ESCAPED, |text| parse(&unescape(text)));
    open(&mut told, &["acsChatMessageMetadata", "attachments"], parse);
    open(&mut told, &TIMES, read_time);
    if told["eventId"] == json!(246) {
        open(&mut told, &["messageBody"], parse);
    }
    for inner in ["members", "participantsAdded", "participantsRemoved"] {
        for participant in told.get_mut(inner).and_then(Value::as_array_mut).into_iter().flatten() {
            open(participant, &["memberMetaData"], parse);
            open(participant, &["shareHistoryTime"], read_time);
        }
    }
    if let Some(properties) = told.get_mut("properties") {
        open(properties, &["acsChatThreadMetadata", "retentionPolicy"], parse);
    }
    told
}

fn open(object: &mut Value, names: &[&str], read: impl Fn(&str) -> Value) {
    for name in names {
        if let Some(field) = object.get_mut(name) {
            *field = read(field.as_str().expect("nested JSON and times are strings"));
        }
    }
}

/// JSON as we write it: without spaces, and without a field that stands twice.
fn parse(text: &str) -> Value {
    let value: Value = serde_json::from_str(text).expect("we write JSON");
    assert_eq!(value.to_string().len(), text.len(), "spaces or repeated fields in {text}");
    value
}

/// JavaScript's `unescape`: `%XX` and `%uXXXX` are UTF-16 code units, anything else is as it is.
fn unescape(text: &str) -> String {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut out = Vec::with_capacity(units.len());
    let mut rest = units.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let long = after.strip_prefix(&[u16::from(b'u')]).and_then(|after| digits(after, 4));
        let (unit, next) = match long.or_else(|| digits(after, 2)).filter(|_| *first == u16::from(b'%')) {
            Some(escaped) => escaped,
            None => (*first, after),
        };
        out.push(unit);
        rest = next;
    }
    String::from_utf16(&out).expect("no half of a pair is left alone")
}

/// A hexadecimal number of so many digits, and what follows.
fn digits(units: &[u16], count: usize) -> Option<(u16, &[u16])> {
    let (digits, rest) = units.split_at_checked(count)?;
    let digits = String::from_utf16(digits).ok()?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u16::from_str_radix(&digits, 16).ok()).flatten().map(|number| (number, rest))
}
