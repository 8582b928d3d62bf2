//! One reader's way through the log: first what it missed, from the store; then what happens, from
//! the hub. Each stored event is told once and in the order of the log.

use std::collections::VecDeque;
use std::sync::Arc;

use samband_chat::store::{Missed, MissedBy, NotesAt, NotesOfResource};
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
/// Live events told before what was told is sent on: many events share a system call.
const BATCH: usize = 64;

/// Takes events in the form of a transport.
pub trait Out {
    fn put(&mut self, event: &CloudEvent, raw_id: &str);
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
    /// The hub tells this session what happens.
    joined: bool,
    /// There may be something in the log that was not told.
    behind: bool,
    missed: VecDeque<Missed>,
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
        let (at, part) = match after.told {
            None => (after.at, None),
            Some(told) => (LogPosition(after.at.0 - 1), Some((after.at, told))),
        };
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
            joined,
            behind: !joined,
            missed: VecDeque::new(),
        }
    }

    /// How far the reader has come.
    pub fn position(&self) -> Position {
        let (at, told) = match self.part {
            None => (self.at, None),
            Some((at, told)) => (at, Some(told)),
        };
        Position {
            epoch: self.origin.epoch,
            at,
            told,
        }
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
                after: self.at,
            };
            let missed = self.shared.store.read(query).await?;
            if missed.is_empty() {
                return self.caught_up().await;
            }
            self.missed = missed.into();
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
        if let Some(last) = chunk.last() {
            self.pass(last.position);
        }
        Ok(())
    }

    async fn catch_up(&mut self, out: &mut impl Out) -> Result<(), Trouble> {
        let query = NotesOfResource {
            resource: self.resource,
            after: self.at,
            limit: CHUNK,
        };
        let found = self.shared.store.read(query).await?;
        let done = found.notes.is_empty() && found.read_to.is_none();
        self.tell_notes(found.notes, out);
        if let Some(read_to) = found.read_to {
            self.pass(read_to);
        }
        if done { self.caught_up().await } else { Ok(()) }
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
        if position.0 > 0 && position <= self.at {
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
            for event in event.cloud_events(level, &self.origin).iter().skip(skip) {
                out.put(event, &self.raw_id);
            }
        }
        self.pass(position);
    }

    fn pass(&mut self, position: LogPosition) {
        if position > self.at {
            self.at = position;
            self.part = self.part.filter(|(place, _)| *place > position);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.hub.leave(&self.session);
    }
}
