//! The stored side of chat: changes and queries, one file for each group; their SQL is in `sqlite`.

mod members;
mod messages;
mod purge;
mod queries;
mod receipts;
mod sqlite;
mod threads;

pub use members::{AddMembers, Added, RemoveMember};
pub use messages::{DeleteMessage, SendMessage, UpdateMessage};
pub use purge::{PurgeChunk, ThreadsDue, ThreadsToPurge};
pub use queries::{GetMessage, GetThread, ListMembers, ListMessages, ListReceipts, ListThreads, MayType};
pub use receipts::SendReceipt;
pub use threads::{CreateThread, Created, DeleteThread, UpdateThread};

use samband_core::{Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::{Entry, Kind, Migration, Stop, sqlite as engine};

use crate::rules::ChatRefused;

pub const MIGRATIONS: &[Migration] = &[Migration {
    room: "chat",
    number: 1,
    sqlite: include_str!("0001_chat.sql"),
}];

/// The user of chat's tables: a kind and 16 bytes.
type UserKey = [u8; 17];

fn user_key(user: UserId) -> UserKey {
    let mut key = [1; 17];
    key[1..].copy_from_slice(user.as_bytes());
    key
}

fn user_of(key: &[u8]) -> Option<UserId> {
    match key {
        [1, bytes @ ..] => bytes.try_into().ok().map(UserId::from_bytes),
        _ => None,
    }
}

/// A thread and who asks for it.
#[derive(Debug, Clone, Copy)]
pub struct InThread {
    pub resource: ResourceId,
    pub thread: ThreadId,
    pub caller: UserId,
}

/// What every ordered change of a thread starts from.
#[derive(Debug, Clone, Copy)]
struct Head {
    last_stamp: Stamp,
    last_seq: i64,
    last_message_ms: i64,
    members: i64,
    deleted: Option<Millis>,
}

impl Head {
    /// The next stamp of the thread's clock.
    fn next_stamp(&self, now: Millis) -> Stamp {
        Stamp(now.0.max(self.last_stamp.0 + 1))
    }

    /// Appends a message: the next stamp, the next sequence number.
    fn append_message(
        &mut self,
        tx: &mut engine::Tx<'_>,
        at: InThread,
        kind: Kind,
        doc: &[u8],
    ) -> rusqlite::Result<Stamp> {
        let seq = self.last_seq + 1;
        let stamp = self.append(tx, at, kind, None, Some(seq), doc)?;
        self.last_seq = seq;
        self.last_message_ms = stamp.0;
        Ok(stamp)
    }

    /// Appends a change that is no message.
    fn append_change(
        &mut self,
        tx: &mut engine::Tx<'_>,
        at: InThread,
        kind: Kind,
        about: Option<Stamp>,
        doc: &[u8],
    ) -> rusqlite::Result<Stamp> {
        self.append(tx, at, kind, about, None, doc)
    }

    fn append(
        &mut self,
        tx: &mut engine::Tx<'_>,
        at: InThread,
        kind: Kind,
        about: Option<Stamp>,
        seq: Option<i64>,
        doc: &[u8],
    ) -> rusqlite::Result<Stamp> {
        let stamp = self.next_stamp(tx.cx().now);
        let actor = user_key(at.caller);
        tx.append(&Entry {
            stream: at.thread.into(),
            resource: at.resource,
            stamp,
            prev: self.last_stamp,
            kind,
            actor: Some(&actor),
            about,
            seq,
            doc,
        })?;
        self.last_stamp = stamp;
        Ok(stamp)
    }
}

/// The head of a thread that is there, not deleted, and of the caller's resource.
fn live_head(tx: &engine::Tx<'_>, at: InThread) -> Result<Head, Stop<ChatRefused>> {
    match sqlite::head(tx, at.resource, at.thread)? {
        Some(head) if head.deleted.is_none() => Ok(head),
        _ => Err(Stop::Refused(ChatRefused::ThreadNotFound)),
    }
}

/// As [`live_head`], for a caller who takes part.
fn head_for_participant(tx: &engine::Tx<'_>, at: InThread) -> Result<Head, Stop<ChatRefused>> {
    let head = live_head(tx, at)?;
    if sqlite::is_member(tx, at.thread, &user_key(at.caller))? {
        Ok(head)
    } else {
        Err(Stop::Refused(ChatRefused::NotParticipant))
    }
}

fn document<T: serde::Serialize>(doc: &T) -> Result<Vec<u8>, samband_store::EngineError> {
    serde_json::to_vec(doc).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> samband_store::EngineError {
    samband_store::EngineError::Document {
        kind: "chat",
        reason: error.to_string(),
    }
}
