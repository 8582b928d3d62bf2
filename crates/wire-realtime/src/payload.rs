//! An event as the chat SDKs take it from their socket: the "universal payload" (spec §6), which
//! every version since 1.0.0 reads.
//!
//! It is encoded once, already escaped as the string that a push frame carries (spec §5); for each
//! socket only the receiver's id, the frame's number and the connection are put in.

use samband_core::{Millis, ResourceId, Stamp, ThreadId, UserId};
use serde::Serialize;

use crate::allocate::ConnectionId;
use crate::event::{
    Attachment, AttachmentKind, ChatEvent, EventParticipant, Initiator, Message, MessageDeleted, ParticipantsChanged,
    ReadReceipt, ThreadCreated, ThreadDeleted, ThreadProperties, ThreadPropertiesUpdated, Typing,
};
use crate::socketio;
use crate::template::{Object, Slot, Template, to_json};

/// An event encoded for all its receivers.
#[derive(Debug, Clone)]
pub struct SharedPayload {
    /// The payload, escaped as the inside of a JSON string.
    body: Template,
    resource: ResourceId,
}

/// An event for one receiver; its sockets share it.
#[derive(Debug, Clone)]
pub struct Delivery<'a> {
    shared: &'a SharedPayload,
    raw_id: String,
}

/// Encodes an event of a thread of `resource`.
pub fn shared(event: &ChatEvent, resource: ResourceId) -> SharedPayload {
    let mut body = Template::default();
    let writer = Writer {
        object: Object::begin(&mut body),
        resource,
    };
    writer.event(event);
    SharedPayload {
        body: body.escaped(),
        resource,
    }
}

impl SharedPayload {
    pub fn for_recipient(&self, user: UserId) -> Delivery<'_> {
        let raw_id = match self.body.has_slots() {
            true => user.raw_id(self.resource),
            // Events of a thread are the same for all (spec §6).
            false => String::new(),
        };
        Delivery { shared: self, raw_id }
    }
}

impl Delivery<'_> {
    /// The Socket.IO packet that pushes the event; `id` is unique within the connection.
    pub fn frame(&self, id: u64, connection: ConnectionId) -> String {
        let body = &self.shared.body;
        let mut frame = String::with_capacity(socketio::PUSH_FRAME_MOST + body.filled_len(&self.raw_id));
        socketio::push_frame(&mut frame, id, connection, |frame| body.fill(&self.raw_id, frame));
        frame
    }

    /// The payload itself, for who does not frame it.
    pub fn body(&self) -> String {
        let mut quoted = String::from('"');
        self.shared.body.fill(&self.raw_id, &mut quoted);
        quoted.push('"');
        serde_json::from_str(&quoted).expect("it was escaped as a JSON string")
    }
}

struct Writer<'t> {
    object: Object<'t>,
    resource: ResourceId,
}

impl Writer<'_> {
    fn event(mut self, event: &ChatEvent) {
        let event_id = event_id(event);
        self.put("eventId", &event_id);
        // 1.0.0 reads this name.
        self.put("_eventId", &event_id);
        match event {
            ChatEvent::MessageReceived(message) => self.message(message, None),
            ChatEvent::MessageEdited(event) => self.message(&event.message, Some(event.edited)),
            ChatEvent::MessageDeleted(event) => self.deleted(event),
            ChatEvent::Typing(event) => self.typing(event),
            ChatEvent::ReadReceipt(event) => self.receipt(event),
            ChatEvent::ThreadCreated(event) => self.thread_created(event),
            ChatEvent::ThreadPropertiesUpdated(event) => self.properties_updated(event),
            ChatEvent::ThreadDeleted(event) => self.thread_deleted(event),
            ChatEvent::ParticipantsAdded(event) => self.participants(event, "addedBy", "participantsAdded"),
            ChatEvent::ParticipantsRemoved(event) => self.participants(event, "removedBy", "participantsRemoved"),
        }
        self.object.end();
    }

    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.object.put(name, value);
    }

    fn put_shown(&mut self, name: &str, value: impl ToString) {
        self.put(name, &value.to_string());
    }

    fn put_name(&mut self, name: Option<&String>) {
        self.put("senderDisplayName", name.map_or("", String::as_str));
    }

    /// What message, typing and receipt events begin with.
    fn member_fields(&mut self, sender: UserId, thread: ThreadId) {
        self.put("senderId", &sender.raw_id(self.resource));
        self.object.put_slot("recipientMri", "", Slot::RawId);
        // 1.0.0 reads this one.
        self.object.put_slot("recipientId", "", Slot::Bare);
        self.put_shown("groupId", thread);
    }

    fn message(&mut self, message: &Message, edited: Option<Millis>) {
        self.member_fields(message.sender, message.thread);
        self.put_shown("messageId", message.id);
        self.put_shown("clientMessageId", message.id);
        self.put_name(message.sender_display_name.as_ref());
        self.put("messageType", message.type_name());
        self.put("messageBody", &message.content);
        self.put_shown("version", message.version);
        self.put_shown("originalArrivalTime", message.created);
        self.put("acsChatMessageMetadata", &to_json(&message.metadata));
        let attachments: Vec<_> = message.attachments.iter().map(AttachmentJson::of).collect();
        self.put("attachments", &to_json(&attachments));
        if let Some(edited) = edited {
            self.put_shown("edittime", edited);
        }
    }

    fn deleted(&mut self, event: &MessageDeleted) {
        self.member_fields(event.sender, event.thread);
        self.put_shown("messageId", event.id);
        self.put_shown("clientMessageId", event.id);
        self.put_name(event.sender_display_name.as_ref());
        self.put("messageType", event.type_name());
        self.put_shown("version", event.version);
        self.put_shown("originalArrivalTime", event.created);
        self.put_shown("deletetime", event.deleted);
    }

    fn typing(&mut self, event: &Typing) {
        self.member_fields(event.sender, event.thread);
        self.put_name(event.sender_display_name.as_ref());
        self.put_shown("version", event.at.0);
        self.put_shown("originalArrivalTime", event.at);
    }

    fn receipt(&mut self, event: &ReadReceipt) {
        self.member_fields(event.sender, event.thread);
        self.put_shown("messageId", event.message);
        self.put_shown("clientMessageId", event.message);
        let horizon = HorizonJson {
            user: event.sender.raw_id(self.resource),
            // The SDKs read the second part only.
            consumptionhorizon: format!("{0};{1};{0}", event.message, event.read.0),
            message_visibility_time: 0,
            version: event.read.0.to_string(),
        };
        self.put("messageBody", &to_json(&horizon));
    }

    fn thread_fields(&mut self, thread: ThreadId, version: Stamp) {
        self.put_shown("threadId", thread);
        self.put_shown("version", version);
    }

    fn thread_created(&mut self, event: &ThreadCreated) {
        self.thread_fields(event.thread, event.version);
        self.put_shown("createTime", event.created);
        self.put_initiator("createdBy", &event.by);
        self.put_participants("members", &event.participants, event.total);
        self.put_properties(&event.properties);
    }

    fn properties_updated(&mut self, event: &ThreadPropertiesUpdated) {
        self.thread_fields(event.thread, event.version);
        self.put_shown("editTime", event.edited);
        self.put_initiator("editedBy", &event.by);
        self.put_properties(&event.properties);
    }

    fn thread_deleted(&mut self, event: &ThreadDeleted) {
        self.thread_fields(event.thread, event.version);
        self.put_shown("deleteTime", event.deleted);
        self.put_initiator("deletedBy", &event.by);
        self.put("reason", event.reason());
    }

    fn participants(&mut self, event: &ParticipantsChanged, by: &str, whom: &str) {
        self.thread_fields(event.thread, event.version);
        self.put_shown("time", event.time);
        self.put_initiator(by, &event.by);
        self.put_participants(whom, &event.participants, event.total);
    }

    fn put_initiator(&mut self, name: &str, by: &Initiator) {
        let participant = ParticipantJson {
            participant_id: by.user.raw_id(self.resource),
            display_name: by.display_name.as_deref().unwrap_or_default(),
            share_history_time: None,
            member_meta_data: None,
        };
        self.put(name, &for_unescape(&participant));
    }

    fn put_participants(&mut self, name: &str, participants: &[EventParticipant], total: usize) {
        let list: Vec<_> = participants
            .iter()
            .map(|participant| ParticipantJson {
                participant_id: participant.user.raw_id(self.resource),
                display_name: participant.display_name.as_deref().unwrap_or_default(),
                // Up to 1.5.4 an absent one makes an invalid date.
                share_history_time: Some(whole_seconds_short(participant.share_history)),
                member_meta_data: (!participant.metadata.is_empty()).then(|| to_json(&participant.metadata)),
            })
            .collect();
        self.put(name, &for_unescape(&list));
        if total > participants.len() {
            // Ours: the SDKs pass over what they do not know.
            self.put("totalParticipants", &total);
        }
    }

    fn put_properties(&mut self, properties: &ThreadProperties) {
        let retention = properties.retention_days.map(|days| RetentionJson {
            retention_policy_type: "DeleteAfterCreationTime",
            execute_after: format!("{days}.00:00:00"),
        });
        let json = PropertiesJson {
            topic: &properties.topic,
            acs_chat_thread_metadata: (!properties.metadata.is_empty()).then(|| to_json(&properties.metadata)),
            retention_policy: retention.as_ref().map(to_json),
        };
        self.put("properties", &for_unescape(&json));
    }
}

fn event_id(event: &ChatEvent) -> u16 {
    match event {
        ChatEvent::MessageReceived(_) => 200,
        ChatEvent::Typing(_) => 245,
        ChatEvent::ReadReceipt(_) => 246,
        ChatEvent::MessageEdited(_) => 247,
        ChatEvent::MessageDeleted(_) => 248,
        ChatEvent::ThreadCreated(_) => 257,
        ChatEvent::ThreadPropertiesUpdated(_) => 258,
        ChatEvent::ThreadDeleted(_) => 259,
        ChatEvent::ParticipantsAdded(_) => 260,
        ChatEvent::ParticipantsRemoved(_) => 261,
    }
}

/// Nested JSON that the client passes through JavaScript's `unescape` before parsing it: the
/// fields marked E in spec §6. All but `%` stays as it is, as `unescape` reads bytes as Latin-1.
fn for_unescape(value: &impl Serialize) -> String {
    to_json(value).replace('%', "%25")
}

/// `2023-11-14T22:13:20Z`, the form of shareHistoryTime that all versions were seen to take.
fn whole_seconds_short(time: Millis) -> String {
    let text = time.to_string();
    match text.strip_suffix(".000Z") {
        Some(start) => format!("{start}Z"),
        None => text,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParticipantJson<'a> {
    participant_id: String,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_history_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_meta_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PropertiesJson<'a> {
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    acs_chat_thread_metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_policy: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetentionJson {
    retention_policy_type: &'static str,
    execute_after: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HorizonJson {
    user: String,
    consumptionhorizon: String,
    message_visibility_time: i64,
    version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttachmentJson<'a> {
    id: &'a str,
    /// Must be there, or the SDK loses the event.
    attachment_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview_url: Option<&'a str>,
}

impl<'a> AttachmentJson<'a> {
    fn of(attachment: &'a Attachment) -> Self {
        Self {
            id: &attachment.id,
            attachment_type: match attachment.kind {
                AttachmentKind::Image => "image",
                AttachmentKind::File => "file",
                AttachmentKind::Unknown => "unknown",
            },
            name: attachment.name.as_deref(),
            url: attachment.url.as_deref(),
            preview_url: attachment.preview_url.as_deref(),
        }
    }
}
