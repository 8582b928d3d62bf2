//! What differs between api-versions of Chat, and the reading and writing of bodies by it. Each
//! version's file states only its difference from the next newer one.

use samband_core::Millis;
use samband_wire_core::error::shorten;
use samband_wire_core::{ApiError, ApiVersion, Reply, Request};
use serde::{Deserialize, Serialize};

use crate::attachments::Attachments;
use crate::identifier::{IdentifierModel, IdentifierView};
use crate::requests::*;
use crate::responses::*;
use crate::v2020_09_21_preview2 as members;
use crate::v2020_11_01_preview3 as plain;
use crate::v2021_01_27_preview4::InErrors;

#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub version: ApiVersion,
    pub dialect: Dialect,
    /// `kind` in identifiers.
    pub identifier_kind: bool,
    pub message_metadata: bool,
    pub thread_metadata: bool,
    pub participant_metadata: bool,
    pub retention_policy: bool,
    /// `roleIds` of participants.
    pub role_ids: bool,
    /// A thread is created with participants, be it none.
    pub participants_required: bool,
    /// Participants that could not be added stand in `errors`, not in the result itself.
    pub invalid_in_errors: bool,
    /// Attachments in the messages of answers, and in those of requests.
    pub attachments: Attachments,
    pub attachments_sent: bool,
    /// A body in typing notifications.
    pub typing_body: bool,
    /// The header by which thread creation may be repeated.
    pub idempotency_header: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// 2020-09: members with plain ids, multi-status answers.
    Members,
    /// 2020-11: participants with plain ids.
    PlainIds,
    /// Participants with identifier objects.
    Participants,
}

/// What a request of the `Participants` dialect says about a participant.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParticipantBody {
    communication_identifier: IdentifierModel,
    display_name: Option<String>,
    share_history_time: Option<String>,
    metadata: Option<Metadata>,
    role_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateThreadBody {
    topic: String,
    #[serde(default)]
    participants: Option<Vec<ParticipantBody>>,
    metadata: Option<Metadata>,
    retention_policy: Option<RetentionPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateThreadBody {
    topic: Option<String>,
    metadata: Option<MetadataPatch>,
    retention_policy: Option<RetentionPolicy>,
}

#[derive(Deserialize)]
pub(crate) struct AddParticipantsBody {
    participants: Vec<ParticipantBody>,
}

impl Shape {
    pub fn create_thread(&self, request: &Request) -> Result<CreateThread, ApiError> {
        match self.dialect {
            Dialect::Members => return members::create_thread(request),
            Dialect::PlainIds => return plain::create_thread(request),
            Dialect::Participants => {}
        }
        let body: CreateThreadBody = request.json()?;
        if self.participants_required && body.participants.is_none() {
            return Err(ApiError::bad_request("A thread is created with participants.").with_target("participants"));
        }
        Ok(CreateThread {
            topic: body.topic,
            participants: self.participants(body.participants.unwrap_or_default())?,
            metadata: body.metadata.filter(|_| self.thread_metadata).unwrap_or_default(),
            retention: body.retention_policy.filter(|_| self.retention_policy),
        })
    }

    pub fn update_thread(&self, request: &Request) -> Result<UpdateThread, ApiError> {
        let body: UpdateThreadBody = request.json()?;
        Ok(UpdateThread {
            topic: body.topic,
            metadata: body.metadata.filter(|_| self.thread_metadata),
            retention: body.retention_policy.filter(|_| self.retention_policy),
        })
    }

    pub fn add_participants(&self, request: &Request) -> Result<AddParticipants, ApiError> {
        match self.dialect {
            Dialect::Members => return members::add_members(request),
            Dialect::PlainIds => return plain::add_participants(request),
            Dialect::Participants => {}
        }
        let body: AddParticipantsBody = request.json()?;
        Ok(AddParticipants {
            participants: self.participants(body.participants)?,
        })
    }

    fn participants(&self, bodies: Vec<ParticipantBody>) -> Result<Vec<ParticipantWish>, ApiError> {
        let wish = |(index, body): (usize, ParticipantBody)| {
            let target = format!("participants[{index}]");
            let identifier = body.communication_identifier.identifier().map_err(|reason| {
                ApiError::bad_request(reason).with_target(format!("{target}.communicationIdentifier"))
            })?;
            Ok(ParticipantWish {
                identifier,
                display_name: body.display_name,
                share_history: read_time(
                    body.share_history_time.as_deref(),
                    &format!("{target}.shareHistoryTime"),
                )?,
                metadata: body.metadata.filter(|_| self.participant_metadata).unwrap_or_default(),
                roles: body.role_ids.filter(|_| self.role_ids).unwrap_or_default(),
            })
        };
        bodies.into_iter().enumerate().map(wish).collect()
    }

    pub fn update_participant(&self, request: &Request) -> Result<UpdateParticipant, ApiError> {
        let body: ParticipantBody = request.json()?;
        Ok(UpdateParticipant {
            identifier: body
                .communication_identifier
                .identifier()
                .map_err(|reason| ApiError::bad_request(reason).with_target("communicationIdentifier"))?,
            display_name: body.display_name,
            share_history: read_time(body.share_history_time.as_deref(), "shareHistoryTime")?,
            roles: body.role_ids,
        })
    }

    /// Whom a request removes: its body, or in 2020 its path.
    pub fn remove_participant(&self, request: &Request) -> Result<samband_core::Identifier, ApiError> {
        if self.dialect != Dialect::Participants {
            return Ok(samband_core::Identifier::from_raw_id(request.param(1)));
        }
        let model: IdentifierModel = request.json()?;
        model.identifier().map_err(ApiError::bad_request)
    }

    pub fn send_message(&self, request: &Request) -> Result<SendMessage, ApiError> {
        if self.dialect == Dialect::Members {
            return members::send_message(request);
        }
        let mut body: SendMessage = request.json()?;
        if !self.message_metadata {
            body.metadata = None;
        }
        body.attachments = body.attachments.filter(|_| self.attachments_sent);
        Ok(body)
    }

    pub fn update_message(&self, request: &Request) -> Result<UpdateMessage, ApiError> {
        if self.dialect == Dialect::Members {
            return members::update_message(request);
        }
        let mut body: UpdateMessage = request.json()?;
        if !self.message_metadata {
            body.metadata = None;
        }
        body.attachments = body.attachments.filter(|_| self.attachments_sent);
        Ok(body)
    }

    pub fn typing(&self, request: &Request) -> Result<Typing, ApiError> {
        if self.typing_body {
            request.json_or_default()
        } else {
            Ok(Typing::default())
        }
    }

    /// Whether a thread is answered with its members in it.
    pub fn thread_has_members(&self) -> bool {
        self.dialect == Dialect::Members
    }

    pub fn created_thread(&self, status: u16, mut created: CreatedThread, valid: Vec<String>) -> Reply {
        match self.dialect {
            Dialect::Members => return members::created_thread(status, created, valid),
            Dialect::PlainIds => return plain::created_thread(status, created),
            Dialect::Participants => self.trim_thread(&mut created.chat_thread),
        }
        if self.invalid_in_errors {
            return Reply::json(
                status,
                &InErrors::created(created.chat_thread, created.invalid_participants),
            );
        }
        Reply::json(status, &created)
    }

    pub fn thread(&self, status: u16, mut thread: Thread) -> Reply {
        match self.dialect {
            Dialect::Members => return members::thread(status, thread),
            Dialect::PlainIds => return plain::thread(status, thread),
            Dialect::Participants => self.trim_thread(&mut thread),
        }
        Reply::json(status, &thread)
    }

    pub fn threads(&self, status: u16, page: Paged<ThreadItem>) -> Reply {
        if self.dialect == Dialect::Members {
            members::threads(status, page)
        } else {
            Reply::json(status, &page)
        }
    }

    pub fn added_participants(&self, status: u16, added: AddedParticipants) -> Reply {
        if self.dialect == Dialect::Members {
            return members::added_members(status, added);
        }
        if self.invalid_in_errors {
            return Reply::json(status, &InErrors::<Thread>::added(added.invalid_participants));
        }
        Reply::json(status, &added)
    }

    pub fn participants_page(&self, status: u16, mut page: Paged<Participant>) -> Reply {
        match self.dialect {
            Dialect::Members => return members::members(status, page),
            Dialect::PlainIds => return plain::participants(status, page),
            Dialect::Participants => {}
        }
        page.value
            .iter_mut()
            .for_each(|participant| self.trim_participant(participant));
        Reply::json(status, &page)
    }

    pub fn sent_message(&self, status: u16, sent: SentMessage) -> Reply {
        Reply::json(status, &sent)
    }

    pub fn message(&self, status: u16, mut message: Message) -> Reply {
        match self.dialect {
            Dialect::Members => return members::message(status, message),
            Dialect::PlainIds => return plain::message(status, message),
            Dialect::Participants => {}
        }
        self.trim_message(&mut message);
        Reply::json(status, &message)
    }

    pub fn messages(&self, status: u16, mut page: Paged<Message>) -> Reply {
        match self.dialect {
            Dialect::Members => return members::messages(status, page),
            Dialect::PlainIds => return plain::messages(status, page),
            Dialect::Participants => {}
        }
        page.value.iter_mut().for_each(|message| self.trim_message(message));
        page_of(status, 512, &page)
    }

    pub fn read_receipts(&self, status: u16, mut page: Paged<ReadReceipt>) -> Reply {
        match self.dialect {
            Dialect::Members => return members::read_receipts(status, page),
            Dialect::PlainIds => return plain::read_receipts(status, page),
            Dialect::Participants => {}
        }
        for receipt in &mut page.value {
            self.trim_identifier(&mut receipt.sender_communication_identifier);
        }
        Reply::json(status, &page)
    }

    // What a version does not know does not appear in its answers.

    fn trim_identifier(&self, identifier: &mut IdentifierView) {
        identifier.with_kind = self.identifier_kind;
    }

    fn trim_thread(&self, thread: &mut Thread) {
        self.trim_identifier(&mut thread.created_by_communication_identifier);
        if !self.thread_metadata {
            thread.metadata = None;
        }
        if !self.retention_policy {
            thread.retention_policy = None;
        }
    }

    fn trim_participant(&self, participant: &mut Participant) {
        self.trim_identifier(&mut participant.communication_identifier);
        if !self.participant_metadata {
            participant.metadata = None;
        }
        if !self.role_ids {
            participant.role_ids = None;
        }
    }

    fn trim_message(&self, message: &mut Message) {
        if let Some(sender) = &mut message.sender_communication_identifier {
            self.trim_identifier(sender);
        }
        if let Some(content) = &mut message.content {
            self.attachments.shown(&mut content.attachments);
            if let Some(initiator) = &mut content.initiator_communication_identifier {
                self.trim_identifier(initiator);
            }
            content
                .participants
                .iter_mut()
                .flatten()
                .for_each(|participant| self.trim_participant(participant));
        }
        if !self.message_metadata {
            message.metadata = None;
        }
    }
}

/// A page with room for its items from the start: growing a large buffer copies it again and again.
fn page_of<T: Serialize>(status: u16, bytes_per_item: usize, page: &Paged<T>) -> Reply {
    let mut body = Vec::with_capacity(256 + page.value.len() * bytes_per_item);
    match serde_json::to_writer(&mut body, page) {
        Ok(()) => Reply {
            body: body.into(),
            ..Reply::empty(status)
        },
        Err(_) => Reply::empty(500),
    }
}

pub(crate) fn read_time(text: Option<&str>, target: &str) -> Result<Option<Millis>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let time = Millis::parse(text).ok_or_else(|| {
        ApiError::bad_request(format!("'{}' is not an RFC 3339 date and time.", shorten(text))).with_target(target)
    })?;
    Ok(Some(time))
}
