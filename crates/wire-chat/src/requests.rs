//! The bodies of requests, as the newest api-version has them. Unknown fields are ignored, as the
//! service does.

use std::collections::BTreeMap;

use samband_core::{Identifier, Millis};
use serde::{Deserialize, Serialize};

use crate::attachments::AttachmentWish;

pub type Metadata = BTreeMap<String, String>;
/// A merge patch (RFC 7396): null removes a key.
pub type MetadataPatch = BTreeMap<String, Option<String>>;

#[derive(Debug)]
pub struct CreateThread {
    pub topic: String,
    pub participants: Vec<ParticipantWish>,
    pub metadata: Metadata,
    pub retention: Option<RetentionPolicy>,
}

#[derive(Debug)]
pub struct UpdateThread {
    pub topic: Option<String>,
    pub metadata: Option<MetadataPatch>,
    pub retention: Option<RetentionPolicy>,
}

#[derive(Debug)]
pub struct AddParticipants {
    pub participants: Vec<ParticipantWish>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantWish {
    pub identifier: Identifier,
    pub display_name: Option<String>,
    /// From when on the history is shared; absent = none of it.
    pub share_history: Option<Millis>,
    pub metadata: Metadata,
    /// 2021-10-01-preview7 only.
    pub roles: Vec<String>,
}

/// What may be changed of a participant (2021-10-01-preview7 only).
#[derive(Debug)]
pub struct UpdateParticipant {
    pub identifier: Identifier,
    pub display_name: Option<String>,
    pub share_history: Option<Millis>,
    pub roles: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", try_from = "RetentionBody")]
pub enum RetentionPolicy {
    #[serde(rename_all = "camelCase")]
    ThreadCreationDate {
        delete_thread_after_days: i64,
    },
    None,
}

/// A tagged union as a structure with what all its members have: so it is read from objects alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RetentionBody {
    kind: RetentionKind,
    delete_thread_after_days: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum RetentionKind {
    ThreadCreationDate,
    None,
}

impl TryFrom<RetentionBody> for RetentionPolicy {
    type Error = &'static str;
    fn try_from(body: RetentionBody) -> Result<Self, Self::Error> {
        match (body.kind, body.delete_thread_after_days) {
            (RetentionKind::None, _) => Ok(Self::None),
            (RetentionKind::ThreadCreationDate, Some(days)) => Ok(Self::ThreadCreationDate {
                delete_thread_after_days: days.into(),
            }),
            (RetentionKind::ThreadCreationDate, None) => Err("missing field `deleteThreadAfterDays`"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MessageType {
    #[default]
    Text,
    Html,
    TopicUpdated,
    ParticipantAdded,
    ParticipantRemoved,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    pub content: String,
    pub sender_display_name: Option<String>,
    #[serde(rename = "type")]
    pub message_type: Option<MessageType>,
    pub metadata: Option<Metadata>,
    pub attachments: Option<Vec<AttachmentWish>>,
    /// 2020 only: `Normal` or `High`.
    #[serde(skip)]
    pub high_priority: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMessage {
    pub content: Option<String>,
    pub metadata: Option<MetadataPatch>,
    pub attachments: Option<Vec<AttachmentWish>>,
    #[serde(skip)]
    pub high_priority: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadReceiptWish {
    pub chat_message_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    pub sender_display_name: Option<String>,
}
