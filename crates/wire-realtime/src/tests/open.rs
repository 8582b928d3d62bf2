//! The open stream's events: fixed ones of each level, and a second, slow encoding to compare with.

use std::collections::HashSet;

use proptest::prelude::*;
use samband_core::{LogPosition, Millis, ResourceId, Stamp, UserId};
use serde_json::{Value, json};

use super::events::*;
use crate::event::*;
use crate::open::{
    ClosingReason, CloudEvent, Control, GapReason, Level, Place, Position, cloud_events, type_of, types,
};

const SOURCE: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Communication/communicationServices/\"contoso\"";

fn place(at: i64) -> Place<'static> {
    Place {
        resource: resource(),
        source: SOURCE,
        epoch: Some(77),
        at: LogPosition(at),
    }
}

fn user_level(event: &ChatEvent, at: i64) -> Vec<CloudEvent> {
    cloud_events(event, Level::User, &place(at))
}

fn thread_level(event: &ChatEvent, at: i64) -> Vec<String> {
    cloud_events(event, Level::Thread, &place(at))
        .iter()
        .map(CloudEvent::in_thread)
        .collect()
}

fn identifier(user: UserId, resource: ResourceId) -> Value {
    let raw_id = user.raw_id(resource);
    json!({"rawId": raw_id, "kind": "communicationUser", "communicationUser": {"id": raw_id}})
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn message() -> ChatEvent {
    ChatEvent::MessageReceived(Message {
        thread: thread(),
        id: Stamp(1_613_694_358_927),
        sender: user(1),
        sender_display_name: Some("Jhon".to_owned()),
        html: false,
        content: "Welcome \"😀\" 100%".to_owned(),
        metadata: metadata("key", "value"),
        attachments: Vec::new(),
        version: Stamp(1_613_694_358_927),
        created: Millis(1_613_694_358_927),
    })
}

#[test]
fn a_message_on_both_levels() {
    let (ann, bob) = (user(1).raw_id(resource()), user(2).raw_id(resource()));
    let events = user_level(&message(), 0);
    assert_eq!(events.len(), 1);
    let told = parse(&events[0].for_recipient(user(2), resource()));
    let transaction = told["data"]["transactionId"].clone();
    assert_eq!(
        told,
        json!({
            "specversion": "1.0",
            "id": "abababababababababababababababab-1613694358927-message-02020202-0202-0202-0202-020202020202",
            "source": SOURCE,
            "type": "Microsoft.Communication.ChatMessageReceived",
            "subject": format!("thread/{}/sender/{ann}/recipient/{bob}", thread()),
            "time": "2021-02-19T00:25:58.927Z",
            "datacontenttype": "application/json",
            "data": {
                "messageBody": "Welcome \"😀\" 100%",
                "messageId": "1613694358927",
                "metadata": {"key": "value"},
                "senderId": ann,
                "senderCommunicationIdentifier": identifier(user(1), resource()),
                "senderDisplayName": "Jhon",
                "composeTime": "2021-02-19T00:25:58.927Z",
                "type": "Text",
                "version": 1_613_694_358_927_i64,
                "recipientId": bob,
                "recipientCommunicationIdentifier": identifier(user(2), resource()),
                "transactionId": transaction,
                "threadId": thread().to_string(),
            },
        })
    );
    let in_thread = thread_level(&message(), 0);
    assert_eq!(in_thread.len(), 1);
    assert_eq!(
        parse(&in_thread[0]),
        json!({
            "specversion": "1.0",
            "id": "abababababababababababababababab-1613694358927-message",
            "source": SOURCE,
            "type": "Microsoft.Communication.ChatMessageReceivedInThread",
            "subject": format!("thread/{}/sender/{ann}", thread()),
            "time": "2021-02-19T00:25:58.927Z",
            "datacontenttype": "application/json",
            "data": {
                "messageBody": "Welcome \"😀\" 100%",
                "messageId": "1613694358927",
                "metadata": {"key": "value"},
                "senderCommunicationIdentifier": identifier(user(1), resource()),
                "senderDisplayName": "Jhon",
                "composeTime": "2021-02-19T00:25:58.927Z",
                "type": "Text",
                "version": 1_613_694_358_927_i64,
                "transactionId": transaction,
                "threadId": thread().to_string(),
            },
        })
    );
}

#[test]
fn an_event_for_each_participant() {
    let participant = |number| EventParticipant {
        user: user(number),
        display_name: Some("Bob".to_owned()),
        share_history: Millis(0),
        metadata: Metadata::new(),
    };
    let event = ChatEvent::ParticipantsAdded(ParticipantsChanged {
        thread: thread(),
        version: Stamp(5),
        created: Some(Millis(1)),
        time: Millis(5),
        by: Initiator {
            user: user(1),
            display_name: None,
        },
        participants: vec![participant(2), participant(3)],
        total: 900,
    });
    let events: Vec<_> = thread_level(&event, 0).iter().map(|text| parse(text)).collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["type"], "Microsoft.Communication.ChatThreadParticipantAdded");
    let bob = user(2).raw_id(resource());
    assert_eq!(
        events[0]["subject"],
        format!("thread/{}/participantadded/{bob}", thread())
    );
    assert_eq!(
        events[0]["data"]["participantAdded"],
        json!({
            "displayName": "Bob",
            "participantCommunicationIdentifier": identifier(user(2), resource()),
            "metadata": {},
        })
    );
    assert_eq!(events[0]["data"]["totalParticipants"], 900);
    assert_eq!(events[0]["data"].get("createTime"), None);
    assert_ne!(events[0]["id"], events[1]["id"]);
    assert_eq!(events[0]["data"]["transactionId"], events[1]["data"]["transactionId"]);

    let told = parse(&user_level(&event, 0)[1].for_recipient(user(9), resource()));
    assert_eq!(
        told["type"],
        "Microsoft.Communication.ChatParticipantAddedToThreadWithUser"
    );
    let (carl, reader) = (user(3).raw_id(resource()), user(9).raw_id(resource()));
    let subject = format!("thread/{}/participantAdded/{carl}/recipient/{reader}", thread());
    assert_eq!(told["subject"], subject);
    assert_eq!(told["data"]["createTime"], "1970-01-01T00:00:00.001Z");
}

#[test]
fn two_who_type_in_the_same_millisecond_are_two() {
    let typing = |number| {
        ChatEvent::Typing(Typing {
            thread: thread(),
            sender: user(number),
            sender_display_name: None,
            at: Millis(5),
        })
    };
    let ids: HashSet<_> = [1, 2]
        .map(|number| parse(&thread_level(&typing(number), 0)[0])["id"].to_string())
        .into();
    assert_eq!(ids.len(), 2);
}

#[test]
fn positions_stand_in_the_events() {
    let participant = |number| EventParticipant {
        user: user(number),
        display_name: None,
        share_history: Millis(0),
        metadata: Metadata::new(),
    };
    let event = ChatEvent::ParticipantsRemoved(ParticipantsChanged {
        thread: thread(),
        version: Stamp(5),
        created: None,
        time: Millis(5),
        by: Initiator {
            user: user(1),
            display_name: None,
        },
        participants: vec![participant(2), participant(3), participant(4)],
        total: 3,
    });
    for level in [Level::User, Level::Thread] {
        let events = cloud_events(&event, level, &place(9));
        let positions: Vec<_> = events
            .iter()
            .map(|event| Position::decode(event.position().unwrap()).unwrap())
            .collect();
        let written = |position: &Position| position.part.map_or(position.at, |(place, _)| place);
        let here = |position: &Position| position.epoch == 77 && written(position).0 == 9;
        assert!(positions.iter().all(here));
        // After the last of them all were told.
        let told: Vec<_> = positions
            .iter()
            .map(|position| position.part.map(|(_, told)| told))
            .collect();
        assert_eq!(told, [Some(1), Some(2), None]);
        let json = parse(&events[0].for_recipient(user(2), resource()));
        assert_eq!(json["position"].as_str(), events[0].position());
        assert_eq!(json["type"], type_of(&event, level));
        assert!(types(level).contains(&type_of(&event, level)));
        // What is never told again has no position.
        let unplaced = cloud_events(&event, level, &place(0));
        assert_eq!(unplaced[0].position(), None);
        assert!(
            parse(&unplaced[0].for_recipient(user(2), resource()))
                .get("position")
                .is_none()
        );
    }
}

#[test]
fn control_events() {
    let data = |control: Control<'_>| {
        let event = parse(&control.event(3, SOURCE, Millis(0)));
        assert_eq!(event["id"], "control-0-3");
        assert_eq!(event["source"], SOURCE);
        assert_eq!(event["time"], "1970-01-01T00:00:00.000Z");
        (event["type"].as_str().unwrap().to_owned(), event["data"].clone())
    };
    assert_eq!(
        data(Control::Connected { position: "x" }),
        ("Samband.Connected".to_owned(), json!({"position": "x"}))
    );
    let gap = |last_position| Control::Gap {
        reason: GapReason::SlowConsumer,
        last_position,
    };
    assert_eq!(
        data(gap(Some("x"))),
        (
            "Samband.Gap".to_owned(),
            json!({"reason": "slowConsumer", "lastPosition": "x"})
        )
    );
    assert_eq!(data(gap(None)).1, json!({"reason": "slowConsumer"}));
    assert_eq!(
        data(Control::TokenExpiring { expires: Millis(1) }),
        (
            "Samband.TokenExpiring".to_owned(),
            json!({"expiresOn": "1970-01-01T00:00:00.001Z"})
        )
    );
    let closing = Control::Closing {
        reason: ClosingReason::ServerStopping,
    };
    assert_eq!(
        data(closing),
        ("Samband.Closing".to_owned(), json!({"reason": "serverStopping"}))
    );
    let error = Control::Error {
        id: Some("7"),
        code: "BadRequest",
        message: "No \"such\" thing.",
        target: Some("type"),
    };
    assert_eq!(
        data(error),
        (
            "Samband.Error".to_owned(),
            json!({"id": "7", "error": {"code": "BadRequest", "message": "No \"such\" thing.", "target": "type"}})
        )
    );
}

/// The events told again, plainly; without ids, which have tests of their own.
fn slowly(event: &ChatEvent, resource: ResourceId, recipient: Option<UserId>) -> Vec<Value> {
    let mri = |user: UserId| user.raw_id(resource);
    let id = |user: UserId| identifier(user, resource);
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    let participant = |one: &EventParticipant| {
        json!({
            "displayName": named(&one.display_name),
            "participantCommunicationIdentifier": id(one.user),
            "metadata": one.metadata,
        })
    };
    let message = |message: &Message| {
        json!({
            "messageId": message.id.to_string(), "senderId": mri(message.sender),
            "senderCommunicationIdentifier": id(message.sender),
            "senderDisplayName": named(&message.sender_display_name),
            "composeTime": message.created.to_string(),
            "type": if message.html { "RichText/Html" } else { "Text" },
            "version": message.version.0, "messageBody": message.content, "metadata": message.metadata,
        })
    };
    let properties = |data: &mut Value, properties: &ThreadProperties| {
        data["properties"] = json!({"topic": properties.topic});
        data["metadata"] = json!(properties.metadata);
        if let Some(days) = properties.retention_days {
            data["properties"]["retentionPolicy"] =
                json!({"kind": "threadCreationDate", "deleteThreadAfterDays": days});
        }
    };
    let created = |data: &mut Value, created: Option<Millis>| {
        if let Some(created) = created {
            data["createTime"] = json!(created.to_string());
        }
    };
    let changed = |event: &ParticipantsChanged, verb: &str| {
        let told = event.participants.iter().map(|one| {
            let mut data = json!({"version": event.version.0, "time": event.time.to_string()});
            data[format!("{}ByCommunicationIdentifier", verb.to_lowercase())] = id(event.by.user);
            data[format!("participant{verb}")] = participant(one);
            created(&mut data, event.created.filter(|_| recipient.is_some()));
            if event.total > event.participants.len() {
                data["totalParticipants"] = json!(event.total);
            }
            let (role, name) = match recipient {
                Some(_) if verb == "Added" => ("participantAdded", "ChatParticipantAddedToThreadWithUser"),
                Some(_) => ("participantRemoved", "ChatParticipantRemovedFromThreadWithUser"),
                None if verb == "Added" => ("participantadded", "ChatThreadParticipantAdded"),
                None => ("participantremoved", "ChatThreadParticipantRemoved"),
            };
            (format!("Microsoft.Communication.{name}"), role, one.user, data)
        });
        told.collect::<Vec<_>>()
    };
    let grid = |user: &str, thread: &str| {
        format!(
            "Microsoft.Communication.{}",
            if recipient.is_some() { user } else { thread }
        )
    };
    let in_thread = |name: &str| grid(name, &format!("{name}InThread"));
    let told = match event {
        ChatEvent::MessageReceived(event) => {
            vec![(in_thread("ChatMessageReceived"), "sender", event.sender, message(event))]
        }
        ChatEvent::MessageEdited(event) => {
            let mut data = message(&event.message);
            data["editTime"] = json!(event.edited.to_string());
            vec![(in_thread("ChatMessageEdited"), "sender", event.message.sender, data)]
        }
        ChatEvent::MessageDeleted(event) => {
            let data = json!({
                "messageId": event.id.to_string(), "senderId": mri(event.sender),
                "senderCommunicationIdentifier": id(event.sender),
                "senderDisplayName": named(&event.sender_display_name),
                "composeTime": event.created.to_string(),
                "type": if event.html { "RichText/Html" } else { "Text" },
                "version": event.version.0, "deleteTime": event.deleted.to_string(),
            });
            vec![(in_thread("ChatMessageDeleted"), "sender", event.sender, data)]
        }
        ChatEvent::Typing(event) => {
            let data = json!({
                "senderId": mri(event.sender), "senderCommunicationIdentifier": id(event.sender),
                "senderDisplayName": named(&event.sender_display_name),
                "time": event.at.to_string(), "version": event.at.0,
            });
            vec![(
                "Samband.ChatTypingIndicatorReceived".to_owned(),
                "sender",
                event.sender,
                data,
            )]
        }
        ChatEvent::ReadReceipt(event) => {
            let data = json!({
                "messageId": event.message.to_string(), "senderId": mri(event.sender),
                "senderCommunicationIdentifier": id(event.sender),
                "readTime": event.read.to_string(), "version": event.read.0,
            });
            vec![(
                "Samband.ChatReadReceiptReceived".to_owned(),
                "sender",
                event.sender,
                data,
            )]
        }
        ChatEvent::ThreadCreated(event) => {
            let mut data = json!({
                "createTime": event.created.to_string(), "version": event.version.0,
                "createdBy": mri(event.by.user), "createdByCommunicationIdentifier": id(event.by.user),
                "participants": event.participants.iter().map(participant).collect::<Vec<_>>(),
                "members": event.participants.iter()
                    .map(|one| json!({"displayName": named(&one.display_name), "memberId": mri(one.user)}))
                    .collect::<Vec<_>>(),
            });
            properties(&mut data, &event.properties);
            if event.total > event.participants.len() {
                data["totalParticipants"] = json!(event.total);
            }
            let name = grid("ChatThreadCreatedWithUser", "ChatThreadCreated");
            vec![(name, "createdBy", event.by.user, data)]
        }
        ChatEvent::ThreadPropertiesUpdated(event) => {
            let mut data = json!({
                "editTime": event.edited.to_string(), "version": event.version.0,
                "editedBy": mri(event.by.user), "editedByCommunicationIdentifier": id(event.by.user),
            });
            properties(&mut data, &event.properties);
            created(&mut data, event.created);
            let name = grid("ChatThreadPropertiesUpdatedPerUser", "ChatThreadPropertiesUpdated");
            vec![(name, "editedBy", event.by.user, data)]
        }
        ChatEvent::ThreadDeleted(event) => {
            let mut data = json!({
                "deleteTime": event.deleted.to_string(), "version": event.version.0,
                "deletedBy": mri(event.by.user), "deletedByCommunicationIdentifier": id(event.by.user),
                "reason": if event.by_policy { "deletedByPolicy" } else { "deletedByUser" },
            });
            created(&mut data, event.created);
            let name = grid("ChatThreadWithUserDeleted", "ChatThreadDeleted");
            vec![(name, "deletedBy", event.by.user, data)]
        }
        ChatEvent::ParticipantsAdded(event) => changed(event, "Added"),
        ChatEvent::ParticipantsRemoved(event) => changed(event, "Removed"),
    };
    let whole = |(name, role, about, mut data): (String, &str, UserId, Value)| {
        data["threadId"] = json!(event.thread().to_string());
        let mut subject = format!("thread/{}/{role}/{}", event.thread(), mri(about));
        match recipient {
            Some(recipient) => {
                data["recipientId"] = json!(mri(recipient));
                data["recipientCommunicationIdentifier"] = id(recipient);
                subject += &format!("/recipient/{}", mri(recipient));
            }
            None => {
                let fields = data.as_object_mut().unwrap();
                for twin in ["senderId", "createdBy", "editedBy", "deletedBy", "members"] {
                    fields.remove(twin);
                }
            }
        }
        json!({
            "specversion": "1.0", "source": SOURCE, "type": name, "subject": subject,
            "time": event.at().to_string(), "datacontenttype": "application/json", "data": data,
        })
    };
    told.into_iter().map(whole).collect()
}

/// Takes out what is not told slowly, after a look at its form.
fn without_ids(mut event: Value) -> Value {
    let fields = event.as_object_mut().unwrap();
    let id = fields.remove("id").unwrap();
    assert!(
        id.as_str()
            .unwrap()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    );
    let transaction = event["data"].as_object_mut().unwrap().remove("transactionId").unwrap();
    assert!(transaction.as_str().unwrap().ends_with(".1"));
    event
}

proptest! {
    #[test]
    fn fast_and_slow_say_the_same(event in any_event(), recipient in any_user()) {
        let fast: Vec<_> = user_level(&event, 0)
            .iter()
            .map(|event| without_ids(parse(&event.for_recipient(recipient, resource()))))
            .collect();
        prop_assert_eq!(fast, slowly(&event, resource(), Some(recipient)));

        let fast: Vec<_> = thread_level(&event, 0)
            .iter()
            .map(|text| without_ids(parse(text)))
            .collect();
        prop_assert_eq!(fast, slowly(&event, resource(), None));
    }

    #[test]
    fn ids_are_the_same_each_time_and_differ_between_recipients(event in any_event(), one in any_user(), two in any_user()) {
        let ids = |user: UserId| -> Vec<_> {
            let events = user_level(&event, 0);
            events.iter().map(|event| parse(&event.for_recipient(user, resource()))["id"].clone()).collect()
        };
        prop_assert_eq!(ids(one), ids(one));
        for (first, second) in ids(one).iter().zip(ids(two)) {
            prop_assert_eq!(first == &second, one == two);
        }
    }
}
