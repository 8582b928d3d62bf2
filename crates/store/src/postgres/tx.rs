//! A transaction: the session, the notes of what it appends, its number.

use std::sync::{Mutex, PoisonError};

use samband_core::{LogPosition, Note, ResourceId, UserId};
use uuid::Uuid;

use super::session::{Numbered, Session};
use crate::change::{Cx, Outdated, Transaction};
use crate::error::EngineError;
use crate::log::{Entry, last_position};

/// Bits of a position that count the entries of one transaction.
pub(super) const PLACES: u32 = 20;

pub struct Tx {
    session: Session,
    cx: Cx,
    /// The transaction's number (xid8), once it is known.
    xid: Option<i64>,
    /// The answer that tells it, until then: nothing waits for it that does not need it.
    numbered: Mutex<Option<Numbered>>,
    /// Places taken so far.
    places: i64,
    notes: Vec<Note>,
}

impl Tx {
    pub(super) fn new(session: Session, cx: Cx, numbered: Numbered) -> Self {
        Self {
            session,
            cx,
            xid: None,
            numbered: Mutex::new(Some(numbered)),
            places: 0,
            notes: Vec::new(),
        }
    }

    pub(super) fn into_parts(self) -> (Session, Vec<Note>) {
        (self.session, self.notes)
    }

    /// The transaction's number; an error if what it does was applied before.
    pub(super) async fn xid(&mut self) -> Result<i64, EngineError> {
        let numbered = self.numbered.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(numbered) = numbered {
            self.xid = numbered.await?;
        }
        self.xid.ok_or(EngineError::Applied)
    }

    async fn place(&mut self) -> Result<LogPosition, EngineError> {
        let xid = self.xid().await?;
        self.places += 1;
        Ok(LogPosition((xid << PLACES) + self.places))
    }

    /// Appends any number of entries with one statement.
    pub async fn append_all(&mut self, entries: &[Entry<'_>]) -> Result<(), EngineError> {
        let now = self.cx.now;
        let mut positions = Vec::with_capacity(entries.len());
        for _ in entries {
            positions.push(self.place().await?);
        }
        let column = |value: fn(&Entry<'_>) -> i64| entries.iter().map(value).collect::<Vec<_>>();
        let optional = |value: fn(&Entry<'_>) -> Option<i64>| entries.iter().map(value).collect::<Vec<_>>();
        let bytes = |value: for<'e> fn(&'e Entry<'_>) -> Option<&'e [u8]>| {
            let owned = entries.iter().map(|entry| value(entry).map(<[u8]>::to_vec));
            owned.collect::<Vec<_>>()
        };
        let id = |value: fn(&Entry<'_>) -> [u8; 16]| {
            let ids = entries.iter().map(|entry| Uuid::from_bytes(value(entry)));
            ids.collect::<Vec<_>>()
        };
        self.session
            .write(
                "INSERT INTO entry (stream, stamp, prev, pos, resource, kind, actor, about, seq, version, doc, at_ms)
                 SELECT i.*, $11 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[],
                     $6::smallint[], $7::bytea[], $8::bigint[], $9::bigint[], $10::bigint[], $12::bytea[])
                     AS i(stream, stamp, prev, pos, resource, kind, actor, about, seq, version, doc)",
                vec![
                    Box::new(id(|entry| entry.stream.0)),
                    Box::new(column(|entry| entry.stamp.0)),
                    Box::new(column(|entry| entry.prev.0)),
                    Box::new(positions.iter().map(|position| position.0).collect::<Vec<_>>()),
                    Box::new(id(|entry| *entry.resource.as_bytes())),
                    Box::new(entries.iter().map(|entry| i16::from(entry.kind.0)).collect::<Vec<_>>()),
                    Box::new(bytes(|entry| entry.actor)),
                    Box::new(optional(|entry| entry.about.map(|stamp| stamp.0))),
                    Box::new(optional(|entry| entry.seq)),
                    Box::new(optional(|entry| entry.seq.map(|_| entry.stamp.0))),
                    Box::new(now.0),
                    Box::new(bytes(|entry| Some(entry.doc))),
                ],
            )
            .await?;
        let notes = entries
            .iter()
            .zip(positions)
            .map(|(entry, position)| entry.note(position, now));
        self.notes.extend(notes);
        Ok(())
    }
}

impl Transaction for Tx {
    type Db = Session;

    fn db(&self) -> &Session {
        &self.session
    }

    fn cx(&self) -> Cx {
        self.cx
    }

    async fn append(&mut self, entry: &Entry<'_>) -> Result<(), EngineError> {
        self.append_all(std::slice::from_ref(entry)).await
    }

    fn last_position(&self) -> LogPosition {
        last_position(&self.notes)
    }

    async fn take_position(&mut self) -> Result<LogPosition, EngineError> {
        self.place().await
    }

    fn tell(&mut self, note: Note) {
        self.notes.push(note);
    }

    async fn outdate(&mut self, what: Outdated) -> Result<(), EngineError> {
        let position = self.place().await?;
        let (kind, resource, user): (i16, Option<ResourceId>, Option<UserId>) = match what {
            Outdated::Tokens { resource, user } => (1, Some(resource), Some(user)),
            Outdated::Resources => (2, None, None),
            Outdated::SigningKeys => (3, None, None),
        };
        self.session
            .write(
                r#"INSERT INTO outdated (pos, what, resource, "user", at_ms) VALUES ($1, $2, $3, $4, $5)"#,
                vec![
                    Box::new(position.0),
                    Box::new(kind),
                    Box::new(resource.map(|resource| Uuid::from_bytes(*resource.as_bytes()))),
                    Box::new(user.map(|user| Uuid::from_bytes(*user.as_bytes()))),
                    Box::new(self.cx.now.0),
                ],
            )
            .await
    }
}
