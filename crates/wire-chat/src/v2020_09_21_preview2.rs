//! `2020-09-21-preview2`, the dialect of the 2020 quickstart: members with plain ids, multi-status
//! answers, message content as a plain string, priorities.

use std::fmt::Write as _;

use samband_core::{Millis, Stamp};
use samband_wire_core::{ApiError, ApiVersion, Detail, Reply, Request};
use serde::{Deserialize, Serialize};

use crate::identifier::IdentifierModel;
use crate::requests::*;
use crate::responses::*;
use crate::shape::{Dialect, Shape, read_time};
use crate::v2020_11_01_preview3;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2020, 9, 21, 2),
    dialect: Dialect::Members,
    idempotency_header: None,
    ..v2020_11_01_preview3::SHAPE
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberBody {
    id: String,
    display_name: Option<String>,
    share_history_time: Option<String>,
}

#[derive(Deserialize)]
struct CreateThreadBody {
    topic: String,
    members: Vec<MemberBody>,
}

#[derive(Deserialize)]
struct AddMembersBody {
    members: Vec<MemberBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendMessageBody {
    content: String,
    sender_display_name: Option<String>,
    priority: Option<Priority>,
}

#[derive(Deserialize)]
struct UpdateMessageBody {
    content: Option<String>,
    priority: Option<Priority>,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Priority {
    Normal,
    High,
}

pub(crate) fn create_thread(request: &Request) -> Result<CreateThread, ApiError> {
    let body: CreateThreadBody = request.json()?;
    Ok(CreateThread {
        topic: body.topic,
        participants: wishes(body.members)?,
        metadata: Metadata::new(),
        retention: None,
    })
}

pub(crate) fn add_members(request: &Request) -> Result<AddParticipants, ApiError> {
    let body: AddMembersBody = request.json()?;
    Ok(AddParticipants {
        participants: wishes(body.members)?,
    })
}

fn wishes(members: Vec<MemberBody>) -> Result<Vec<ParticipantWish>, ApiError> {
    let wish = |(index, member): (usize, MemberBody)| {
        let target = format!("members[{index}]");
        let identifier = IdentifierModel::from_raw_id(member.id)
            .identifier()
            .map_err(|reason| ApiError::bad_request(reason).with_target(format!("{target}.id")))?;
        Ok(ParticipantWish {
            identifier,
            display_name: member.display_name,
            share_history: read_time(
                member.share_history_time.as_deref(),
                &format!("{target}.shareHistoryTime"),
            )?,
            metadata: Metadata::new(),
            roles: Vec::new(),
        })
    };
    members.into_iter().enumerate().map(wish).collect()
}

pub(crate) fn send_message(request: &Request) -> Result<SendMessage, ApiError> {
    let body: SendMessageBody = request.json()?;
    Ok(SendMessage {
        content: body.content,
        sender_display_name: body.sender_display_name,
        message_type: None,
        metadata: None,
        attachments: None,
        high_priority: body.priority == Some(Priority::High),
    })
}

pub(crate) fn update_message(request: &Request) -> Result<UpdateMessage, ApiError> {
    let body: UpdateMessageBody = request.json()?;
    let high_priority = body.priority.map(|priority| priority == Priority::High);
    Ok(UpdateMessage {
        content: body.content,
        metadata: None,
        attachments: None,
        high_priority,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MultiStatus {
    multiple_status: Vec<IndividualStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndividualStatus {
    id: String,
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(rename = "type")]
    item: &'static str,
}

fn member_statuses(valid: Vec<String>, invalid: Vec<Detail>) -> Vec<IndividualStatus> {
    let added = |id| IndividualStatus {
        id,
        status_code: 201,
        message: None,
        item: "ThreadMember",
    };
    let refused = |detail: Detail| IndividualStatus {
        id: detail.target.unwrap_or_default(),
        status_code: detail.code.parse().unwrap_or(400),
        message: Some(detail.message.into_owned()),
        item: "ThreadMember",
    };
    valid
        .into_iter()
        .map(added)
        .chain(invalid.into_iter().map(refused))
        .collect()
}

pub(crate) fn created_thread(status: u16, created: CreatedThread, valid: Vec<String>) -> Reply {
    let mut multiple_status = member_statuses(valid, created.invalid_participants);
    let id = created.chat_thread.id;
    multiple_status.push(IndividualStatus {
        id,
        status_code: 201,
        message: None,
        item: "Thread",
    });
    Reply::json(status, &MultiStatus { multiple_status })
}

pub(crate) fn added_members(status: u16, added: AddedParticipants) -> Reply {
    let multiple_status = member_statuses(added.valid, added.invalid_participants);
    Reply::json(status, &MultiStatus { multiple_status })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    share_history_time: String,
}

impl From<Participant> for Member {
    fn from(participant: Participant) -> Self {
        Self {
            id: participant.communication_identifier.identifier.raw_id(),
            display_name: participant.display_name,
            share_history_time: participant.share_history_time.to_string(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThreadWithMembers {
    id: String,
    topic: String,
    created_on: String,
    created_by: String,
    members: Vec<Member>,
}

pub(crate) fn thread(status: u16, thread: Thread) -> Reply {
    let body = ThreadWithMembers {
        id: thread.id,
        topic: thread.topic,
        created_on: thread.created_on.to_string(),
        created_by: thread.created_by_communication_identifier.identifier.raw_id(),
        members: thread.members.into_iter().map(Member::from).collect(),
    };
    Reply::json(status, &body)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThreadInfo {
    id: String,
    topic: String,
    is_deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message_received_on: Option<String>,
}

pub(crate) fn threads(status: u16, page: Paged<ThreadItem>) -> Reply {
    map_page(status, page, |item| ThreadInfo {
        id: item.id,
        topic: item.topic,
        is_deleted: item.deleted_on.is_some(),
        last_message_received_on: item.last_message_received_on.map(|time| time.to_string()),
    })
}

pub(crate) fn members(status: u16, page: Paged<Participant>) -> Reply {
    map_page(status, page, Member::from)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainMessage {
    id: String,
    #[serde(rename = "type")]
    message_type: &'static str,
    priority: Priority,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_display_name: Option<String>,
    created_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_on: Option<String>,
}

impl From<Message> for PlainMessage {
    fn from(message: Message) -> Self {
        let time = message.created_on;
        let message_type = match message.message_type {
            // HTML was not known; whoever reads with this version gets it as the text it is.
            MessageType::Text | MessageType::Html => "Text",
            MessageType::TopicUpdated => "ThreadActivity/TopicUpdate",
            MessageType::ParticipantAdded => "ThreadActivity/AddMember",
            MessageType::ParticipantRemoved => "ThreadActivity/DeleteMember",
        };
        Self {
            content: message
                .content
                .map(|content| plain_content(message.message_type, content, time, message.id)),
            id: message.id.to_string(),
            message_type,
            priority: if message.high_priority {
                Priority::High
            } else {
                Priority::Normal
            },
            version: message.version.to_string(),
            sender_display_name: message.sender_display_name,
            created_on: time.to_string(),
            sender_id: message
                .sender_communication_identifier
                .map(|sender| sender.identifier.raw_id()),
            deleted_on: message.deleted_on.map(|time| time.to_string()),
            edited_on: message.edited_on.map(|time| time.to_string()),
        }
    }
}

/// System messages were small XML documents in a string.
fn plain_content(message_type: MessageType, content: MessageContent, time: Millis, id: Stamp) -> String {
    let (element, target) = match message_type {
        MessageType::Text | MessageType::Html => return content.message.unwrap_or_default(),
        MessageType::TopicUpdated => ("topicupdate", None),
        MessageType::ParticipantAdded => ("addmember", content.participants),
        MessageType::ParticipantRemoved => ("deletemember", content.participants),
    };
    let mut xml = format!("<{element}><eventtime>{}</eventtime>", time.0);
    if let Some(initiator) = content.initiator_communication_identifier {
        xml_element(&mut xml, "initiator", &initiator.identifier.raw_id());
    }
    if let Some(topic) = content.topic {
        xml_element(&mut xml, "value", &topic);
    }
    if let Some(members) = target {
        xml_element(&mut xml, "rosterVersion", &id.to_string());
        for member in members {
            let id = member.communication_identifier.identifier.raw_id();
            xml_element(&mut xml, "target", &id);
            xml.push_str("<detailedtargetinfo>");
            xml_element(&mut xml, "id", &id);
            if let Some(name) = member.display_name {
                xml_element(&mut xml, "friendlyName", &name);
            }
            xml.push_str("</detailedtargetinfo>");
        }
    }
    let _ = write!(xml, "</{element}>");
    xml
}

fn xml_element(xml: &mut String, name: &str, text: &str) {
    let _ = write!(xml, "<{name}>");
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            other => xml.push(other),
        }
    }
    let _ = write!(xml, "</{name}>");
}

pub(crate) fn message(status: u16, message: Message) -> Reply {
    Reply::json(status, &PlainMessage::from(message))
}

pub(crate) fn messages(status: u16, page: Paged<Message>) -> Reply {
    map_page(status, page, PlainMessage::from)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainReceipt {
    sender_id: String,
    chat_message_id: String,
    read_on: String,
}

pub(crate) fn read_receipts(status: u16, page: Paged<ReadReceipt>) -> Reply {
    map_page(status, page, |receipt| PlainReceipt {
        sender_id: receipt.sender_communication_identifier.identifier.raw_id(),
        chat_message_id: receipt.chat_message_id.to_string(),
        read_on: receipt.read_on.to_string(),
    })
}

pub(crate) fn map_page<T, U: Serialize>(status: u16, page: Paged<T>, map: impl Fn(T) -> U) -> Reply {
    let value = page.value.into_iter().map(map).collect();
    Reply::json(
        status,
        &Paged {
            value,
            next_link: page.next_link,
        },
    )
}
