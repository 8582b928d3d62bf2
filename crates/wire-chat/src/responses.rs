//! The bodies of answers, as the newest api-version has them.

use std::fmt::Display;

use samband_core::{Millis, Stamp};
use samband_wire_core::Detail;
use serde::{Serialize, Serializer};

use crate::attachments::Attachment;
use crate::identifier::IdentifierView;
use crate::requests::{MessageType, Metadata, RetentionPolicy};

/// Numbers and times that the wire writes as strings, without a string in between.
fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
fn some_text<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    pub id: String,
    pub topic: String,
    #[serde(serialize_with = "text")]
    pub created_on: Millis,
    pub created_by_communication_identifier: IdentifierView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_policy: Option<RetentionPolicy>,
    /// 2020 answers them with the thread; filled for that version alone.
    #[serde(skip)]
    pub members: Vec<Participant>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedThread {
    pub chat_thread: Thread,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invalid_participants: Vec<Detail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadItem {
    pub id: String,
    pub topic: String,
    #[serde(serialize_with = "some_text", skip_serializing_if = "Option::is_none")]
    pub deleted_on: Option<Millis>,
    #[serde(serialize_with = "some_text", skip_serializing_if = "Option::is_none")]
    pub last_message_received_on: Option<Millis>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    pub communication_identifier: IdentifierView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(serialize_with = "text")]
    pub share_history_time: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// 2021-10-01-preview7 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedParticipants {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invalid_participants: Vec<Detail>,
    /// 2020 lists the good ones too.
    #[serde(skip)]
    pub valid: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct SentMessage {
    #[serde(serialize_with = "text")]
    pub id: Stamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    #[serde(serialize_with = "text")]
    pub id: Stamp,
    #[serde(rename = "type")]
    pub message_type: MessageType,
    #[serde(serialize_with = "text")]
    pub sequence_id: i64,
    #[serde(serialize_with = "text")]
    pub version: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<MessageContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_display_name: Option<String>,
    #[serde(serialize_with = "text")]
    pub created_on: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_communication_identifier: Option<IdentifierView>,
    #[serde(serialize_with = "some_text", skip_serializing_if = "Option::is_none")]
    pub deleted_on: Option<Millis>,
    #[serde(serialize_with = "some_text", skip_serializing_if = "Option::is_none")]
    pub edited_on: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// 2020 only.
    #[serde(skip)]
    pub high_priority: bool,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageContent {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participants: Option<Vec<Participant>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Attachment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiator_communication_identifier: Option<IdentifierView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadReceipt {
    pub sender_communication_identifier: IdentifierView,
    #[serde(serialize_with = "text")]
    pub chat_message_id: Stamp,
    #[serde(serialize_with = "text")]
    pub read_on: Millis,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Paged<T> {
    pub value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
}
