//! What is told of the wire types is held against the types.

use std::borrow::Cow;

use samband_core::{Identifier, Millis, ResourceId, Stamp, UserId};
use samband_wire_core::Detail;
use samband_wire_core::about::testing::{answer_faults, body_faults};

use super::answers::*;
use super::bodies::*;
use crate::attachments::{Attachment, AttachmentWish, IMAGE, UploadedImage};
use crate::identifier::{IdentifierModel, IdentifierView};
use crate::requests::*;
use crate::responses::*;
use crate::shape::{AddParticipantsBody, CreateThreadBody, ParticipantBody, UpdateThreadBody};

#[test]
fn requests_are_as_told() {
    let faults = [
        body_faults::<CreateThreadBody>(&CREATE_THREAD),
        body_faults::<UpdateThreadBody>(&UPDATE_THREAD),
        body_faults::<AddParticipantsBody>(&ADD_PARTICIPANTS),
        body_faults::<ParticipantBody>(&PARTICIPANT_WISH),
        body_faults::<IdentifierModel>(&IDENTIFIER),
        body_faults::<SendMessage>(&SEND_MESSAGE),
        body_faults::<UpdateMessage>(&UPDATE_MESSAGE),
        body_faults::<AttachmentWish>(&ATTACHMENT_WISH),
        body_faults::<ReadReceiptWish>(&RECEIPT_WISH),
        body_faults::<Typing>(&TYPING),
    ];
    assert_eq!(faults.concat(), Vec::<String>::new());
}

#[test]
fn answers_are_as_told() {
    let identifier = || {
        IdentifierView::new(Identifier::CommunicationUser {
            resource: ResourceId::from_bytes([1; 16]),
            user: UserId::from_bytes([2; 16]),
        })
    };
    let metadata = || Some(Metadata::from([("key".to_owned(), "value".to_owned())]));
    let participant = || Participant {
        communication_identifier: identifier(),
        display_name: Some("name".into()),
        share_history_time: Millis(1),
        metadata: metadata(),
        role_ids: Some(vec!["role".into()]),
    };
    let invalid = || Detail {
        code: Cow::Borrowed("404"),
        message: Cow::Borrowed("Not found"),
        target: Some("8:acs:x".into()),
    };
    let created = CreatedThread {
        chat_thread: Thread {
            id: "19:x@thread.v2".into(),
            topic: "topic".into(),
            created_on: Millis(1),
            created_by_communication_identifier: identifier(),
            metadata: metadata(),
            retention_policy: Some(RetentionPolicy::ThreadCreationDate {
                delete_thread_after_days: 30,
            }),
            members: Vec::new(),
        },
        invalid_participants: vec![invalid()],
    };
    let item = ThreadItem {
        id: "19:x@thread.v2".into(),
        topic: "topic".into(),
        deleted_on: Some(Millis(1)),
        last_message_received_on: Some(Millis(1)),
    };
    let message = Message {
        id: Stamp(1),
        message_type: MessageType::Text,
        sequence_id: 1,
        version: Stamp(1),
        content: Some(MessageContent {
            message: Some("text".into()),
            topic: Some("topic".into()),
            participants: Some(vec![participant()]),
            initiator_communication_identifier: Some(identifier()),
            attachments: Some(vec![Attachment {
                id: "x".into(),
                attachment_type: IMAGE,
                name: Some("x.png".into()),
                url: "https://…".into(),
                preview_url: "https://…".into(),
            }]),
        }),
        sender_display_name: Some("name".into()),
        created_on: Millis(1),
        sender_communication_identifier: Some(identifier()),
        deleted_on: Some(Millis(1)),
        edited_on: Some(Millis(1)),
        metadata: metadata(),
        high_priority: false,
    };
    let added = AddedParticipants {
        invalid_participants: vec![invalid()],
        valid: Vec::new(),
    };
    let image = UploadedImage {
        id: "x".into(),
        attachment_type: IMAGE,
        name: Some("x.png".into()),
    };
    let receipt = ReadReceipt {
        sender_communication_identifier: identifier(),
        chat_message_id: Stamp(1),
        read_on: Millis(1),
    };
    let faults = [
        answer_faults(&CREATED_THREAD, &created),
        answer_faults(&THREADS, &page(item)),
        answer_faults(&PARTICIPANTS, &page(participant())),
        answer_faults(&ADDED_PARTICIPANTS, &added),
        answer_faults(&SENT_MESSAGE, &SentMessage { id: Stamp(1) }),
        answer_faults(&MESSAGES, &page(message)),
        answer_faults(&UPLOADED_IMAGE, &image),
        answer_faults(&RECEIPTS, &page(receipt)),
    ];
    assert_eq!(faults.concat(), Vec::<String>::new());
}

fn page<T>(item: T) -> Paged<T> {
    Paged {
        value: vec![item],
        next_link: Some("https://…".into()),
    }
}
