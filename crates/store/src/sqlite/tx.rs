//! What a change and a query see of the database.

use std::ops::Deref;

use rusqlite::Connection;

use crate::change::Cx;
use crate::log::Entry;

/// The writer's transaction, shared by the changes of a group.
pub struct Tx<'c> {
    connection: &'c Connection,
    cx: Cx,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, cx: Cx) -> Self {
        Self { connection, cx }
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
