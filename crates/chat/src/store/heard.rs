//! What listeners ask of the store: which threads a user hears, and what they missed in one.

use samband_core::{Note, ResourceId, Stamp, ThreadId, UserId};
use samband_store::{EngineError, Query, sqlite as engine};

use super::{document, sqlite, user_key};
use crate::model::{ChangedDoc, Kinds, MessageDoc};

/// The live threads that a user takes part in, each with the stamp of its newest entry.
pub struct Memberships {
    pub resource: ResourceId,
    pub user: UserId,
}

impl Query for Memberships {
    type Out = Vec<(ThreadId, Stamp)>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Self::Out, EngineError> {
        Ok(sqlite::memberships(db, self.resource, &user_key(self.user))?)
    }
}

/// A thread's notes after a stamp, oldest first, as they would be heard today: an edit with the
/// present text, nothing of what was deleted since.
pub struct NotesAfter {
    pub resource: ResourceId,
    pub thread: ThreadId,
    pub after: Stamp,
    pub limit: usize,
}

impl Query for NotesAfter {
    type Out = Vec<Note>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Self::Out, EngineError> {
        let mut notes = Vec::new();
        for mut note in sqlite::entries_after(db, self.resource, self.thread, self.after, self.limit)? {
            if let Some(about) = note.about {
                let Some(message) = sqlite::message(db, self.thread, about)? else {
                    continue;
                };
                let mut doc: MessageDoc = serde_json::from_slice(&message.doc).unwrap_or_else(|_| MessageDoc::empty());
                if message.deleted.is_some() {
                    doc = MessageDoc::empty();
                }
                let html = message.kind == Kinds::HTML;
                note.body = document(&ChangedDoc { message: doc, html })?.into();
            }
            notes.push(note);
        }
        Ok(notes)
    }
}

/// Whether a replayed message has been deleted since: there is nothing left of it to hear.
pub fn is_deleted_message(note: &Note) -> bool {
    note.seq.is_some() && note.body.as_ref() == b"{}"
}
