//! The data of the events, field by field as events.md lists them.

use samband_core::{Millis, ResourceId, UserId};
use serde::Serialize;

use super::Level;
use crate::event::{
    ChatEvent, EventParticipant, Message, MessageDeleted, Metadata, ParticipantsChanged, ReadReceipt, ThreadCreated,
    ThreadDeleted, ThreadProperties, ThreadPropertiesUpdated, Typing,
};
use crate::template::{Object, Slot, Template};

pub(super) struct Data<'t> {
    object: Object<'t>,
    resource: ResourceId,
    level: Level,
}

impl<'t> Data<'t> {
    pub(super) fn begin(template: &'t mut Template, resource: ResourceId, level: Level) -> Self {
        let object = Object::begin(template);
        Self {
            object,
            resource,
            level,
        }
    }

    /// `participant` is the one whom a change of participants is about.
    pub(super) fn write(mut self, event: &ChatEvent, participant: Option<&EventParticipant>, transaction_id: &str) {
        if self.level == Level::User {
            self.recipient();
        }
        self.put("transactionId", transaction_id);
        self.put("threadId", &event.thread().to_string());
        // An integer, as the schema has it; a string only in some of the documentation's samples.
        self.put("version", &event.version().0);
        self.event(event, participant);
        self.object.end();
    }

    fn event(&mut self, event: &ChatEvent, participant: Option<&EventParticipant>) {
        match event {
            ChatEvent::MessageReceived(message) => self.message(message),
            ChatEvent::MessageEdited(event) => {
                self.message(&event.message);
                self.put_time("editTime", event.edited);
            }
            ChatEvent::MessageDeleted(event) => self.message_deleted(event),
            ChatEvent::Typing(event) => self.typing(event),
            ChatEvent::ReadReceipt(event) => self.receipt(event),
            ChatEvent::ThreadCreated(event) => self.thread_created(event),
            ChatEvent::ThreadPropertiesUpdated(event) => self.properties_updated(event),
            ChatEvent::ThreadDeleted(event) => self.thread_deleted(event),
            ChatEvent::ParticipantsAdded(event) => self.changed(event, "addedBy", "participantAdded", participant),
            ChatEvent::ParticipantsRemoved(event) => {
                self.changed(event, "removedBy", "participantRemoved", participant)
            }
        }
    }

    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.object.put(name, value);
    }

    fn put_time(&mut self, name: &str, time: Millis) {
        self.put(name, &time.to_string());
    }

    fn recipient(&mut self) {
        self.object.put_slot("recipientId", "", Slot::RawId);
        let mut identifier = Object::begin(self.object.key("recipientCommunicationIdentifier"));
        identifier.put_slot("rawId", "", Slot::RawId);
        identifier.put("kind", IdentifierJson::KIND);
        let mut user = Object::begin(identifier.key("communicationUser"));
        user.put_slot("id", "", Slot::RawId);
        user.end();
        identifier.end();
    }

    /// A user as identifier, and on the user level as text beside it, as the older consumers read it.
    fn put_user(&mut self, name: &str, twin: Option<&str>, user: UserId) {
        let identifier = IdentifierJson::of(user, self.resource);
        if let Some(twin) = twin.filter(|_| self.level == Level::User) {
            self.put(twin, &identifier.raw_id);
        }
        self.put(&format!("{name}CommunicationIdentifier"), &identifier);
    }

    fn put_sender(&mut self, sender: UserId) {
        self.put_user("sender", Some("senderId"), sender);
    }

    fn put_sender_name(&mut self, name: Option<&String>) {
        self.put("senderDisplayName", name.map_or("", String::as_str));
    }

    fn message(&mut self, message: &Message) {
        self.put("messageId", &message.id.to_string());
        self.put_sender(message.sender);
        self.put_sender_name(message.sender_display_name.as_ref());
        self.put_time("composeTime", message.created);
        self.put("type", message.type_name());
        self.put("messageBody", &message.content);
        self.put("metadata", &message.metadata);
    }

    fn message_deleted(&mut self, event: &MessageDeleted) {
        self.put("messageId", &event.id.to_string());
        self.put_sender(event.sender);
        self.put_sender_name(event.sender_display_name.as_ref());
        self.put_time("composeTime", event.created);
        self.put("type", event.type_name());
        self.put_time("deleteTime", event.deleted);
    }

    fn typing(&mut self, event: &Typing) {
        self.put_sender(event.sender);
        self.put_sender_name(event.sender_display_name.as_ref());
        self.put_time("time", event.at);
    }

    fn receipt(&mut self, event: &ReadReceipt) {
        self.put("messageId", &event.message.to_string());
        self.put_sender(event.sender);
        self.put_time("readTime", event.read);
    }

    fn thread_created(&mut self, event: &ThreadCreated) {
        self.put_time("createTime", event.created);
        self.put_user("createdBy", Some("createdBy"), event.by.user);
        self.put_properties(&event.properties);
        if self.level == Level::User {
            let members: Vec<_> = event
                .participants
                .iter()
                .map(|participant| MemberJson {
                    display_name: participant.display_name.as_deref().unwrap_or_default(),
                    member_id: participant.user.raw_id(self.resource),
                })
                .collect();
            self.put("members", &members);
        }
        let participants: Vec<_> = event
            .participants
            .iter()
            .map(|participant| ParticipantJson::of(participant, self.resource))
            .collect();
        self.put("participants", &participants);
        self.put_total(event.total, event.participants.len());
    }

    fn properties_updated(&mut self, event: &ThreadPropertiesUpdated) {
        self.put_created(event.created);
        self.put_time("editTime", event.edited);
        self.put_user("editedBy", Some("editedBy"), event.by.user);
        self.put_properties(&event.properties);
    }

    fn thread_deleted(&mut self, event: &ThreadDeleted) {
        self.put_created(event.created);
        self.put_time("deleteTime", event.deleted);
        self.put_user("deletedBy", Some("deletedBy"), event.by.user);
        // Ours, in the words of the SDKs' socket.
        self.put("reason", event.reason());
    }

    fn changed(&mut self, event: &ParticipantsChanged, by: &str, whom: &str, participant: Option<&EventParticipant>) {
        // Only the user-level schema has it here.
        self.put_created(event.created.filter(|_| self.level == Level::User));
        self.put_time("time", event.time);
        self.put_user(by, None, event.by.user);
        let participant = participant.map(|participant| ParticipantJson::of(participant, self.resource));
        self.object.put_some(whom, participant.as_ref());
        self.put_total(event.total, event.participants.len());
    }

    fn put_created(&mut self, created: Option<Millis>) {
        self.object
            .put_some("createTime", created.map(|time| time.to_string()).as_deref());
    }

    fn put_properties(&mut self, properties: &ThreadProperties) {
        let json = PropertiesJson {
            topic: &properties.topic,
            retention_policy: properties.retention_days.map(|days| RetentionJson {
                kind: "threadCreationDate",
                delete_thread_after_days: days,
            }),
        };
        self.put("properties", &json);
        self.put("metadata", &properties.metadata);
    }

    /// Ours: how many there are, where not all are named.
    fn put_total(&mut self, total: usize, named: usize) {
        self.object
            .put_some("totalParticipants", Some(&total).filter(|total| **total > named));
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentifierJson {
    raw_id: String,
    kind: &'static str,
    communication_user: CommunicationUserJson,
}

#[derive(Serialize)]
struct CommunicationUserJson {
    id: String,
}

impl IdentifierJson {
    const KIND: &'static str = "communicationUser";

    fn of(user: UserId, resource: ResourceId) -> Self {
        let raw_id = user.raw_id(resource);
        Self {
            communication_user: CommunicationUserJson { id: raw_id.clone() },
            kind: Self::KIND,
            raw_id,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParticipantJson<'a> {
    display_name: &'a str,
    participant_communication_identifier: IdentifierJson,
    metadata: &'a Metadata,
}

impl<'a> ParticipantJson<'a> {
    fn of(participant: &'a EventParticipant, resource: ResourceId) -> Self {
        Self {
            display_name: participant.display_name.as_deref().unwrap_or_default(),
            participant_communication_identifier: IdentifierJson::of(participant.user, resource),
            metadata: &participant.metadata,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberJson<'a> {
    display_name: &'a str,
    member_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PropertiesJson<'a> {
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_policy: Option<RetentionJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetentionJson {
    kind: &'static str,
    delete_thread_after_days: i64,
}
