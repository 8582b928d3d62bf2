//! What listeners ask of the store: which threads a user hears, what they missed in one, and what a
//! reader of the open stream has missed since a position of the log.

use std::collections::HashMap;

use samband_core::{LogPosition, Note, ResourceId, Stamp, StreamId, ThreadId, UserId};
use samband_store::{EngineError, Query};

use super::db::{ChatDb, Told};
use super::{document, user_key};
use crate::model::{ChangedDoc, Kinds, MessageDoc};

/// The live threads that a user takes part in, each with the stamp of its newest entry.
pub struct Memberships {
    pub resource: ResourceId,
    pub user: UserId,
}

impl Query for Memberships {
    type Out = Vec<(ThreadId, Stamp)>;
    samband_store::answer_on_every_engine!();
}

impl Memberships {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        db.memberships(self.resource, &user_key(self.user)).await
    }
}

/// The newest stamps of threads, and up to where nothing will be stored any more.
pub struct Heads(pub Vec<ThreadId>);

#[derive(Debug)]
pub struct HeadsNow {
    pub last: Vec<(ThreadId, Stamp)>,
    pub settled: LogPosition,
}

impl Query for Heads {
    type Out = HeadsNow;
    samband_store::answer_on_every_engine!();
}

impl Heads {
    async fn answer(&self, db: &impl ChatDb) -> Result<HeadsNow, EngineError> {
        Ok(HeadsNow {
            settled: db.settled().await?,
            last: db.last_stamps(&self.0).await?,
        })
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
    samband_store::answer_on_every_engine!();
}

impl NotesAfter {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        let mut deleted = Deleted::default();
        let mut notes = db
            .entries_after(self.resource, self.thread, self.after, self.limit)
            .await?;
        for note in &mut notes {
            let deleted = deleted.is(db, note).await?;
            as_of_today(db, deleted, note).await?;
        }
        Ok(notes)
    }
}

/// Where something stands that a reader has not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    pub position: LogPosition,
    pub thread: ThreadId,
    /// The order among those of a thread.
    pub stamp: Stamp,
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
    pub told: Told,
}

/// What a user missed.
pub struct MissedByUser {
    pub missed: Vec<Missed>,
    /// Once that is told, everything up to here is.
    pub settled: LogPosition,
}

impl Query for MissedBy {
    type Out = MissedByUser;
    samband_store::answer_on_every_engine!();
}

impl MissedBy {
    async fn answer(&self, db: &impl ChatDb) -> Result<MissedByUser, EngineError> {
        let user = user_key(self.user);
        let mut missed = Vec::new();
        let settled = db.settled().await?;
        let lines = db.lines_since(self.resource, &user, self.told.to).await?;
        for line in &lines {
            let entry = |position, stamp| Missed {
                position,
                thread: line.thread,
                stamp,
                receipt: false,
            };
            if line.deleted && line.removed {
                continue;
            }
            if line.deleted {
                // Nothing is left of it but that it was deleted.
                let last = db.position_of(line.thread, line.last_stamp).await?;
                let untold = last.filter(|position| !self.told.holds(*position));
                missed.extend(untold.map(|position| entry(position, line.last_stamp)));
                continue;
            }
            let stays = db.stays(line.thread, &user).await?;
            for (position, stamp) in db.positions_after(line.thread, &self.told).await? {
                if stays.iter().any(|stay| stay.holds(stamp)) {
                    missed.push(entry(position, stamp));
                }
            }
        }
        for receipt in db.receipts_after(self.resource, self.told.to, usize::MAX).await? {
            let heard = lines
                .binary_search_by_key(&receipt.thread, |line| line.thread)
                .is_ok_and(|at| !lines[at].deleted && !lines[at].removed);
            if heard && !self.told.holds(receipt.position) {
                let stays = db.stays(receipt.thread, &user).await?;
                if stays.iter().any(|stay| stay.holds(Stamp(receipt.read.0))) {
                    missed.push(Missed {
                        position: receipt.position,
                        thread: receipt.thread,
                        stamp: Stamp(0),
                        receipt: true,
                    });
                }
            }
        }
        missed.sort_by_key(|missed| missed.position);
        let missed = threads_in_order(missed, |missed| (missed.thread.into(), missed.stamp));
        Ok(MissedByUser { missed, settled })
    }
}

/// The notes at given positions, as they would be heard today.
pub struct NotesAt {
    pub resource: ResourceId,
    pub missed: Vec<Missed>,
}

impl Query for NotesAt {
    type Out = Vec<Note>;
    samband_store::answer_on_every_engine!();
}

impl NotesAt {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        let mut deleted = Deleted::default();
        let mut notes = Vec::new();
        for missed in &self.missed {
            if missed.receipt {
                if let Some(receipt) = db.receipt_at(self.resource, missed.position).await? {
                    notes.extend(receipt.note(db, self.resource).await?);
                }
            } else if let Some(mut note) = db.entry_at(self.resource, missed.position).await? {
                let deleted = deleted.is(db, &note).await?;
                as_of_today(db, deleted, &mut note).await?;
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
    /// What stands higher may not be all that will stand there.
    pub settled: LogPosition,
}

impl Query for NotesOfResource {
    type Out = ResourceNotes;
    samband_store::answer_on_every_engine!();
}

impl NotesOfResource {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        let settled = db.settled().await?;
        let entries = db
            .entries_of_resource_after(self.resource, self.after, self.limit)
            .await?;
        let receipts = db.receipts_after(self.resource, self.after, self.limit).await?;
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
            let deleted = deleted.is(db, &note).await?;
            as_of_today(db, deleted, &mut note).await?;
            notes.push(note);
        }
        for receipt in receipts.into_iter().filter(|receipt| within(receipt.position)) {
            notes.extend(receipt.note(db, self.resource).await?);
        }
        notes.sort_by_key(|note| note.position);
        let notes = threads_in_order(notes, |note| (note.stream, note.stamp));
        Ok(ResourceNotes {
            notes,
            read_to,
            settled,
        })
    }
}

/// Puts what lies in the order of positions into the order of stamps within each thread: on PostgreSQL
/// a transaction may take its number before another and the thread's lock after it.
fn threads_in_order<T>(items: Vec<T>, of: impl Fn(&T) -> (StreamId, Stamp)) -> Vec<T> {
    let mut newest: HashMap<StreamId, Stamp> = HashMap::new();
    let in_order = items
        .iter()
        .map(&of)
        .filter(|(_, stamp)| stamp.0 > 0)
        .all(|(stream, stamp)| {
            let before = newest.insert(stream, stamp);
            before.is_none_or(|before| before <= stamp)
        });
    if in_order {
        return items;
    }
    let mut places: HashMap<StreamId, Vec<usize>> = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        let (stream, stamp) = of(item);
        if stamp.0 > 0 {
            places.entry(stream).or_default().push(place);
        }
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    for places in places.into_values() {
        let mut by_stamp = places.clone();
        by_stamp.sort_by_key(|place| of(&items[*place]).1);
        for (place, from) in places.into_iter().zip(by_stamp) {
            order[place] = from;
        }
    }
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|from| items[from].take()).collect()
}

/// An entry as it would be heard now: an edit with the present text, nothing of what was deleted. Of
/// what is gone the note stays, for its place, without its body.
async fn as_of_today(db: &impl ChatDb, thread_deleted: bool, note: &mut Note) -> Result<(), EngineError> {
    if thread_deleted && note.kind != Kinds::THREAD_DELETED {
        note.body = GONE.into();
        return Ok(());
    }
    let Some(about) = note.about else { return Ok(()) };
    let message = db.message(ThreadId::from_bytes(note.stream.0), about).await?;
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
    async fn is(&mut self, db: &impl ChatDb, note: &Note) -> Result<bool, EngineError> {
        let thread = ThreadId::from_bytes(note.stream.0);
        if let Some(deleted) = self.0.get(&thread) {
            return Ok(*deleted);
        }
        let head = db.head(note.resource, thread).await?;
        let deleted = head.is_none_or(|head| head.deleted.is_some());
        self.0.insert(thread, deleted);
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_is_in_the_order_of_its_stamps_and_receipts_stay_where_they_are() {
        let of = |item: &(u8, i64)| (StreamId([item.0; 16]), Stamp(item.1));
        let items = vec![(1, 5), (2, 9), (1, 0), (1, 3), (2, 10), (1, 4)];
        assert_eq!(
            threads_in_order(items, of),
            [(1, 3), (2, 9), (1, 0), (1, 4), (2, 10), (1, 5)]
        );
        let ordered = vec![(1, 1), (2, 1), (1, 2)];
        assert_eq!(threads_in_order(ordered.clone(), of), ordered);
    }
}
