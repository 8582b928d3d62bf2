//! The SDKs' payload: the spec's examples, and a second, slow encoding to compare with.

use proptest::prelude::*;
use samband_core::{Millis, ResourceId, Stamp, UserId};
use serde_json::{Map, Value, json};

use super::events::*;
use crate::allocate::ConnectionId;
use crate::event::*;
use crate::payload::shared;
use crate::socketio::{Kind, Packet};

/// The spec's examples (§6) with its users and thread, shortened there, put in.
fn example(text: &str) -> Value {
    let text = text
        .replace("8:acs:…01", &user(1).raw_id(resource()))
        .replace("8:acs:…02", &user(2).raw_id(resource()))
        .replace("acs:…02", &user(2).raw_id(resource())[2..])
        .replace("19:…@thread.v2", &thread().to_string());
    serde_json::from_str(&text).unwrap()
}

fn assert_example(event: ChatEvent, expected: &str) {
    let body = shared(&event, resource()).for_recipient(user(2)).body();
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), example(expected));
}

fn ann() -> Initiator {
    Initiator {
        user: user(1),
        display_name: Some("Ann".to_owned()),
    }
}

fn participant(number: u8, name: &str, share_history: i64, metadata: Metadata) -> EventParticipant {
    EventParticipant {
        user: user(number),
        display_name: Some(name.to_owned()),
        share_history: Millis(share_history),
        metadata,
    }
}

#[test]
fn example_of_a_message() {
    let event = ChatEvent::MessageReceived(Message {
        thread: thread(),
        id: Stamp(1_700_000_000_001),
        sender: user(1),
        sender_display_name: Some("Ann".to_owned()),
        html: false,
        content: "hi 100% ñ 漢字 😀 a:b".to_owned(),
        metadata: metadata("k", "v"),
        attachments: vec![Attachment {
            id: "att1".to_owned(),
            kind: AttachmentKind::Image,
            name: Some("a.png".to_owned()),
            url: Some("/chat/threads/T/images/att1/views/original".to_owned()),
            preview_url: None,
        }],
        version: Stamp(1_700_000_000_001),
        created: Millis(1_700_000_000_001),
    });
    // clientMessageId is ours to choose.
    let expected = r#"{"eventId":200,"_eventId":200,"senderId":"8:acs:…01","recipientMri":"8:acs:…02","recipientId":"acs:…02","groupId":"19:…@thread.v2","messageId":"1700000000001","clientMessageId":"1700000000001","senderDisplayName":"Ann","messageType":"Text","messageBody":"hi 100% ñ 漢字 😀 a:b","version":"1700000000001","originalArrivalTime":"2023-11-14T22:13:20.001Z","acsChatMessageMetadata":"{\"k\":\"v\"}","attachments":"[{\"id\":\"att1\",\"attachmentType\":\"image\",\"name\":\"a.png\",\"url\":\"/chat/threads/T/images/att1/views/original\"}]"}"#;
    assert_example(event, expected);
}

#[test]
fn example_of_a_receipt() {
    let event = ChatEvent::ReadReceipt(ReadReceipt {
        thread: thread(),
        sender: user(1),
        message: Stamp(1_700_000_000_001),
        read: Millis(1_700_000_004_005),
    });
    let expected = r#"{"eventId":246,"_eventId":246,"senderId":"8:acs:…01","recipientMri":"8:acs:…02","recipientId":"acs:…02","groupId":"19:…@thread.v2","messageId":"1700000000001","clientMessageId":"1700000000001","messageBody":"{\"user\":\"8:acs:…01\",\"consumptionhorizon\":\"1700000000001;1700000004005;1700000000001\",\"messageVisibilityTime\":0,\"version\":\"1700000004005\"}"}"#;
    assert_example(event, expected);
}

#[test]
fn example_of_a_created_thread() {
    let event = ChatEvent::ThreadCreated(ThreadCreated {
        thread: thread(),
        version: Stamp(1_700_000_000_123),
        created: Millis(1_700_000_000_000),
        by: ann(),
        properties: ThreadProperties {
            topic: "Lunch 100% — ñ".to_owned(),
            metadata: metadata("room", "5"),
            retention_days: Some(60),
        },
        participants: vec![
            participant(1, "Ann 50% ñ", 0, Metadata::new()),
            participant(2, "Bob", 1_700_000_000_000, metadata("role", "agent")),
        ],
        total: 2,
    });
    let expected = r#"{"eventId":257,"_eventId":257,"threadId":"19:…@thread.v2","version":"1700000000123","createTime":"2023-11-14T22:13:20.000Z","createdBy":"{\"participantId\":\"8:acs:…01\",\"displayName\":\"Ann\"}","members":"[{\"participantId\":\"8:acs:…01\",\"displayName\":\"Ann 50%25 ñ\",\"shareHistoryTime\":\"1970-01-01T00:00:00Z\"},{\"participantId\":\"8:acs:…02\",\"displayName\":\"Bob\",\"shareHistoryTime\":\"2023-11-14T22:13:20Z\",\"memberMetaData\":\"{\\\"role\\\":\\\"agent\\\"}\"}]","properties":"{\"topic\":\"Lunch 100%25 — ñ\",\"acsChatThreadMetadata\":\"{\\\"room\\\":\\\"5\\\"}\",\"retentionPolicy\":\"{\\\"retentionPolicyType\\\":\\\"DeleteAfterCreationTime\\\",\\\"executeAfter\\\":\\\"60.00:00:00\\\"}\"}"}"#;
    assert_example(event, expected);
}

#[test]
fn example_of_a_deleted_thread() {
    let event = |by_policy| {
        ChatEvent::ThreadDeleted(ThreadDeleted {
            thread: thread(),
            version: Stamp(1_700_000_000_123),
            created: None,
            deleted: Millis(1_700_000_006_000),
            by: ann(),
            by_policy,
        })
    };
    let expected = r#"{"eventId":259,"_eventId":259,"threadId":"19:…@thread.v2","version":"1700000000123","deleteTime":"2023-11-14T22:13:26.000Z","deletedBy":"{\"participantId\":\"8:acs:…01\",\"displayName\":\"Ann\"}","reason":"deletedByUser"}"#;
    assert_example(event(false), expected);
    assert_example(event(true), &expected.replace("deletedByUser", "deletedByPolicy"));
}

#[test]
fn example_of_added_participants() {
    let event = ChatEvent::ParticipantsAdded(ParticipantsChanged {
        thread: thread(),
        version: Stamp(1_700_000_000_123),
        created: None,
        time: Millis(1_700_000_007_000),
        by: ann(),
        participants: vec![participant(2, "Bob", 1_700_000_000_000, Metadata::new())],
        total: 1,
    });
    let expected = r#"{"eventId":260,"_eventId":260,"threadId":"19:…@thread.v2","version":"1700000000123","time":"2023-11-14T22:13:27.000Z","addedBy":"{\"participantId\":\"8:acs:…01\",\"displayName\":\"Ann\"}","participantsAdded":"[{\"participantId\":\"8:acs:…02\",\"displayName\":\"Bob\",\"shareHistoryTime\":\"2023-11-14T22:13:20Z\"}]"}"#;
    assert_example(event, expected);
}

#[test]
fn a_frame_is_the_request_that_the_spec_shows() {
    let event = ChatEvent::Typing(Typing {
        thread: thread(),
        sender: user(1),
        sender_display_name: Some("\"Ann\" \\ 5%".to_owned()),
        at: Millis(1_700_000_000_001),
    });
    let shared = shared(&event, resource());
    let delivery = shared.for_recipient(user(2));
    let connection = ConnectionId::from_bytes([7; 16]);
    let frame = delivery.frame(42, connection);
    let start =
        format!(r#"3:::{{"id":42,"method":"POST","url":"/v4/f/{connection}/messaging","headers":{{}},"body":"{{\""#);
    assert!(frame.starts_with(&start), "{frame}");
    let expected = r#"{"eventId":245,"_eventId":245,"senderId":"8:acs:…01","recipientMri":"8:acs:…02","recipientId":"acs:…02","groupId":"19:…@thread.v2","senderDisplayName":"\"Ann\" \\ 5%","version":"1700000000001","originalArrivalTime":"2023-11-14T22:13:20.001Z"}"#;
    assert_eq!(
        serde_json::from_str::<Value>(&delivery.body()).unwrap(),
        example(expected)
    );
}

/// The payload told again, plainly: everything at once and for one recipient.
fn slowly(event: &ChatEvent, resource: ResourceId, recipient: UserId) -> Value {
    let mri = |user: UserId| user.raw_id(resource);
    let escape = |value: Value| json!(value.to_string().replace('%', "%25"));
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    let by = |by: &Initiator| escape(json!({"participantId": mri(by.user), "displayName": named(&by.display_name)}));
    let list = |participants: &[EventParticipant]| {
        let one = |one: &EventParticipant| {
            let mut json = json!({
                "participantId": mri(one.user),
                "displayName": named(&one.display_name),
                "shareHistoryTime": one.share_history.to_string().replace(".000Z", "Z"),
            });
            if !one.metadata.is_empty() {
                json["memberMetaData"] = json!(json!(one.metadata).to_string());
            }
            json
        };
        escape(participants.iter().map(one).collect())
    };
    let properties = |properties: &ThreadProperties| {
        let mut json = json!({"topic": properties.topic});
        if !properties.metadata.is_empty() {
            json["acsChatThreadMetadata"] = json!(json!(properties.metadata).to_string());
        }
        if let Some(days) = properties.retention_days {
            let after = format!("{days}.00:00:00");
            let policy = json!({"retentionPolicyType": "DeleteAfterCreationTime", "executeAfter": after});
            json["retentionPolicy"] = json!(policy.to_string());
        }
        escape(json)
    };
    let message = |id, message: &Message| {
        let attachments: Vec<Value> = message
            .attachments
            .iter()
            .map(|one| {
                let mut json = json!({"id": one.id, "attachmentType": format!("{:?}", one.kind).to_lowercase()});
                for (name, value) in [("name", &one.name), ("url", &one.url), ("previewUrl", &one.preview_url)] {
                    if let Some(value) = value {
                        json[name] = json!(value);
                    }
                }
                json
            })
            .collect();
        json!({
            "eventId": id, "senderId": mri(message.sender), "groupId": message.thread.to_string(),
            "messageId": message.id.to_string(), "clientMessageId": message.id.to_string(),
            "senderDisplayName": named(&message.sender_display_name),
            "messageType": if message.html { "RichText/Html" } else { "Text" },
            "messageBody": message.content, "version": message.version.to_string(),
            "originalArrivalTime": message.created.to_string(),
            "acsChatMessageMetadata": json!(message.metadata).to_string(),
            "attachments": json!(attachments).to_string(),
        })
    };
    let changed = |id: u16, event: &ParticipantsChanged, verb: &str| {
        let mut json = json!({
            "eventId": id, "threadId": event.thread.to_string(), "version": event.version.to_string(),
            "time": event.time.to_string(),
        });
        json[format!("{}By", verb.to_lowercase())] = by(&event.by);
        json[format!("participants{verb}")] = list(&event.participants);
        if event.total > event.participants.len() {
            json["totalParticipants"] = json!(event.total);
        }
        json
    };
    let mut json = match event {
        ChatEvent::MessageReceived(event) => message(200, event),
        ChatEvent::MessageEdited(event) => {
            let mut json = message(247, &event.message);
            json["edittime"] = json!(event.edited.to_string());
            json
        }
        ChatEvent::MessageDeleted(event) => json!({
            "eventId": 248, "senderId": mri(event.sender), "groupId": event.thread.to_string(),
            "messageId": event.id.to_string(), "clientMessageId": event.id.to_string(),
            "senderDisplayName": named(&event.sender_display_name),
            "messageType": if event.html { "RichText/Html" } else { "Text" },
            "version": event.version.to_string(), "originalArrivalTime": event.created.to_string(),
            "deletetime": event.deleted.to_string(),
        }),
        ChatEvent::Typing(event) => json!({
            "eventId": 245, "senderId": mri(event.sender), "groupId": event.thread.to_string(),
            "senderDisplayName": named(&event.sender_display_name),
            "version": event.at.0.to_string(), "originalArrivalTime": event.at.to_string(),
        }),
        ChatEvent::ReadReceipt(event) => json!({
            "eventId": 246, "senderId": mri(event.sender), "groupId": event.thread.to_string(),
            "messageId": event.message.to_string(), "clientMessageId": event.message.to_string(),
            "messageBody": json!({
                "user": mri(event.sender),
                "consumptionhorizon": format!("{};{};{}", event.message.0, event.read.0, event.message.0),
                "messageVisibilityTime": 0, "version": event.read.0.to_string(),
            }),
        }),
        ChatEvent::ThreadCreated(event) => {
            let mut json = json!({
                "eventId": 257, "threadId": event.thread.to_string(), "version": event.version.to_string(),
                "createTime": event.created.to_string(), "createdBy": by(&event.by),
                "members": list(&event.participants), "properties": properties(&event.properties),
            });
            if event.total > event.participants.len() {
                json["totalParticipants"] = json!(event.total);
            }
            json
        }
        ChatEvent::ThreadPropertiesUpdated(event) => json!({
            "eventId": 258, "threadId": event.thread.to_string(), "version": event.version.to_string(),
            "editTime": event.edited.to_string(), "editedBy": by(&event.by),
            "properties": properties(&event.properties),
        }),
        ChatEvent::ThreadDeleted(event) => json!({
            "eventId": 259, "threadId": event.thread.to_string(), "version": event.version.to_string(),
            "deleteTime": event.deleted.to_string(), "deletedBy": by(&event.by),
            "reason": if event.by_policy { "deletedByPolicy" } else { "deletedByUser" },
        }),
        ChatEvent::ParticipantsAdded(event) => changed(260, event, "Added"),
        ChatEvent::ParticipantsRemoved(event) => changed(261, event, "Removed"),
    };
    json["_eventId"] = json["eventId"].clone();
    if json.get("groupId").is_some() {
        json["recipientMri"] = json!(mri(recipient));
        json["recipientId"] = json!(mri(recipient)[2..]);
    }
    json
}

/// Parses the JSON inside strings, JavaScript's `unescape` first where the SDKs use it, so that the
/// order of nested fields does not count.
fn opened(mut payload: Value) -> Value {
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
    fn open(fields: &mut Map<String, Value>, name: &str, escaped: bool) {
        let Some(value) = fields.get_mut(name) else { return };
        let Some(text) = value.as_str() else { return };
        let text = if escaped { unescape(text) } else { text.to_owned() };
        *value = serde_json::from_str(&text).unwrap();
    }
    let fields = payload.as_object_mut().unwrap();
    for name in ESCAPED {
        open(fields, name, true);
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        open(properties, "retentionPolicy", false);
    }
    for name in ["acsChatMessageMetadata", "attachments"] {
        open(fields, name, false);
    }
    if fields["eventId"] == json!(246) {
        open(fields, "messageBody", false);
    }
    payload
}

/// JavaScript's `unescape` as far as it matters: `%XX` is a Latin-1 character.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        assert!(rest[at..].starts_with("%25"), "only percent signs are escaped");
        out.push('%');
        rest = &rest[at + 3..];
    }
    out + rest
}

proptest! {
    #[test]
    fn fast_and_slow_say_the_same(event in any_event(), recipient in any_user(), id: u64, connection: [u8; 16]) {
        let connection = ConnectionId::from_bytes(connection);
        let shared = shared(&event, resource());
        let frame = shared.for_recipient(recipient).frame(id, connection);

        let packet = Packet::parse_within(&frame, usize::MAX).unwrap();
        prop_assert_eq!((packet.kind, packet.id, packet.endpoint), (Kind::Message, None, ""));
        let request: Value = serde_json::from_str(packet.data.unwrap()).unwrap();
        let body = request["body"].as_str().unwrap();
        let expected_request = json!({
            "id": id, "method": "POST", "url": format!("/v4/f/{connection}/messaging"), "headers": {}, "body": body,
        });
        prop_assert_eq!(&request, &expected_request);
        prop_assert_eq!(body, &shared.for_recipient(recipient).body());

        let told: Value = serde_json::from_str(body).unwrap();
        prop_assert_eq!(opened(told), opened(slowly(&event, resource(), recipient)));
    }
}
