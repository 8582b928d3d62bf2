//! A note of a thread as an event: read once, encoded once for each protocol, shared by all who hear it.

use std::sync::{Arc, OnceLock};

use samband_chat::{ChangedDoc, Kinds, MemberDoc, MessageDoc, ReceiptDoc, SystemDoc, TypingDoc};
use samband_core::{Millis, Note, Stamp, ThreadId, UserId};
use samband_wire_chat::RetentionPolicy;
use samband_wire_realtime::event::{
    ChatEvent, EventParticipant, Initiator, Message, MessageDeleted, MessageEdited, ParticipantsChanged, ReadReceipt,
    ThreadCreated, ThreadDeleted, ThreadProperties, ThreadPropertiesUpdated, Typing,
};
use samband_wire_realtime::open::{self, UserCloudEvent};
use samband_wire_realtime::payload::{self, SharedPayload};

/// In larger threads a receipt is told to the message's author alone.
const RECEIPTS_FOR_ALL: i64 = 250;

pub struct Event {
    pub note: Arc<Note>,
    /// None: there is nothing to tell, but members may have come (the end of a large batch).
    what: Option<ChatEvent>,
    members: Vec<(UserId, Membership)>,
    /// Told to this user alone.
    only: Option<UserId>,
    signalling: OnceLock<SharedPayload>,
    user_level: OnceLock<Vec<UserCloudEvent>>,
    thread_level: OnceLock<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    Joined,
    Left,
}

impl Event {
    /// None for what concerns nobody who is connected: system messages of a thread's beginning.
    pub fn of(note: &Arc<Note>) -> Option<Self> {
        let (what, members, only) = read(note)?;
        Some(Self {
            note: note.clone(),
            what,
            members,
            only,
            signalling: OnceLock::new(),
            user_level: OnceLock::new(),
            thread_level: OnceLock::new(),
        })
    }

    pub fn what(&self) -> Option<&ChatEvent> {
        self.what.as_ref()
    }

    pub fn memberships(&self) -> &[(UserId, Membership)] {
        &self.members
    }

    pub fn ends_thread(&self) -> bool {
        matches!(self.what, Some(ChatEvent::ThreadDeleted(_)))
    }

    /// Whether a user is to hear it.
    pub fn is_for(&self, user: UserId) -> bool {
        self.only.is_none_or(|only| only == user)
    }

    pub fn thread(&self) -> ThreadId {
        ThreadId::from_bytes(self.note.stream.0)
    }

    /// For the sockets of the SDKs.
    pub fn signalling(&self) -> Option<&SharedPayload> {
        let what = self.what.as_ref()?;
        Some(
            self.signalling
                .get_or_init(|| payload::shared(what, self.note.resource)),
        )
    }

    /// For the open stream of a user.
    pub fn user_level(&self, source: &str) -> &[UserCloudEvent] {
        let Some(what) = &self.what else { return &[] };
        self.user_level
            .get_or_init(|| open::user_level(what, self.note.resource, source))
    }

    /// For the open stream of a whole resource.
    pub fn thread_level(&self, source: &str) -> &[String] {
        let Some(what) = &self.what else { return &[] };
        self.thread_level
            .get_or_init(|| open::thread_level(what, self.note.resource, source))
    }
}

type Told = (Option<ChatEvent>, Vec<(UserId, Membership)>, Option<UserId>);

fn read(note: &Note) -> Option<Told> {
    let thread = ThreadId::from_bytes(note.stream.0);
    let actor = note.actor.as_deref().and_then(samband_chat::store::user_of);
    let time = Millis(note.stamp.0);
    let nobody = Vec::new;
    Some(match note.kind {
        Kinds::TEXT | Kinds::HTML => {
            let doc: MessageDoc = doc(note)?;
            let message = message(note, thread, actor?, doc, note.kind == Kinds::HTML, note.stamp);
            (Some(ChatEvent::MessageReceived(message)), nobody(), None)
        }
        Kinds::MESSAGE_EDITED => {
            let ChangedDoc { message: doc, html } = doc(note)?;
            let message = message(note, thread, actor?, doc, html, note.about?);
            (
                Some(ChatEvent::MessageEdited(MessageEdited { message, edited: time })),
                nobody(),
                None,
            )
        }
        Kinds::MESSAGE_DELETED => {
            let ChangedDoc { message, html } = doc(note)?;
            let deleted = MessageDeleted {
                thread,
                id: note.about?,
                sender: actor?,
                sender_display_name: message.sender_display_name,
                html,
                version: note.stamp,
                created: Millis(note.about?.0),
                deleted: time,
            };
            (Some(ChatEvent::MessageDeleted(deleted)), nobody(), None)
        }
        Kinds::TYPING => {
            let doc: TypingDoc = doc(note)?;
            let typing = Typing {
                thread,
                sender: actor?,
                sender_display_name: doc.sender_display_name,
                at: note.at,
            };
            (Some(ChatEvent::Typing(typing)), nobody(), None)
        }
        Kinds::READ_RECEIPT => {
            let doc: ReceiptDoc = doc(note)?;
            let receipt = ReadReceipt {
                thread,
                sender: actor?,
                message: Stamp(doc.message),
                read: Millis(doc.read_ms),
            };
            let author = doc.author.map(UserId::from_bytes);
            let only = if doc.members > RECEIPTS_FOR_ALL {
                Some(author?)
            } else {
                None
            };
            (Some(ChatEvent::ReadReceipt(receipt)), nobody(), only)
        }
        Kinds::THREAD_CREATED => {
            let doc: SystemDoc = doc(note)?;
            let created = ThreadCreated {
                thread,
                version: note.stamp,
                created: time,
                by: by(actor?, &doc),
                properties: properties(&doc),
                total: doc.total.unwrap_or(doc.members.len()),
                participants: participants(&doc.members),
            };
            (Some(ChatEvent::ThreadCreated(created)), joined(&doc.members), None)
        }
        Kinds::TOPIC_UPDATED | Kinds::THREAD_UPDATED => {
            let doc: SystemDoc = doc(note)?;
            if doc.quiet {
                return None;
            }
            let updated = ThreadPropertiesUpdated {
                thread,
                version: note.stamp,
                created: created(&doc),
                edited: time,
                by: by(actor?, &doc),
                properties: properties(&doc),
            };
            (Some(ChatEvent::ThreadPropertiesUpdated(updated)), nobody(), None)
        }
        Kinds::THREAD_DELETED => {
            let doc: SystemDoc = doc(note)?;
            let deleted = ThreadDeleted {
                thread,
                version: note.stamp,
                created: created(&doc),
                deleted: time,
                by: by(actor?, &doc),
                by_policy: doc.by_policy,
            };
            (Some(ChatEvent::ThreadDeleted(deleted)), nobody(), None)
        }
        Kinds::PARTICIPANTS_ADDED | Kinds::MORE_PARTICIPANTS | Kinds::PARTICIPANT_REMOVED => {
            let doc: SystemDoc = doc(note)?;
            if doc.quiet {
                return None;
            }
            let changed = ParticipantsChanged {
                thread,
                version: note.stamp,
                created: created(&doc),
                time,
                by: by(actor?, &doc),
                total: doc.total.unwrap_or(doc.members.len()),
                participants: participants(&doc.members),
            };
            match note.kind {
                Kinds::PARTICIPANTS_ADDED => (Some(ChatEvent::ParticipantsAdded(changed)), joined(&doc.members), None),
                // A batch is one event: its later pieces only join.
                Kinds::MORE_PARTICIPANTS => (None, joined(&doc.members), None),
                _ => {
                    let left = doc
                        .members
                        .iter()
                        .map(|member| (user(member), Membership::Left))
                        .collect();
                    (Some(ChatEvent::ParticipantsRemoved(changed)), left, None)
                }
            }
        }
        _ => return None,
    })
}

fn doc<T: serde::de::DeserializeOwned>(note: &Note) -> Option<T> {
    serde_json::from_slice(&note.body)
        .inspect_err(|error| tracing::error!(%error, kind = note.kind.0, "a note cannot be read"))
        .ok()
}

fn message(note: &Note, thread: ThreadId, sender: UserId, doc: MessageDoc, html: bool, id: Stamp) -> Message {
    Message {
        thread,
        id,
        sender,
        sender_display_name: doc.sender_display_name,
        html,
        content: doc.content,
        metadata: doc.metadata,
        attachments: Vec::new(),
        version: note.stamp,
        created: Millis(id.0),
    }
}

fn user(member: &MemberDoc) -> UserId {
    UserId::from_bytes(member.user)
}

fn joined(members: &[MemberDoc]) -> Vec<(UserId, Membership)> {
    members
        .iter()
        .map(|member| (user(member), Membership::Joined))
        .collect()
}

/// Whoever did it, by the name it takes part under.
fn by(actor: UserId, doc: &SystemDoc) -> Initiator {
    let named = || {
        doc.members
            .iter()
            .find(|member| user(member) == actor)?
            .display_name
            .clone()
    };
    Initiator {
        user: actor,
        display_name: doc.by_name.clone().or_else(named),
    }
}

fn participants(members: &[MemberDoc]) -> Vec<EventParticipant> {
    let participant = |member: &MemberDoc| EventParticipant {
        user: user(member),
        display_name: member.display_name.clone(),
        share_history: Millis(member.share_history_ms),
        metadata: member.metadata.clone(),
    };
    members.iter().map(participant).collect()
}

fn properties(doc: &SystemDoc) -> ThreadProperties {
    let retention_days = match doc.retention {
        Some(RetentionPolicy::ThreadCreationDate {
            delete_thread_after_days,
        }) => Some(delete_thread_after_days),
        Some(RetentionPolicy::None) | None => None,
    };
    ThreadProperties {
        topic: doc.topic.clone().unwrap_or_default(),
        metadata: doc.metadata.clone(),
        retention_days,
    }
}

fn created(doc: &SystemDoc) -> Option<Millis> {
    (doc.thread_created_ms > 0).then_some(Millis(doc.thread_created_ms))
}
