//! What a change and a query see of the database.

use std::ops::Deref;

use rusqlite::{Connection, OptionalExtension};
use samband_core::{LogPosition, Note};

use crate::change::{Cx, Outdated, Transaction};
use crate::error::EngineError;
use crate::log::{Entry, last_position};

/// The writer's transaction, shared by the changes of a group.
pub struct Tx<'c> {
    connection: &'c Connection,
    cx: Cx,
    notes: Vec<Note>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, cx: Cx) -> Self {
        Self {
            connection,
            cx,
            notes: Vec::new(),
        }
    }

    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes
    }
}

impl Transaction for Tx<'_> {
    type Db = Connection;

    fn db(&self) -> &Connection {
        self.connection
    }

    fn cx(&self) -> Cx {
        self.cx
    }

    async fn append(&mut self, entry: &Entry<'_>) -> Result<(), EngineError> {
        self.connection
            .prepare_cached(
                "INSERT INTO entry (stream, stamp, prev, at_ms, resource, kind, actor, about, seq, version, doc)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(rusqlite::params![
                entry.stream.0,
                entry.stamp.0,
                entry.prev.0,
                self.cx.now.0,
                entry.resource.as_bytes(),
                entry.kind.0,
                entry.actor,
                entry.about.map(|stamp| stamp.0),
                entry.seq,
                entry.seq.map(|_| entry.stamp.0),
                entry.doc,
            ])?;
        let position = LogPosition(self.connection.last_insert_rowid());
        self.notes.push(entry.note(position, self.cx.now));
        Ok(())
    }

    fn last_position(&self) -> LogPosition {
        last_position(&self.notes)
    }

    async fn take_position(&mut self) -> Result<LogPosition, EngineError> {
        // AUTOINCREMENT's own counter: the next entry takes the number after this one.
        let taken = self
            .connection
            .prepare_cached("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'entry' RETURNING seq")?
            .query_row((), |row| row.get(0))
            .optional()?;
        match taken {
            Some(position) => Ok(LogPosition(position)),
            None => {
                self.connection
                    .execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('entry', 1)", ())?;
                Ok(LogPosition(1))
            }
        }
    }

    fn tell(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// There is one node, and it knows.
    async fn outdate(&mut self, _what: Outdated) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// A snapshot to read from.
pub struct Reader<'c>(&'c Connection);

impl<'c> Reader<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self(connection)
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.0
    }
}
