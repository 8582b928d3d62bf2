//! What is stored, as the newest wire types show it.

use samband_core::{Identifier, Millis, ResourceId, UserId};
use samband_wire_chat::identifier::IdentifierView;
use samband_wire_chat::{Message, MessageContent, MessageType, Metadata, Participant, ReadReceipt, Thread, ThreadItem};
use samband_wire_core::{ApiError, Request};

use super::attachments;
use crate::model::{Kinds, MessageDoc, StoredMember, StoredMessage, StoredReceipt, SystemDoc, ThreadInfo, ThreadLine};
use crate::store::InThread;

pub(super) fn identifier(resource: ResourceId, user: UserId) -> IdentifierView {
    IdentifierView::new(Identifier::CommunicationUser { resource, user })
}

/// An id as one segment of a path.
pub(super) fn path_segment(id: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(id, KEPT).to_string()
}

fn some(metadata: Metadata) -> Option<Metadata> {
    Some(metadata).filter(|metadata| !metadata.is_empty())
}

pub(super) fn thread(resource: ResourceId, info: ThreadInfo) -> Thread {
    Thread {
        id: info.thread.to_string(),
        topic: info.topic,
        created_on: info.created,
        created_by_communication_identifier: identifier(resource, info.created_by),
        metadata: some(info.metadata),
        retention_policy: info.retention,
        members: Vec::new(),
    }
}

pub(super) fn thread_item(line: ThreadLine) -> ThreadItem {
    ThreadItem {
        id: line.thread.to_string(),
        topic: line.topic,
        deleted_on: line.deleted,
        last_message_received_on: line.last_message,
    }
}

pub(super) fn participant(resource: ResourceId, member: StoredMember) -> Participant {
    Participant {
        communication_identifier: identifier(resource, member.user),
        display_name: member.display_name,
        share_history_time: member.share_history,
        metadata: some(member.metadata),
        role_ids: Some(member.roles).filter(|roles| !roles.is_empty()),
    }
}

pub(super) fn receipt(resource: ResourceId, receipt: StoredReceipt) -> ReadReceipt {
    ReadReceipt {
        sender_communication_identifier: identifier(resource, receipt.user),
        chat_message_id: receipt.message,
        read_on: receipt.read,
    }
}

pub(super) fn message(request: &Request, at: InThread, stored: StoredMessage) -> Result<Message, ApiError> {
    let resource = at.resource;
    let message_type = Kinds::message_type(stored.kind);
    let mut view = Message {
        id: stored.stamp,
        message_type,
        sequence_id: stored.seq,
        version: stored.version,
        content: None,
        sender_display_name: None,
        // One clock for each thread: when a message was created is its stamp.
        created_on: Millis(stored.stamp.0),
        sender_communication_identifier: None,
        deleted_on: stored.deleted,
        edited_on: stored.edited,
        metadata: None,
        high_priority: false,
    };
    let actor = stored.actor.map(|user| identifier(resource, user));
    if stored.deleted.is_some() {
        view.sender_communication_identifier = actor;
        // Empty, not absent: the first stable Python SDK reads into it.
        view.content = Some(MessageContent::default());
        return Ok(view);
    }
    match message_type {
        MessageType::Text | MessageType::Html => {
            let doc: MessageDoc = read(&stored.doc)?;
            view.content = Some(MessageContent {
                message: Some(doc.content),
                attachments: attachments::shown(request, at, doc.attachments),
                ..MessageContent::default()
            });
            view.sender_display_name = doc.sender_display_name;
            view.sender_communication_identifier = actor;
            view.metadata = some(doc.metadata);
            view.high_priority = doc.high_priority;
        }
        MessageType::TopicUpdated | MessageType::ParticipantAdded | MessageType::ParticipantRemoved => {
            let doc: SystemDoc = read(&stored.doc)?;
            let participants = doc.members.into_iter().map(|member| Participant {
                communication_identifier: identifier(resource, UserId::from_bytes(member.user)),
                display_name: member.display_name,
                share_history_time: Millis(member.share_history_ms),
                metadata: None,
                role_ids: None,
            });
            view.content = Some(MessageContent {
                message: None,
                topic: doc.topic,
                participants: (message_type != MessageType::TopicUpdated).then(|| participants.collect()),
                attachments: None,
                initiator_communication_identifier: actor,
            });
        }
    }
    Ok(view)
}

fn read<T: serde::de::DeserializeOwned>(doc: &[u8]) -> Result<T, ApiError> {
    // Only a damaged database holds a document that cannot be read.
    serde_json::from_slice(doc).map_err(|_| ApiError::unavailable())
}
