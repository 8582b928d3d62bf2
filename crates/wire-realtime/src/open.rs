//! The open event stream: CloudEvents 1.0 in JSON, their data as Event Grid has it (spec events.md).
//!
//! A user's token gets the user-level events, each naming its recipient; an access key gets the
//! thread-level ones. Event Grid's events name one participant each, so that one change of many
//! participants gives several. User-level events are encoded once and filled in for each recipient.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use samband_core::{Millis, ResourceId, UserId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::data::Data;
use crate::event::{ChatEvent, EventParticipant};
use crate::template::{Object, Slot, Template};

mod data;

const EVENT_GRID: &str = "Microsoft.Communication.";
/// Event Grid has no such events; both levels call them the same.
const TYPING: &str = "Samband.ChatTypingIndicatorReceived";
const READ_RECEIPT: &str = "Samband.ChatReadReceiptReceived";
const GAP: &str = "Samband.Gap";

/// A user-level event, encoded for all its recipients.
#[derive(Debug, Clone)]
pub struct UserCloudEvent {
    json: Template,
    resource: ResourceId,
}

impl UserCloudEvent {
    pub fn for_recipient(&self, user: UserId) -> String {
        let raw_id = user.raw_id(self.resource);
        let mut json = String::with_capacity(self.json.filled_len(&raw_id));
        self.json.fill(&raw_id, &mut json);
        json
    }
}

/// The user-level events of what happened. `source` is the path of the resource,
/// `/subscriptions/…/providers/Microsoft.Communication/communicationServices/<name>`.
pub fn user_level(event: &ChatEvent, resource: ResourceId, source: &str) -> Vec<UserCloudEvent> {
    let events = encode(event, resource, source, Level::User);
    events
        .into_iter()
        .map(|json| UserCloudEvent { json, resource })
        .collect()
}

/// The thread-level events of what happened.
pub fn thread_level(event: &ChatEvent, resource: ResourceId, source: &str) -> Vec<String> {
    let events = encode(event, resource, source, Level::Thread);
    events
        .into_iter()
        .map(|json| {
            let mut text = String::new();
            json.fill("", &mut text);
            text
        })
        .collect()
}

/// Events were or may have been left out: the reader lists anew what it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap<'a> {
    /// A word that a program can tell, such as `overflow`.
    pub reason: &'a str,
    /// The last event before the gap, where it is known.
    pub last_id: Option<&'a str>,
    pub at: Millis,
}

/// The control event that tells of a gap.
pub fn gap(gap: &Gap<'_>, source: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_event_id: Option<&'a str>,
    }
    let mut json = Template::default();
    let mut object = Object::begin(&mut json);
    object.put("specversion", "1.0");
    object.put("id", &format!("gap-{}", gap.at.0));
    object.put("source", source);
    object.put("type", GAP);
    object.put("time", &gap.at.to_string());
    object.put("datacontenttype", "application/json");
    let (reason, last_event_id) = (gap.reason, gap.last_id);
    object.put("data", &Data { reason, last_event_id });
    object.end();
    let mut text = String::new();
    json.fill("", &mut text);
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    User,
    Thread,
}

fn encode(event: &ChatEvent, resource: ResourceId, source: &str, level: Level) -> Vec<Template> {
    let changed = match event {
        ChatEvent::ParticipantsAdded(changed) | ChatEvent::ParticipantsRemoved(changed) => changed,
        _ => return vec![encode_one(event, None, resource, source, level)],
    };
    let one = |participant| encode_one(event, Some(participant), resource, source, level);
    changed.participants.iter().map(one).collect()
}

/// The CloudEvents attributes around an event's data. `participant` is the one whom a change of
/// participants is about.
fn encode_one(
    event: &ChatEvent,
    participant: Option<&EventParticipant>,
    resource: ResourceId,
    source: &str,
    level: Level,
) -> Template {
    let names = Names::of(event);
    let user_level = level == Level::User;
    let thread = event.thread().to_string();
    let about = participant.map(|participant| participant.user).unwrap_or(event.actor());

    let mut json = Template::default();
    let mut object = Object::begin(&mut json);
    object.put("specversion", "1.0");
    let id = event_id(event, names.key, participant);
    match user_level {
        true => object.put_slot("id", &format!("{id}-"), Slot::User),
        false => object.put("id", &id),
    }
    object.put("source", source);
    object.put("type", &if user_level { names.user } else { names.thread });
    let role = if user_level { names.role } else { names.role_in_thread };
    let subject = format!("thread/{thread}/{role}/{}", about.raw_id(resource));
    match user_level {
        true => object.put_slot("subject", &format!("{subject}/recipient/"), Slot::RawId),
        false => object.put("subject", &subject),
    }
    object.put("time", &event.at().to_string());
    object.put("datacontenttype", "application/json");

    let transaction_id = transaction_id(event, names.key);
    Data::begin(object.key("data"), resource, level).write(event, participant, &transaction_id);
    object.end();
    json
}

/// How an event is called on each level, and who stands in its subject.
struct Names {
    user: String,
    thread: String,
    role: &'static str,
    role_in_thread: &'static str,
    /// In ids.
    key: &'static str,
}

impl Names {
    fn of(event: &ChatEvent) -> Self {
        let grid = |user: &str, thread: &str, role, key| Self {
            user: format!("{EVENT_GRID}{user}"),
            thread: format!("{EVENT_GRID}{thread}"),
            role,
            role_in_thread: role,
            key,
        };
        let own = |name: &str, key| Self {
            user: name.to_owned(),
            thread: name.to_owned(),
            role: "sender",
            role_in_thread: "sender",
            key,
        };
        match event {
            ChatEvent::MessageReceived(_) => grid(
                "ChatMessageReceived",
                "ChatMessageReceivedInThread",
                "sender",
                "message",
            ),
            ChatEvent::MessageEdited(_) => grid("ChatMessageEdited", "ChatMessageEditedInThread", "sender", "edit"),
            ChatEvent::MessageDeleted(_) => {
                grid("ChatMessageDeleted", "ChatMessageDeletedInThread", "sender", "delete")
            }
            ChatEvent::Typing(_) => own(TYPING, "typing"),
            ChatEvent::ReadReceipt(_) => own(READ_RECEIPT, "read"),
            ChatEvent::ThreadCreated(_) => {
                grid("ChatThreadCreatedWithUser", "ChatThreadCreated", "createdBy", "created")
            }
            ChatEvent::ThreadPropertiesUpdated(_) => {
                let (user, thread) = ("ChatThreadPropertiesUpdatedPerUser", "ChatThreadPropertiesUpdated");
                grid(user, thread, "editedBy", "updated")
            }
            ChatEvent::ThreadDeleted(_) => {
                grid("ChatThreadWithUserDeleted", "ChatThreadDeleted", "deletedBy", "deleted")
            }
            ChatEvent::ParticipantsAdded(_) => Self {
                role_in_thread: "participantadded",
                ..grid(
                    "ChatParticipantAddedToThreadWithUser",
                    "ChatThreadParticipantAdded",
                    "participantAdded",
                    "added",
                )
            },
            ChatEvent::ParticipantsRemoved(_) => Self {
                role_in_thread: "participantremoved",
                ..grid(
                    "ChatParticipantRemovedFromThreadWithUser",
                    "ChatThreadParticipantRemoved",
                    "participantRemoved",
                    "removed",
                )
            },
        }
    }
}

/// `<thread>-<stamp>-<kind>`: the same whenever and wherever the event is told, so that readers can
/// drop what they know. Its recipient follows in user-level events.
fn event_id(event: &ChatEvent, key: &str, participant: Option<&EventParticipant>) -> String {
    let id = format!("{}-{}-{key}", hex(event.thread().as_bytes()), event.version());
    // The time of what has no stamp may be that of another user's too.
    let one_of_many = match event {
        ChatEvent::Typing(_) | ChatEvent::ReadReceipt(_) => Some(event.actor()),
        _ => participant.map(|participant| participant.user),
    };
    match one_of_many {
        Some(user) => format!("{id}-{}", hex(user.as_bytes())),
        None => id,
    }
}

/// Looks like Event Grid's correlation vectors, and is the same in all events of one change.
fn transaction_id(event: &ChatEvent, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(event.thread().as_bytes());
    hash.update(event.version().0.to_be_bytes());
    hash.update(key);
    // As in the id: without a stamp, the user tells events apart.
    if matches!(event, ChatEvent::Typing(_) | ChatEvent::ReadReceipt(_)) {
        hash.update(event.actor().as_bytes());
    }
    format!("{}.1", BASE64.encode(&hash.finalize()[..16]))
}

fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}
