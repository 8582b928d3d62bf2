//! How events are called on each level, and who stands in their subjects (spec events.md).

use super::Level;
use crate::event::ChatEvent;

/// The types of a level's events; the last two are samband's own, for Event Grid has none.
pub fn types(level: Level) -> &'static [&'static str] {
    match level {
        Level::User => &[
            "Microsoft.Communication.ChatMessageReceived",
            "Microsoft.Communication.ChatMessageEdited",
            "Microsoft.Communication.ChatMessageDeleted",
            "Microsoft.Communication.ChatThreadCreatedWithUser",
            "Microsoft.Communication.ChatThreadPropertiesUpdatedPerUser",
            "Microsoft.Communication.ChatThreadWithUserDeleted",
            "Microsoft.Communication.ChatParticipantAddedToThreadWithUser",
            "Microsoft.Communication.ChatParticipantRemovedFromThreadWithUser",
            "Samband.ChatTypingIndicatorReceived",
            "Samband.ChatReadReceiptReceived",
        ],
        Level::Thread => &[
            "Microsoft.Communication.ChatMessageReceivedInThread",
            "Microsoft.Communication.ChatMessageEditedInThread",
            "Microsoft.Communication.ChatMessageDeletedInThread",
            "Microsoft.Communication.ChatThreadCreated",
            "Microsoft.Communication.ChatThreadPropertiesUpdated",
            "Microsoft.Communication.ChatThreadDeleted",
            "Microsoft.Communication.ChatThreadParticipantAdded",
            "Microsoft.Communication.ChatThreadParticipantRemoved",
            "Samband.ChatTypingIndicatorReceived",
            "Samband.ChatReadReceiptReceived",
        ],
    }
}

/// The type under which an event is told.
pub fn type_of(event: &ChatEvent, level: Level) -> &'static str {
    Names::of(event).type_of(level)
}

pub(super) struct Names {
    /// In the tables of types.
    number: usize,
    /// In the subject, before the user whom the event is about.
    pub role: &'static str,
    pub role_in_thread: &'static str,
    /// In ids.
    pub key: &'static str,
}

impl Names {
    pub fn of(event: &ChatEvent) -> Self {
        let (number, role, key) = match event {
            ChatEvent::MessageReceived(_) => (0, "sender", "message"),
            ChatEvent::MessageEdited(_) => (1, "sender", "edit"),
            ChatEvent::MessageDeleted(_) => (2, "sender", "delete"),
            ChatEvent::ThreadCreated(_) => (3, "createdBy", "created"),
            ChatEvent::ThreadPropertiesUpdated(_) => (4, "editedBy", "updated"),
            ChatEvent::ThreadDeleted(_) => (5, "deletedBy", "deleted"),
            ChatEvent::ParticipantsAdded(_) => (6, "participantAdded", "added"),
            ChatEvent::ParticipantsRemoved(_) => (7, "participantRemoved", "removed"),
            ChatEvent::Typing(_) => (8, "sender", "typing"),
            ChatEvent::ReadReceipt(_) => (9, "sender", "read"),
        };
        // Event Grid writes these two in lower case on the level of threads.
        let role_in_thread = match event {
            ChatEvent::ParticipantsAdded(_) => "participantadded",
            ChatEvent::ParticipantsRemoved(_) => "participantremoved",
            _ => role,
        };
        Self {
            number,
            role,
            role_in_thread,
            key,
        }
    }

    pub fn type_of(&self, level: Level) -> &'static str {
        types(level)[self.number]
    }
}
