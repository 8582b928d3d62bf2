//! A note of a thread as an event: read once, encoded once for each protocol, shared by all who hear it.

use std::sync::{Arc, OnceLock};

use samband_chat::{AttachedImage, ChangedDoc, Kinds, MemberDoc, MessageDoc, ReceiptDoc, SystemDoc, TypingDoc};
use samband_core::{Millis, Note, Stamp, ThreadId, UserId};
use samband_wire_chat::RetentionPolicy;
use samband_wire_realtime::event::{
    Attachment, AttachmentKind, ChatEvent, EventParticipant, Initiator, Message, MessageDeleted, MessageEdited,
    ParticipantsChanged, ReadReceipt, ThreadCreated, ThreadDeleted, ThreadProperties, ThreadPropertiesUpdated, Typing,
};
use samband_wire_realtime::open::{self, CloudEvent, Level, Place};
use samband_wire_realtime::payload::{self, SharedPayload};

/// In larger threads a receipt is told to the message's author alone.
const RECEIPTS_FOR_ALL: i64 = 250;

pub struct Event {
    pub note: Arc<Note>,
    what: ChatEvent,
    members: Vec<(UserId, Membership)>,
    audience: Audience,
    signalling: OnceLock<SharedPayload>,
    user_level: OnceLock<Vec<CloudEvent>>,
    thread_level: OnceLock<Vec<CloudEvent>>,
}

/// Which members are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    All,
    One(UserId),
    /// Those who join by it: of a large batch everybody hears once, from its first piece.
    Joining,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    Joined,
    Left,
}

impl Event {
    /// None for what concerns nobody who is connected: system messages of a thread's beginning, and
    /// in a replay that of which nothing is left.
    pub fn of(note: &Arc<Note>) -> Option<Self> {
        if samband_chat::store::is_gone(note) {
            return None;
        }
        let (what, members, audience) = read(note)?;
        Some(Self {
            note: note.clone(),
            what,
            members,
            audience,
            signalling: OnceLock::new(),
            user_level: OnceLock::new(),
            thread_level: OnceLock::new(),
        })
    }

    pub fn memberships(&self) -> &[(UserId, Membership)] {
        &self.members
    }

    pub fn ends_thread(&self) -> bool {
        matches!(self.what, ChatEvent::ThreadDeleted(_))
    }

    /// Whether a user is to hear it.
    pub fn is_for(&self, user: UserId) -> bool {
        match self.audience {
            Audience::All => true,
            Audience::One(only) => only == user,
            Audience::Joining => self.members.iter().any(|(member, _)| *member == user),
        }
    }

    pub fn thread(&self) -> ThreadId {
        ThreadId::from_bytes(self.note.stream.0)
    }

    /// For the sockets of the SDKs.
    pub fn signalling(&self) -> &SharedPayload {
        self.signalling
            .get_or_init(|| payload::shared(&self.what, self.note.resource))
    }

    /// For open streams of a level.
    pub fn cloud_events(&self, level: Level, origin: &Origin) -> &[CloudEvent] {
        let cell = match level {
            Level::User => &self.user_level,
            Level::Thread => &self.thread_level,
        };
        cell.get_or_init(|| {
            let place = Place {
                resource: self.note.resource,
                source: &origin.source,
                epoch: origin.in_order.then_some(origin.epoch),
                at: self.note.position,
            };
            open::cloud_events(&self.what, level, &place)
        })
    }

    /// Under which type open streams tell it.
    pub fn type_name(&self, level: Level) -> &'static str {
        open::type_of(&self.what, level)
    }
}

/// Whom a note may concern who does not follow its thread yet: those who come by it.
pub fn newcomers(note: &Note) -> Vec<UserId> {
    let comes = matches!(
        note.kind,
        Kinds::THREAD_CREATED | Kinds::PARTICIPANTS_ADDED | Kinds::MORE_PARTICIPANTS
    );
    let members = comes.then(|| read(note)).flatten().map(|(_, members, _)| members);
    let joined = members.unwrap_or_default().into_iter();
    joined
        .filter(|(_, how)| *how == Membership::Joined)
        .map(|(user, _)| user)
        .collect()
}

/// Where the events of an open stream come from.
pub struct Origin {
    /// The resource's ARM id.
    pub source: String,
    /// The log's.
    pub epoch: u64,
    /// Positions are in commit order: then an event has the same for all readers.
    pub in_order: bool,
}

type Told = (ChatEvent, Vec<(UserId, Membership)>, Audience);

fn read(note: &Note) -> Option<Told> {
    let thread = ThreadId::from_bytes(note.stream.0);
    let actor = note.actor.as_deref().and_then(samband_chat::store::user_of);
    let time = Millis(note.stamp.0);
    let nobody = Vec::new;
    Some(match note.kind {
        Kinds::TEXT | Kinds::HTML => {
            let doc: MessageDoc = doc(note)?;
            let message = message(note, thread, actor?, doc, note.kind == Kinds::HTML, note.stamp);
            (ChatEvent::MessageReceived(message), nobody(), Audience::All)
        }
        Kinds::MESSAGE_EDITED => {
            let ChangedDoc { message: doc, html } = doc(note)?;
            let message = message(note, thread, actor?, doc, html, note.about?);
            (
                ChatEvent::MessageEdited(MessageEdited { message, edited: time }),
                nobody(),
                Audience::All,
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
            (ChatEvent::MessageDeleted(deleted), nobody(), Audience::All)
        }
        Kinds::TYPING => {
            let doc: TypingDoc = doc(note)?;
            let typing = Typing {
                thread,
                sender: actor?,
                sender_display_name: doc.sender_display_name,
                at: note.at,
            };
            (ChatEvent::Typing(typing), nobody(), Audience::All)
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
            let audience = if doc.members > RECEIPTS_FOR_ALL {
                Audience::One(author?)
            } else {
                Audience::All
            };
            (ChatEvent::ReadReceipt(receipt), nobody(), audience)
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
            (ChatEvent::ThreadCreated(created), joined(&doc.members), Audience::All)
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
            (ChatEvent::ThreadPropertiesUpdated(updated), nobody(), Audience::All)
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
            (ChatEvent::ThreadDeleted(deleted), nobody(), Audience::All)
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
                Kinds::PARTICIPANTS_ADDED => (
                    ChatEvent::ParticipantsAdded(changed),
                    joined(&doc.members),
                    Audience::All,
                ),
                // A batch is one event: of its later pieces those hear who come by them.
                Kinds::MORE_PARTICIPANTS => (
                    ChatEvent::ParticipantsAdded(changed),
                    joined(&doc.members),
                    Audience::Joining,
                ),
                _ => {
                    let left = doc
                        .members
                        .iter()
                        .map(|member| (user(member), Membership::Left))
                        .collect();
                    (ChatEvent::ParticipantsRemoved(changed), left, Audience::All)
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
        attachments: doc
            .attachments
            .into_iter()
            .map(|image| attachment(thread, image))
            .collect(),
        version: note.stamp,
        created: Millis(id.0),
    }
}

fn attachment(thread: ThreadId, attached: AttachedImage) -> Attachment {
    let id = attached.id().to_string();
    // `:` and `@` may stand in a path as they are.
    let path = |view| Some(format!("/chat/threads/{thread}/images/{id}/views/{view}"));
    Attachment {
        kind: AttachmentKind::Image,
        name: attached.name,
        url: path("original"),
        preview_url: path("small"),
        id,
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
