//! What listeners ask of the store: which threads a user hears, what they missed in one, and what a
//! reader of the open stream has missed since a position of the log.

use std::collections::HashMap;

use samband_core::{LogPosition, Note, ResourceId, Stamp, ThreadId, UserId};
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
        let mut deleted = Deleted::default();
        let mut notes = sqlite::entries_after(db, self.resource, self.thread, self.after, self.limit)?;
        for note in &mut notes {
            let deleted = deleted.is(db, note)?;
            as_of_today(db, deleted, note)?;
        }
        Ok(notes)
    }
}

/// Where something stands that a reader has not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missed {
    pub position: LogPosition,
    /// A read receipt, which is stored beside the log.
    pub receipt: bool,
}

/// All that happened after a position in the threads of a user while the user took part, oldest
/// first. Positions alone, so that a day of them fits; [`NotesAt`] gives their notes by and by.
///
/// Each thread is walked backwards from its newest entry in an index, so that the cost is what was
/// missed, whatever else was stored meanwhile.
pub struct MissedBy {
    pub resource: ResourceId,
    pub user: UserId,
    pub after: LogPosition,
}

impl Query for MissedBy {
    type Out = Vec<Missed>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Self::Out, EngineError> {
        let user = user_key(self.user);
        let mut missed = Vec::new();
        let lines = sqlite::lines_since(db, self.resource, &user, self.after)?;
        for line in &lines {
            let entry = |position| Missed {
                position,
                receipt: false,
            };
            if line.deleted && line.removed {
                continue;
            }
            if line.deleted {
                // Nothing is left of it but that it was deleted.
                let last = sqlite::position_of(db, line.thread, line.last_stamp)?;
                missed.extend(last.filter(|position| *position > self.after).map(entry));
                continue;
            }
            let stays = sqlite::stays(db, line.thread, &user)?;
            for (position, stamp) in sqlite::positions_after(db, line.thread, self.after)? {
                if stays.iter().any(|stay| stay.holds(stamp)) {
                    missed.push(entry(position));
                }
            }
        }
        for receipt in sqlite::receipts_after(db, self.resource, self.after, usize::MAX)? {
            let heard = lines
                .binary_search_by_key(&receipt.thread, |line| line.thread)
                .is_ok_and(|at| !lines[at].deleted && !lines[at].removed);
            if heard
                && sqlite::stays(db, receipt.thread, &user)?
                    .iter()
                    .any(|stay| stay.holds(Stamp(receipt.read.0)))
            {
                missed.push(Missed {
                    position: receipt.position,
                    receipt: true,
                });
            }
        }
        missed.sort_unstable();
        Ok(missed)
    }
}

/// The notes at given positions, as they would be heard today.
pub struct NotesAt {
    pub resource: ResourceId,
    pub missed: Vec<Missed>,
}

impl Query for NotesAt {
    type Out = Vec<Note>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Self::Out, EngineError> {
        let mut deleted = Deleted::default();
        let mut notes = Vec::new();
        for missed in &self.missed {
            if missed.receipt {
                if let Some(receipt) = sqlite::receipt_at(db, self.resource, missed.position)? {
                    notes.extend(receipt.note(db, self.resource)?);
                }
            } else if let Some(mut note) = sqlite::entry_at(db, self.resource, missed.position)? {
                let deleted = deleted.is(db, &note)?;
                as_of_today(db, deleted, &mut note)?;
                notes.push(note);
            }
        }
        Ok(notes)
    }
}

/// What happened in a whole resource after a position, oldest first, as it would be heard today.
pub struct NotesOfResource {
    pub resource: ResourceId,
    pub after: LogPosition,
    pub limit: usize,
}

/// A chunk of a resource's notes.
pub struct ResourceNotes {
    pub notes: Vec<Note>,
    /// Everything up to here is among them, or is not to be heard any more; none: up to the log's end.
    pub read_to: Option<LogPosition>,
}

impl Query for NotesOfResource {
    type Out = ResourceNotes;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Self::Out, EngineError> {
        let entries = sqlite::entries_of_resource_after(db, self.resource, self.after, self.limit)?;
        let receipts = sqlite::receipts_after(db, self.resource, self.after, self.limit)?;
        // What was cut at the limit ends the chunk for the other too.
        let last_entry = entries.last().map(|note| note.position);
        let last_receipt = receipts.last().map(|receipt| receipt.position);
        let cut = |full: bool, last: Option<LogPosition>| last.filter(|_| full);
        let cuts = [
            cut(entries.len() == self.limit, last_entry),
            cut(receipts.len() == self.limit, last_receipt),
        ];
        let read_to = cuts.into_iter().flatten().min();
        let within = |position: LogPosition| read_to.is_none_or(|end| position <= end);
        let mut notes = Vec::with_capacity(entries.len());
        let mut deleted = Deleted::default();
        for mut note in entries.into_iter().filter(|note| within(note.position)) {
            let deleted = deleted.is(db, &note)?;
            as_of_today(db, deleted, &mut note)?;
            notes.push(note);
        }
        for receipt in receipts.into_iter().filter(|receipt| within(receipt.position)) {
            notes.extend(receipt.note(db, self.resource)?);
        }
        notes.sort_by_key(|note| note.position);
        Ok(ResourceNotes { notes, read_to })
    }
}

/// An entry as it would be heard now: an edit with the present text, nothing of what was deleted. Of
/// what is gone the note stays, for its place, without its body.
fn as_of_today(db: &engine::Reader<'_>, thread_deleted: bool, note: &mut Note) -> Result<(), EngineError> {
    if thread_deleted && note.kind != Kinds::THREAD_DELETED {
        note.body = GONE.into();
        return Ok(());
    }
    let Some(about) = note.about else { return Ok(()) };
    let message = sqlite::message(db, ThreadId::from_bytes(note.stream.0), about)?;
    let deletion = note.kind == Kinds::MESSAGE_DELETED;
    note.body = match message {
        Some(message) if message.deleted.is_none() || deletion => {
            let mut doc: MessageDoc = serde_json::from_slice(&message.doc).unwrap_or_else(|_| MessageDoc::empty());
            if deletion {
                doc = MessageDoc::empty();
            }
            let html = message.kind == Kinds::HTML;
            document(&ChangedDoc { message: doc, html })?.into()
        }
        _ => GONE.into(),
    };
    Ok(())
}

/// What is left of a deleted message's entry, too.
const GONE: &[u8] = b"{}";

/// Whether nothing is left of what a note was about: it keeps its place, and nobody hears of it.
pub fn is_gone(note: &Note) -> bool {
    note.body.as_ref() == GONE
}

/// Whether threads were deleted, looked up once each.
#[derive(Default)]
struct Deleted(HashMap<ThreadId, bool>);

impl Deleted {
    fn is(&mut self, db: &engine::Reader<'_>, note: &Note) -> Result<bool, EngineError> {
        let thread = ThreadId::from_bytes(note.stream.0);
        if let Some(deleted) = self.0.get(&thread) {
            return Ok(*deleted);
        }
        let head = sqlite::head(db, note.resource, thread)?;
        let deleted = head.is_none_or(|head| head.deleted.is_some());
        self.0.insert(thread, deleted);
        Ok(deleted)
    }
}
