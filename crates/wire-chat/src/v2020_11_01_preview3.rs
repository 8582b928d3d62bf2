//! `2020-11-01-preview3`: participants already, but with plain ids wherever identifiers stand later.

use samband_core::{Millis, Stamp};
use samband_wire_core::{ApiError, ApiVersion, Reply, Request};
use serde::{Deserialize, Serialize};

use crate::identifier::{IdentifierModel, IdentifierView};
use crate::requests::*;
use crate::responses::*;
use crate::shape::{Dialect, Shape, read_time};
use crate::v2020_09_21_preview2::map_page;
use crate::v2021_01_27_preview4::{self, InErrors};

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2020, 11, 1, 3),
    dialect: Dialect::PlainIds,
    ..v2021_01_27_preview4::SHAPE
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParticipantBody {
    id: String,
    display_name: Option<String>,
    share_history_time: Option<String>,
}

#[derive(Deserialize)]
struct CreateThreadBody {
    topic: String,
    participants: Vec<ParticipantBody>,
}

#[derive(Deserialize)]
struct AddParticipantsBody {
    participants: Vec<ParticipantBody>,
}

pub(crate) fn create_thread(request: &Request) -> Result<CreateThread, ApiError> {
    let body: CreateThreadBody = request.json()?;
    Ok(CreateThread {
        topic: body.topic,
        participants: wishes(body.participants)?,
        metadata: Metadata::new(),
        retention: None,
    })
}

pub(crate) fn add_participants(request: &Request) -> Result<AddParticipants, ApiError> {
    let body: AddParticipantsBody = request.json()?;
    Ok(AddParticipants {
        participants: wishes(body.participants)?,
    })
}

fn wishes(bodies: Vec<ParticipantBody>) -> Result<Vec<ParticipantWish>, ApiError> {
    let wish = |(index, body): (usize, ParticipantBody)| {
        let target = format!("participants[{index}]");
        let identifier = IdentifierModel::from_raw_id(body.id)
            .identifier()
            .map_err(|reason| ApiError::bad_request(reason).with_target(format!("{target}.id")))?;
        let shared = format!("{target}.shareHistoryTime");
        Ok(ParticipantWish {
            identifier,
            display_name: body.display_name,
            share_history: read_time(body.share_history_time.as_deref(), &shared)?,
            metadata: Metadata::new(),
            roles: Vec::new(),
        })
    };
    bodies.into_iter().enumerate().map(wish).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainThread {
    id: String,
    topic: String,
    created_on: String,
    created_by: String,
}

impl From<Thread> for PlainThread {
    fn from(thread: Thread) -> Self {
        Self {
            id: thread.id,
            topic: thread.topic,
            created_on: thread.created_on.to_string(),
            created_by: raw_id(thread.created_by_communication_identifier),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainParticipant {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    share_history_time: String,
}

impl From<Participant> for PlainParticipant {
    fn from(participant: Participant) -> Self {
        Self {
            id: raw_id(participant.communication_identifier),
            display_name: participant.display_name,
            share_history_time: participant.share_history_time.to_string(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainMessage {
    id: Text<Stamp>,
    #[serde(rename = "type")]
    message_type: MessageType,
    sequence_id: Text<i64>,
    version: Text<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<PlainContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_display_name: Option<String>,
    created_on: Text<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_on: Option<Text<Millis>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_on: Option<Text<Millis>>,
}

#[derive(Serialize)]
struct PlainContent {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participants: Option<Vec<PlainParticipant>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initiator: Option<String>,
}

/// Numbers and times that the wire writes as strings.
struct Text<T>(T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl From<Message> for PlainMessage {
    fn from(message: Message) -> Self {
        let content = |content: MessageContent| PlainContent {
            message: content.message,
            topic: content.topic,
            participants: content
                .participants
                .map(|all| all.into_iter().map(PlainParticipant::from).collect()),
            initiator: content.initiator_communication_identifier.map(raw_id),
        };
        Self {
            id: Text(message.id),
            message_type: message.message_type,
            sequence_id: Text(message.sequence_id),
            version: Text(message.version),
            content: message.content.map(content),
            sender_display_name: message.sender_display_name,
            created_on: Text(message.created_on),
            sender_id: message.sender_communication_identifier.map(raw_id),
            deleted_on: message.deleted_on.map(Text),
            edited_on: message.edited_on.map(Text),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainReceipt {
    sender_id: String,
    chat_message_id: Text<Stamp>,
    read_on: Text<Millis>,
}

fn raw_id(view: IdentifierView) -> String {
    view.identifier.raw_id()
}

pub(crate) fn created_thread(status: u16, created: CreatedThread) -> Reply {
    let thread = PlainThread::from(created.chat_thread);
    Reply::json(status, &InErrors::created(thread, created.invalid_participants))
}

pub(crate) fn thread(status: u16, thread: Thread) -> Reply {
    Reply::json(status, &PlainThread::from(thread))
}

pub(crate) fn participants(status: u16, page: Paged<Participant>) -> Reply {
    map_page(status, page, PlainParticipant::from)
}

pub(crate) fn message(status: u16, message: Message) -> Reply {
    Reply::json(status, &PlainMessage::from(message))
}

pub(crate) fn messages(status: u16, page: Paged<Message>) -> Reply {
    map_page(status, page, PlainMessage::from)
}

pub(crate) fn read_receipts(status: u16, page: Paged<ReadReceipt>) -> Reply {
    map_page(status, page, |receipt| PlainReceipt {
        sender_id: raw_id(receipt.sender_communication_identifier),
        chat_message_id: Text(receipt.chat_message_id),
        read_on: Text(receipt.read_on),
    })
}
