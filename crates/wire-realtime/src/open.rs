//! The open event stream: CloudEvents 1.0 in JSON, their data as Event Grid has it (spec events.md).
//!
//! A user's token gets the user-level events, each naming its recipient; an access key gets the
//! thread-level ones. Event Grid's events name one participant each, so that one change of many
//! participants gives several. User-level events are encoded once and filled in for each recipient.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use samband_core::{LogPosition, ResourceId, UserId};
use sha2::{Digest, Sha256};

pub use self::command::{COMMAND_BYTES, Command, CommandFault};
pub use self::control::{CONTROL_TYPES, ClosingReason, Control, GapReason};
use self::data::Data;
use self::names::Names;
pub use self::names::{type_of, types};
pub use self::position::Position;
use crate::event::{ChatEvent, EventParticipant};
use crate::template::{Object, Slot, Template};

mod command;
mod control;
mod data;
mod names;
mod position;

/// Where events are told from.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub resource: ResourceId,
    /// The path of the resource,
    /// `/subscriptions/…/providers/Microsoft.Communication/communicationServices/<name>`.
    pub source: &'a str,
    /// The log's epoch; none where each reader has a position of its own.
    pub epoch: Option<u64>,
    /// Where it stands in the log; 0 for what is never told again.
    pub at: LogPosition,
}

/// An event, encoded for all its readers.
#[derive(Debug, Clone)]
pub struct CloudEvent {
    json: Template,
    /// None of what is never told again, and where each reader has its own.
    position: Option<String>,
}

impl CloudEvent {
    /// What a reader resumes after.
    pub fn position(&self) -> Option<&str> {
        self.position.as_deref()
    }

    /// Appends the event's JSON as a reader gets it.
    pub fn write(&self, reader: Reader<'_>, out: &mut String) {
        out.reserve(self.json.filled_len(reader.raw_id) + reader.position.len());
        self.json.fill_for(reader.raw_id, reader.position, out);
    }

    pub fn for_recipient(&self, user: UserId, resource: ResourceId) -> String {
        let mut json = String::new();
        let reader = Reader {
            raw_id: &user.raw_id(resource),
            position: "",
        };
        self.write(reader, &mut json);
        json
    }

    /// As a reader of the whole resource gets it.
    pub fn in_thread(&self) -> String {
        let mut json = String::new();
        self.write(Reader::default(), &mut json);
        json
    }
}

/// What is filled in for a reader.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reader<'a> {
    /// Of the user who is told; empty for who reads a whole resource.
    pub raw_id: &'a str,
    /// The reader's position after the event, where each has its own.
    pub position: &'a str,
}

/// Who reads: one user what concerns the user, or a back end what happens in a resource's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    User,
    Thread,
}

/// What happened, as the readers of a level get it.
pub fn cloud_events(event: &ChatEvent, level: Level, place: &Place<'_>) -> Vec<CloudEvent> {
    let changed = match event {
        ChatEvent::ParticipantsAdded(changed) | ChatEvent::ParticipantsRemoved(changed) => changed,
        _ => return vec![encode_one(event, None, level, place, None)],
    };
    let last = changed.participants.len().saturating_sub(1);
    let one = |(index, participant)| {
        let told = (index < last).then(|| u16::try_from(index + 1).unwrap_or(u16::MAX - 1));
        encode_one(event, Some(participant), level, place, told)
    };
    changed.participants.iter().enumerate().map(one).collect()
}

/// The CloudEvents attributes around an event's data. `participant` is the one whom a change of
/// participants is about.
fn encode_one(
    event: &ChatEvent,
    participant: Option<&EventParticipant>,
    level: Level,
    place: &Place<'_>,
    told: Option<u16>,
) -> CloudEvent {
    let names = Names::of(event);
    let &Place {
        resource,
        source,
        epoch,
        at,
    } = place;
    let stored = at.0 > 0;
    let position = epoch
        .filter(|_| stored)
        .map(|epoch| Position::within(epoch, at, told).encode());
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
    object.put("type", names.type_of(level));
    let role = if user_level { names.role } else { names.role_in_thread };
    let subject = format!("thread/{thread}/{role}/{}", about.raw_id(resource));
    match user_level {
        true => object.put_slot("subject", &format!("{subject}/recipient/"), Slot::RawId),
        false => object.put("subject", &subject),
    }
    object.put("time", &event.at().to_string());
    match epoch {
        Some(_) => object.put_some("position", position.as_deref()),
        None if stored => object.put_slot("position", "", Slot::Position),
        None => {}
    }
    object.put("datacontenttype", "application/json");

    let transaction_id = transaction_id(event, names.key);
    Data::begin(object.key("data"), resource, level).write(event, participant, &transaction_id);
    object.end();
    CloudEvent { json, position }
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
