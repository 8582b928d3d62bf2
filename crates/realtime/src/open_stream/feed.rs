//! One reader's way through the log: first what it missed, from the store; then what happens, from
//! the hub. Each stored event is told once and in the order of the log.

use std::collections::VecDeque;
use std::sync::Arc;

use samband_chat::store::{Missed, MissedBy, NotesAt, NotesOfResource, Told};
use samband_core::{LogPosition, Note, ResourceId, UserId};
use samband_store::StoreError;
use samband_wire_realtime::open::{CloudEvent, Level, Position};
use tokio::sync::mpsc;

use super::wish::Filter;
use crate::event::{Event, Origin};
use crate::session::Session;
use crate::shared::Shared;

/// Notes read from the store at a time.
const CHUNK: usize = 200;
/// Places beyond the settled part of the log that are kept, at most; the oldest are told again after
/// a resume.
const BEYOND: usize = 1_024;
/// Live events told before what was told is sent on: many events share a system call.
const BATCH: usize = 64;

/// Takes events in the form of a transport.
pub trait Out {
    /// `position` is the reader's own after it, where each reader has one.
    fn put(&mut self, event: &CloudEvent, raw_id: &str, position: Option<&str>);
}

/// Why a stream cannot go on. What was told so far is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Slow,
    Unavailable,
}

impl From<StoreError> for Trouble {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

pub struct Feed {
    shared: Arc<Shared>,
    pub origin: Arc<Origin>,
    resource: ResourceId,
    user: Option<UserId>,
    raw_id: String,
    filter: Filter,
    pub session: Arc<Session>,
    events: mpsc::Receiver<Arc<Event>>,
    /// Everything up to here was told.
    at: LogPosition,
    /// Of one entry after that, so many events were told.
    part: Option<(LogPosition, u16)>,
    /// What stands at these places was told too, ascending: none where places are in commit order.
    beyond: Vec<LogPosition>,
    /// The hub tells this session what happens.
    joined: bool,
    /// There may be something in the log that was not told.
    behind: bool,
    missed: VecDeque<Missed>,
    /// Once all that was missed is told, everything up to here is.
    settled: LogPosition,
    /// A whole resource is read in chunks: how far, if that is beyond what is settled.
    read_to: LogPosition,
}

pub struct Start {
    pub origin: Arc<Origin>,
    pub filter: Filter,
    pub session: Arc<Session>,
    pub events: mpsc::Receiver<Arc<Event>>,
    pub after: Position,
    /// The hub tells the session what happens, and the position is no older than that.
    pub joined: bool,
}

impl Feed {
    pub fn new(shared: Arc<Shared>, start: Start) -> Self {
        let Start {
            origin,
            filter,
            session,
            events,
            after,
            joined,
        } = start;
        let Position { at, part, beyond, .. } = after;
        let (resource, user) = (session.resource, session.user);
        Self {
            shared,
            origin,
            resource,
            user,
            raw_id: user.map(|user| user.raw_id(resource)).unwrap_or_default(),
            filter,
            session,
            events,
            at,
            part,
            beyond,
            joined,
            behind: !joined,
            missed: VecDeque::new(),
            settled: LogPosition(0),
            read_to: LogPosition(0),
        }
    }

    /// How far the reader has come.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.origin.epoch,
            at: self.at,
            part: self.part,
            beyond: self.beyond.clone(),
        }
    }

    /// The reader's position once it has been told so many events of a place; none: all of them.
    fn position_within(&self, place: LogPosition, told: Option<u16>) -> Position {
        let mut position = self.position();
        match told {
            Some(told) => position.part = Some((place, told)),
            None => {
                position.part = position.part.filter(|(part, _)| *part != place);
                insert(&mut position.beyond, place);
            }
        }
        position
    }

    /// Waits for something to tell, and puts it out, perhaps several events, perhaps none. May be
    /// dropped while it waits.
    pub async fn next(&mut self, out: &mut impl Out) -> Result<(), Trouble> {
        if self.behind {
            return match self.user {
                Some(user) => self.catch_up_as(user, out).await,
                None => self.catch_up(out).await,
            };
        }
        // What was given before this was said is in the queue by now.
        let settled = self.session.settled();
        if self.events.is_empty() {
            self.settle(settled);
        }
        let first = tokio::select! {
            biased;
            () = self.session.lapsed() => {
                self.behind = true;
                return Ok(());
            }
            first = self.events.recv() => first,
        };
        let mut next = first;
        for _ in 0..BATCH {
            let Some(event) = next.take().or_else(|| self.events.try_recv().ok()) else {
                break;
            };
            self.tell(&event, out);
        }
        // What waits is told before the end is: the position is then that of the gap.
        if self.session.has_overflowed() && self.events.is_empty() {
            return Err(Trouble::Slow);
        }
        Ok(())
    }

    /// What a user missed: positions are gathered first, for they lie in many threads.
    async fn catch_up_as(&mut self, user: UserId, out: &mut impl Out) -> Result<(), Trouble> {
        if self.missed.is_empty() {
            let query = MissedBy {
                resource: self.resource,
                user,
                told: Told {
                    to: self.at,
                    beyond: self.beyond.clone(),
                },
            };
            let found = self.shared.store.read(query).await?;
            if found.missed.is_empty() {
                self.settle(found.settled);
                return self.caught_up().await;
            }
            self.missed = found.missed.into();
            self.settled = found.settled;
        }
        let chunk: Vec<_> = self.missed.iter().take(CHUNK).copied().collect();
        let query = NotesAt {
            resource: self.resource,
            missed: chunk.clone(),
        };
        let notes = self.shared.store.read(query).await?;
        self.missed.drain(..chunk.len());
        self.tell_notes(notes, out);
        // Of those of which nothing is left there was no note.
        chunk.iter().for_each(|missed| self.pass(missed.position));
        if self.missed.is_empty() {
            self.settle(self.settled);
        }
        Ok(())
    }

    async fn catch_up(&mut self, out: &mut impl Out) -> Result<(), Trouble> {
        let query = NotesOfResource {
            resource: self.resource,
            after: self.at.max(self.read_to),
            limit: CHUNK,
        };
        let found = self.shared.store.read(query).await?;
        self.tell_notes(found.notes, out);
        match found.read_to {
            Some(read_to) if self.origin.in_order => self.pass(read_to),
            // What stands beyond the settled part was told, and what will stand among it was not.
            Some(read_to) => {
                self.read_to = read_to;
                self.settle(read_to.min(found.settled));
            }
            None => {
                self.read_to = LogPosition(0);
                self.settle(found.settled);
                return self.caught_up().await;
            }
        }
        Ok(())
    }

    /// The store has nothing more: from now on the hub tells. What happened between the last look
    /// and the joining is looked for once more.
    async fn caught_up(&mut self) -> Result<(), Trouble> {
        if self.joined {
            self.behind = false;
            return Ok(());
        }
        if !self.shared.hub.join(&self.session).await {
            return Err(Trouble::Unavailable);
        }
        self.joined = true;
        Ok(())
    }

    fn tell_notes(&mut self, notes: Vec<Note>, out: &mut impl Out) {
        for note in notes {
            let position = note.position;
            match Event::of(&Arc::new(note)) {
                Some(event) => self.tell(&event, out),
                None => self.pass(position),
            }
        }
    }

    fn tell(&mut self, event: &Event, out: &mut impl Out) {
        let position = event.note.position;
        // Heard of twice: from the log and from the hub.
        if self.was_told(position) {
            return;
        }
        let level = match self.user {
            Some(_) => Level::User,
            None => Level::Thread,
        };
        let wanted =
            self.filter.lets(event.thread(), event.type_name(level)) && self.user.is_none_or(|user| event.is_for(user));
        if wanted {
            let told = self.part.filter(|(place, _)| *place == position);
            let skip = told.map_or(0, |(_, told)| usize::from(told));
            let events = event.cloud_events(level, &self.origin);
            for (index, event) in events.iter().enumerate().skip(skip) {
                let own = (position.0 > 0 && !self.origin.in_order).then(|| {
                    let told = u16::try_from(index + 1).ok().filter(|_| index + 1 < events.len());
                    self.position_within(position, told).encode()
                });
                out.put(event, &self.raw_id, own.as_deref());
            }
        }
        self.pass(position);
    }

    fn was_told(&self, position: LogPosition) -> bool {
        position.0 > 0 && (position <= self.at || self.beyond.binary_search(&position).is_ok())
    }

    fn pass(&mut self, position: LogPosition) {
        if position <= self.at {
            return;
        }
        if self.origin.in_order {
            self.at = position;
            self.part = self.part.filter(|(place, _)| *place > position);
            return;
        }
        insert(&mut self.beyond, position);
        if self.beyond.len() > BEYOND {
            self.beyond.remove(0);
        }
        self.part = self.part.filter(|(place, _)| *place != position);
    }

    /// Nothing will be stored up to here any more, and what was is told.
    fn settle(&mut self, to: LogPosition) {
        if !self.origin.in_order && to > self.at {
            self.at = to;
            self.beyond.retain(|place| *place > to);
            self.part = self.part.filter(|(place, _)| *place > to);
        }
    }
}

/// Into an ascending list, once.
fn insert(places: &mut Vec<LogPosition>, place: LogPosition) {
    if let Err(at) = places.binary_search(&place) {
        places.insert(at, place);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.hub.leave(&self.session);
    }
}
