//! What happened in a thread: the newest description, tied to no protocol. Everything that the
//! sockets of the SDKs (`payload`) and the open stream (`open`) tell is made of it.

use std::collections::BTreeMap;

use samband_core::{Millis, Stamp, ThreadId, UserId};

pub type Metadata = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    MessageReceived(Message),
    MessageEdited(MessageEdited),
    MessageDeleted(MessageDeleted),
    Typing(Typing),
    ReadReceipt(ReadReceipt),
    ThreadCreated(ThreadCreated),
    ThreadPropertiesUpdated(ThreadPropertiesUpdated),
    ThreadDeleted(ThreadDeleted),
    ParticipantsAdded(ParticipantsChanged),
    ParticipantsRemoved(ParticipantsChanged),
}

/// A text or HTML message as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub thread: ThreadId,
    /// The message's id: its stamp when it was sent.
    pub id: Stamp,
    pub sender: UserId,
    pub sender_display_name: Option<String>,
    pub html: bool,
    pub content: String,
    pub metadata: Metadata,
    pub attachments: Vec<Attachment>,
    /// The stamp of its last change; for a message just sent, its id.
    pub version: Stamp,
    pub created: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub id: String,
    pub kind: AttachmentKind,
    pub name: Option<String>,
    /// A path is enough: the SDKs put the resource's endpoint before it.
    pub url: Option<String>,
    pub preview_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentKind {
    Image,
    File,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageEdited {
    /// The message with its new content; `version` is the stamp of the edit.
    pub message: Message,
    pub edited: Millis,
}

/// A deleted message; its content is told to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDeleted {
    pub thread: ThreadId,
    pub id: Stamp,
    pub sender: UserId,
    pub sender_display_name: Option<String>,
    pub html: bool,
    /// The stamp of the deletion.
    pub version: Stamp,
    pub created: Millis,
    pub deleted: Millis,
}

/// Somebody types. Neither stored nor stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    pub thread: ThreadId,
    pub sender: UserId,
    pub sender_display_name: Option<String>,
    pub at: Millis,
}

/// Somebody has read up to a message. Stored, but not ordered by the thread's stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadReceipt {
    pub thread: ThreadId,
    /// Who has read.
    pub sender: UserId,
    pub message: Stamp,
    pub read: Millis,
}

/// The participant who caused an event of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiator {
    pub user: UserId,
    pub display_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventParticipant {
    pub user: UserId,
    pub display_name: Option<String>,
    /// From when on the history is visible to it; 0 = all of it.
    pub share_history: Millis,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadProperties {
    pub topic: String,
    pub metadata: Metadata,
    /// Days after its creation when the thread is deleted, where it has such a policy.
    pub retention_days: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadCreated {
    pub thread: ThreadId,
    pub version: Stamp,
    pub created: Millis,
    pub by: Initiator,
    pub properties: ThreadProperties,
    /// Those that are named, in an event of many not all.
    pub participants: Vec<EventParticipant>,
    /// How many there are.
    pub total: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadPropertiesUpdated {
    pub thread: ThreadId,
    pub version: Stamp,
    /// When the thread was created, where that is known.
    pub created: Option<Millis>,
    pub edited: Millis,
    pub by: Initiator,
    /// All of them as they are now.
    pub properties: ThreadProperties,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadDeleted {
    pub thread: ThreadId,
    pub version: Stamp,
    pub created: Option<Millis>,
    pub deleted: Millis,
    /// With `by_policy`, whoever created the thread: the oldest SDKs lose an event that names nobody.
    pub by: Initiator,
    /// The retention policy did it, no participant.
    pub by_policy: bool,
}

/// Participants were added or removed, by one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantsChanged {
    pub thread: ThreadId,
    pub version: Stamp,
    pub created: Option<Millis>,
    pub time: Millis,
    pub by: Initiator,
    /// Those that are named, in an event of many not all.
    pub participants: Vec<EventParticipant>,
    /// How many they were.
    pub total: usize,
}

impl ChatEvent {
    pub fn thread(&self) -> ThreadId {
        match self {
            Self::MessageReceived(event) => event.thread,
            Self::MessageEdited(event) => event.message.thread,
            Self::MessageDeleted(event) => event.thread,
            Self::Typing(event) => event.thread,
            Self::ReadReceipt(event) => event.thread,
            Self::ThreadCreated(event) => event.thread,
            Self::ThreadPropertiesUpdated(event) => event.thread,
            Self::ThreadDeleted(event) => event.thread,
            Self::ParticipantsAdded(event) | Self::ParticipantsRemoved(event) => event.thread,
        }
    }

    /// The stamp of the change; for what has none (typing, read receipts) its time stands in, as
    /// the SDKs expect a version of every event.
    pub fn version(&self) -> Stamp {
        match self {
            Self::MessageReceived(event) => event.version,
            Self::MessageEdited(event) => event.message.version,
            Self::MessageDeleted(event) => event.version,
            Self::Typing(event) => Stamp(event.at.0),
            Self::ReadReceipt(event) => Stamp(event.read.0),
            Self::ThreadCreated(event) => event.version,
            Self::ThreadPropertiesUpdated(event) => event.version,
            Self::ThreadDeleted(event) => event.version,
            Self::ParticipantsAdded(event) | Self::ParticipantsRemoved(event) => event.version,
        }
    }

    pub fn at(&self) -> Millis {
        match self {
            Self::MessageReceived(event) => event.created,
            Self::MessageEdited(event) => event.edited,
            Self::MessageDeleted(event) => event.deleted,
            Self::Typing(event) => event.at,
            Self::ReadReceipt(event) => event.read,
            Self::ThreadCreated(event) => event.created,
            Self::ThreadPropertiesUpdated(event) => event.edited,
            Self::ThreadDeleted(event) => event.deleted,
            Self::ParticipantsAdded(event) | Self::ParticipantsRemoved(event) => event.time,
        }
    }

    /// Who is named as its cause.
    pub fn actor(&self) -> UserId {
        match self {
            Self::MessageReceived(event) => event.sender,
            Self::MessageEdited(event) => event.message.sender,
            Self::MessageDeleted(event) => event.sender,
            Self::Typing(event) => event.sender,
            Self::ReadReceipt(event) => event.sender,
            Self::ThreadCreated(event) => event.by.user,
            Self::ThreadPropertiesUpdated(event) => event.by.user,
            Self::ThreadDeleted(event) => event.by.user,
            Self::ParticipantsAdded(event) | Self::ParticipantsRemoved(event) => event.by.user,
        }
    }

    /// Who did cause it: Event Grid tells every user of the thread but this one. A deletion by the
    /// retention policy was caused by nobody.
    pub fn initiator(&self) -> Option<UserId> {
        let by_policy = matches!(self, Self::ThreadDeleted(event) if event.by_policy);
        (!by_policy).then(|| self.actor())
    }
}

impl Message {
    pub fn type_name(&self) -> &'static str {
        type_name(self.html)
    }
}

impl MessageDeleted {
    pub fn type_name(&self) -> &'static str {
        type_name(self.html)
    }
}

impl ThreadDeleted {
    pub(crate) fn reason(&self) -> &'static str {
        match self.by_policy {
            true => "deletedByPolicy",
            false => "deletedByUser",
        }
    }
}

/// Both protocols call a message's type so, unlike the REST API's `text` and `html`.
fn type_name(html: bool) -> &'static str {
    if html { "RichText/Html" } else { "Text" }
}
