//! What chat is about, as it is stored and as queries give it.

use samband_core::{ImageId, Kind, Millis, Stamp, ThreadId, UserId};
use samband_wire_chat::{MessageType, Metadata, RetentionPolicy};
use serde::{Deserialize, Serialize};

use crate::images::ImageKind;

/// The kinds of entries in a thread's log. Messages first; they alone have a sequence number.
pub struct Kinds;

impl Kinds {
    pub const TEXT: Kind = Kind(1);
    pub const HTML: Kind = Kind(2);
    pub const TOPIC_UPDATED: Kind = Kind(3);
    pub const PARTICIPANTS_ADDED: Kind = Kind(4);
    pub const PARTICIPANT_REMOVED: Kind = Kind(5);
    pub const THREAD_CREATED: Kind = Kind(16);
    pub const THREAD_UPDATED: Kind = Kind(17);
    pub const THREAD_DELETED: Kind = Kind(18);
    pub const MESSAGE_EDITED: Kind = Kind(19);
    pub const MESSAGE_DELETED: Kind = Kind(20);
    /// More members of one request, after the entry that announced it.
    pub const MORE_PARTICIPANTS: Kind = Kind(21);
    /// Heard and never in the log.
    pub const TYPING: Kind = Kind(32);
    /// Heard, and stored beside the log, with a position of its own.
    pub const READ_RECEIPT: Kind = Kind(33);

    pub fn message_type(kind: Kind) -> MessageType {
        match kind {
            Self::HTML => MessageType::Html,
            Self::TOPIC_UPDATED => MessageType::TopicUpdated,
            Self::PARTICIPANTS_ADDED => MessageType::ParticipantAdded,
            Self::PARTICIPANT_REMOVED => MessageType::ParticipantRemoved,
            _ => MessageType::Text,
        }
    }
}

/// Members named in one system message or event, at most; the total stands beside them.
pub const MEMBERS_NAMED: usize = 250;

/// The document of a text or HTML message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageDoc {
    #[serde(rename = "c")]
    pub content: String,
    #[serde(rename = "n", skip_serializing_if = "Option::is_none", default)]
    pub sender_display_name: Option<String>,
    #[serde(rename = "m", skip_serializing_if = "Metadata::is_empty", default)]
    pub metadata: Metadata,
    #[serde(rename = "h", skip_serializing_if = "std::ops::Not::not", default)]
    pub high_priority: bool,
    #[serde(rename = "a", skip_serializing_if = "Vec::is_empty", default)]
    pub attachments: Vec<AttachedImage>,
}

/// An image that a message shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedImage {
    /// The image's 16 bytes.
    #[serde(rename = "i")]
    pub image: [u8; 16],
    #[serde(rename = "n", skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

impl AttachedImage {
    pub fn id(&self) -> ImageId {
        ImageId::from_bytes(self.image)
    }
}

impl MessageDoc {
    /// What is left of a deleted message.
    pub fn empty() -> Self {
        Self {
            content: String::new(),
            sender_display_name: None,
            metadata: Metadata::new(),
            high_priority: false,
            attachments: Vec::new(),
        }
    }
}

/// The document of a system message or of a change without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemDoc {
    #[serde(rename = "t", skip_serializing_if = "Option::is_none", default)]
    pub topic: Option<String>,
    #[serde(rename = "p", skip_serializing_if = "Vec::is_empty", default)]
    pub members: Vec<MemberDoc>,
    /// How many there were, where not all are named.
    #[serde(rename = "of", skip_serializing_if = "Option::is_none", default)]
    pub total: Option<usize>,
    /// The name under which whoever did it takes part.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none", default)]
    pub by_name: Option<String>,
    /// When the thread was created.
    #[serde(rename = "k", default)]
    pub thread_created_ms: i64,
    /// The thread's metadata and retention policy, where the entry is about its properties.
    #[serde(rename = "m", skip_serializing_if = "Metadata::is_empty", default)]
    pub metadata: Metadata,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none", default)]
    pub retention: Option<RetentionPolicy>,
    /// A message of a thread's beginning: the creation itself is what is heard.
    #[serde(rename = "q", skip_serializing_if = "std::ops::Not::not", default)]
    pub quiet: bool,
    /// Deleted by its retention policy, and by nobody.
    #[serde(rename = "x", skip_serializing_if = "std::ops::Not::not", default)]
    pub by_policy: bool,
}

/// What is heard of somebody who types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypingDoc {
    #[serde(rename = "n", skip_serializing_if = "Option::is_none", default)]
    pub sender_display_name: Option<String>,
    /// How many take part in the thread.
    #[serde(rename = "of")]
    pub members: i64,
}

/// What is heard of a read receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptDoc {
    #[serde(rename = "id")]
    pub message: i64,
    #[serde(rename = "at")]
    pub read_ms: i64,
    /// The message's sender, 16 bytes; none for the system's own.
    #[serde(rename = "u")]
    pub author: Option<[u8; 16]>,
    #[serde(rename = "of")]
    pub members: i64,
}

/// What is heard of a message that was edited or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedDoc {
    /// Without its content if it was deleted.
    #[serde(flatten)]
    pub message: MessageDoc,
    #[serde(rename = "html")]
    pub html: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberDoc {
    /// The user's 16 bytes.
    #[serde(rename = "u")]
    pub user: [u8; 16],
    #[serde(rename = "n", skip_serializing_if = "Option::is_none", default)]
    pub display_name: Option<String>,
    #[serde(rename = "s")]
    pub share_history_ms: i64,
    #[serde(rename = "m", skip_serializing_if = "Metadata::is_empty", default)]
    pub metadata: Metadata,
}

/// From when on a member sees the thread's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareHistory {
    All,
    None,
    Since(Millis),
}

/// A member to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub display_name: Option<String>,
    pub share_history: ShareHistory,
    pub metadata: Metadata,
    pub roles: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadInfo {
    pub thread: ThreadId,
    pub topic: String,
    pub created: Millis,
    pub created_by: UserId,
    pub metadata: Metadata,
    pub retention: Option<RetentionPolicy>,
}

/// A line in a user's list of threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadLine {
    pub thread: ThreadId,
    pub topic: String,
    pub deleted: Option<Millis>,
    pub last_message: Option<Millis>,
}

/// A member as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMember {
    pub user: UserId,
    pub display_name: Option<String>,
    pub share_history: Millis,
    pub metadata: Metadata,
    pub roles: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    pub stamp: Stamp,
    pub kind: Kind,
    pub actor: Option<UserId>,
    pub seq: i64,
    pub version: Stamp,
    pub edited: Option<Millis>,
    pub deleted: Option<Millis>,
    pub doc: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReceipt {
    pub user: UserId,
    pub message: Stamp,
    pub read: Millis,
}

/// What is known of an image beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    pub uploader: UserId,
    pub name: Option<String>,
    pub kind: ImageKind,
    pub bytes: i64,
    /// Kind and bytes of what is shown as small, where that is not the original.
    pub small: Option<(ImageKind, i64)>,
}
