//! The stored side of chat: changes and queries, one file for each group; their SQL is in `sqlite` and `postgres`.

mod db;
mod heard;
mod images;
mod members;
mod messages;
mod postgres;
mod purge;
mod queries;
mod receipts;
mod sqlite;
mod threads;

pub use heard::{
    Heads, HeadsNow, Memberships, Missed, MissedBy, MissedByUser, NotesAfter, NotesAt, NotesOfResource, ResourceNotes,
    is_gone,
};
pub use images::{
    BeginImage, CHUNK_BYTES, DeleteImage, FinishImage, GetImage, ImageChunk, ImageFile, ImagesToAttach, ImagesToRemove,
    PutImageChunk, RemoveImageChunk, chunks,
};
pub use members::{AddMembers, Added, RemoveMember, UpdateMember};
pub use messages::{DeleteMessage, SendMessage, UpdateMessage};
pub use purge::{PurgeChunk, ThreadsDue, ThreadsToPurge};
pub use queries::{GetMessage, GetThread, ListMembers, ListMessages, ListReceipts, ListThreads, MayType};
pub use receipts::SendReceipt;
pub use threads::{CreateThread, Created, DeleteThread, UpdateThread};

use samband_core::{Kind, Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::transfer::{Column, ColumnKind, Table};
use samband_store::{EngineError, Entry, Migration, Stop};

use self::db::{ChatTx, Members, Threads};
pub use self::db::{ImageAt, Told, View};
use crate::rules::ChatRefused;

pub const MIGRATIONS: &[Migration] = &[
    Migration {
        room: "chat",
        number: 1,
        sqlite: include_str!("sqlite/0001_chat.sql"),
        postgres: include_str!("postgres/0001_chat.sql"),
    },
    Migration {
        room: "chat",
        number: 2,
        sqlite: include_str!("sqlite/0002_replay.sql"),
        postgres: include_str!("postgres/0002_replay.sql"),
    },
    Migration {
        room: "chat",
        number: 3,
        sqlite: include_str!("sqlite/0003_roles.sql"),
        postgres: include_str!("postgres/0003_roles.sql"),
    },
    Migration {
        room: "chat",
        number: 4,
        sqlite: include_str!("sqlite/0004_images.sql"),
        postgres: include_str!("postgres/0004_images.sql"),
    },
];

/// What is carried from one store to another.
pub const TABLES: &[Table] = &[
    Table {
        name: "thread",
        columns: &[
            Column::id("thread"),
            Column::id("resource"),
            Column::bytes("topic"),
            Column::bytes("metadata"),
            Column::int("created_ms"),
            Column::bytes("created_by"),
            Column::int("retention_days").nullable(),
            Column::int("delete_at_ms").nullable(),
        ],
        key: &["thread"],
    },
    Table {
        name: "head",
        columns: &[
            Column::id("thread"),
            Column::id("resource"),
            Column::int("last_stamp"),
            Column::int("last_seq"),
            Column::int("last_message_ms"),
            Column::int("members"),
            Column::int("deleted_ms").nullable(),
        ],
        key: &["thread"],
    },
    Table {
        name: "member",
        columns: &[
            Column::id("thread"),
            Column::bytes("user"),
            Column::int("joined_stamp"),
            Column::int("from_stamp"),
            Column::int("until_stamp").nullable(),
            Column::int("share_ms"),
            Column::bytes("display_name").nullable(),
            Column::bytes("metadata"),
            Column::bytes("roles").nullable(),
        ],
        key: &["thread", "user", "joined_stamp"],
    },
    Table {
        name: "thread_of_user",
        columns: &[
            Column::id("resource"),
            Column::bytes("user"),
            Column::id("thread"),
            Column::new("removed_pos", ColumnKind::Past).nullable(),
        ],
        key: &["resource", "user", "thread"],
    },
    Table {
        name: "receipt",
        columns: &[
            Column::id("thread"),
            Column::bytes("user"),
            Column::int("message"),
            Column::int("read_ms"),
            Column::new("pos", ColumnKind::Past),
        ],
        key: &["thread", "user"],
    },
    Table {
        name: "image",
        columns: &[
            Column::id("thread"),
            Column::id("image"),
            Column::bytes("uploader"),
            Column::bytes("name").nullable(),
            Column::new("kind", ColumnKind::Small),
            Column::int("bytes"),
            Column::new("small_kind", ColumnKind::Small).nullable(),
            Column::int("small_bytes").nullable(),
            Column::int("begun_ms"),
            Column::new("state", ColumnKind::Small),
        ],
        key: &["thread", "image"],
    },
    Table {
        name: "image_chunk",
        columns: &[
            Column::id("thread"),
            Column::id("image"),
            Column::new("view", ColumnKind::Small),
            Column::int("number"),
            Column::bytes("data"),
        ],
        key: &["thread", "image", "view", "number"],
    },
    Table {
        name: "purge",
        columns: &[Column::id("thread")],
        key: &["thread"],
    },
];

/// The user of chat's tables: a kind and 16 bytes.
pub(crate) type UserKey = [u8; 17];

pub(crate) fn user_key(user: UserId) -> UserKey {
    let mut key = [1; 17];
    key[1..].copy_from_slice(user.as_bytes());
    key
}

/// Roles as the table has them.
pub(crate) fn read_roles(json: &[u8]) -> Vec<String> {
    serde_json::from_slice(json).unwrap_or_default()
}

/// The user that a key stands for, if it is a communication user's.
pub fn user_of(key: &[u8]) -> Option<UserId> {
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
    async fn append_message(
        &mut self,
        tx: &mut impl ChatTx,
        at: InThread,
        kind: Kind,
        doc: &[u8],
    ) -> Result<Stamp, EngineError> {
        let seq = self.last_seq + 1;
        let stamp = self
            .append(
                tx,
                at,
                Line {
                    kind,
                    about: None,
                    seq: Some(seq),
                    doc,
                    heard: None,
                },
            )
            .await?;
        self.last_seq = seq;
        self.last_message_ms = stamp.0;
        Ok(stamp)
    }

    /// Appends a change that is no message.
    async fn append_change(
        &mut self,
        tx: &mut impl ChatTx,
        at: InThread,
        kind: Kind,
        doc: &[u8],
    ) -> Result<Stamp, EngineError> {
        self.append(
            tx,
            at,
            Line {
                kind,
                about: None,
                seq: None,
                doc,
                heard: None,
            },
        )
        .await
    }

    /// Appends that a message changed. What is heard of it stands in the note alone: the message
    /// itself holds what is left of it.
    async fn append_about(
        &mut self,
        tx: &mut impl ChatTx,
        at: InThread,
        kind: Kind,
        message: Stamp,
        heard: &[u8],
    ) -> Result<Stamp, EngineError> {
        self.append(
            tx,
            at,
            Line {
                kind,
                about: Some(message),
                seq: None,
                doc: b"{}",
                heard: Some(heard),
            },
        )
        .await
    }

    async fn append(&mut self, tx: &mut impl ChatTx, at: InThread, line: Line<'_>) -> Result<Stamp, EngineError> {
        let stamp = self.next_stamp(tx.cx().now);
        let actor = user_key(at.caller);
        tx.append(&Entry {
            stream: at.thread.into(),
            resource: at.resource,
            stamp,
            prev: self.last_stamp,
            kind: line.kind,
            actor: Some(&actor),
            about: line.about,
            seq: line.seq,
            doc: line.doc,
            heard: line.heard,
        })
        .await?;
        self.last_stamp = stamp;
        Ok(stamp)
    }
}

/// What an entry says, without its place in the log.
struct Line<'a> {
    kind: Kind,
    about: Option<Stamp>,
    seq: Option<i64>,
    doc: &'a [u8],
    heard: Option<&'a [u8]>,
}

/// The head of a thread that is there, not deleted, and of the caller's resource.
async fn live_head(tx: &impl ChatTx, at: InThread) -> Result<Head, Stop<ChatRefused>> {
    match tx.db().locked_head(at.resource, at.thread).await? {
        Some(head) if head.deleted.is_none() => Ok(head),
        _ => Err(Stop::Refused(ChatRefused::ThreadNotFound)),
    }
}

/// As [`live_head`], for a caller who takes part.
async fn head_for_participant(tx: &impl ChatTx, at: InThread) -> Result<Head, Stop<ChatRefused>> {
    let head = live_head(tx, at).await?;
    if tx.db().is_member(at.thread, &user_key(at.caller)).await? {
        Ok(head)
    } else {
        Err(Stop::Refused(ChatRefused::NotParticipant))
    }
}

/// The name under which the caller takes part in the thread.
async fn name_of_caller(tx: &impl ChatTx, at: InThread) -> Result<Option<String>, EngineError> {
    Ok(tx
        .db()
        .member(at.thread, &user_key(at.caller))
        .await?
        .and_then(|member| member.display_name))
}

fn document<T: serde::Serialize>(doc: &T) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(doc).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> EngineError {
    EngineError::Document {
        kind: "chat",
        reason: error.to_string(),
    }
}
