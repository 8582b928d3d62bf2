//! What a change and a query see of the database.

use std::ops::Deref;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use samband_core::{LogPosition, Note};

use crate::change::Cx;
use crate::log::Entry;

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

    pub fn cx(&self) -> Cx {
        self.cx
    }

    /// Appends to the log. A message (an entry with `seq`) starts at its own version.
    pub fn append(&mut self, entry: &Entry<'_>) -> rusqlite::Result<()> {
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
        self.notes.push(Note {
            resource: entry.resource,
            stream: entry.stream,
            position: LogPosition(self.connection.last_insert_rowid()),
            stamp: entry.stamp,
            prev: entry.prev,
            at: self.cx.now,
            kind: entry.kind,
            actor: entry.actor.map(Arc::from),
            about: entry.about,
            seq: entry.seq,
            body: Arc::from(entry.heard.unwrap_or(entry.doc)),
        });
        Ok(())
    }

    /// Where the entry stands that this transaction appended last.
    pub fn last_position(&self) -> LogPosition {
        self.notes
            .iter()
            .rev()
            .map(|note| note.position)
            .find(|position| position.0 > 0)
            .unwrap_or(LogPosition(0))
    }

    /// A place in the log for what is stored beside it, such as a read receipt.
    pub fn take_position(&self) -> rusqlite::Result<LogPosition> {
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

    /// Lets be heard, once this transaction is durable, what is stored beside the log.
    pub fn tell(&mut self, note: Note) {
        self.notes.push(note);
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
