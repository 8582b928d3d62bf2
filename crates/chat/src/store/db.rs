//! The statements of chat, by table: written for each engine in `sqlite` and `postgres`.
//!
//! On PostgreSQL writes go ahead of their answers, so nothing here tells whether a write met a row,
//! unless it says so.

use std::collections::HashSet;
use std::sync::Arc;

use samband_core::{ImageId, LogPosition, Millis, Note, ResourceId, Stamp, ThreadId};
use samband_identity::UsersKnown;
use samband_store::{EngineError, Transaction};

use super::{Head, InThread, UserKey, document};
use crate::model::{
    Kinds, ReceiptDoc, StoredImage, StoredMember, StoredMessage, StoredReceipt, ThreadInfo, ThreadLine,
};

/// What queries ask.
pub trait ChatDb: Threads + Members + Messages + Receipts + Images + Listening + UsersKnown {}
impl<T: Threads + Members + Messages + Receipts + Images + Listening + UsersKnown> ChatDb for T {}

/// What changes are made in.
pub trait ChatTx: Transaction<Db: ChatDb> {}
impl<T: Transaction<Db: ChatDb>> ChatTx for T {}

pub struct NewThread<'a> {
    pub thread: ThreadId,
    pub resource: ResourceId,
    pub topic: &'a str,
    pub metadata: &'a [u8],
    pub created: Millis,
    pub created_by: &'a [u8],
    pub retention_days: Option<i64>,
    pub delete_at: Option<Millis>,
}

/// Threads, their heads, and what remains to be done after their deletion.
pub trait Threads {
    async fn head(&self, resource: ResourceId, thread: ThreadId) -> Result<Option<Head>, EngineError>;
    /// Nobody else changes the thread until this transaction ends.
    async fn locked_head(&self, resource: ResourceId, thread: ThreadId) -> Result<Option<Head>, EngineError>;
    async fn insert_head(&self, resource: ResourceId, thread: ThreadId, head: &Head) -> Result<(), EngineError>;
    async fn update_head(&self, thread: ThreadId, head: &Head) -> Result<(), EngineError>;
    async fn insert_thread(&self, new: &NewThread<'_>) -> Result<(), EngineError>;
    async fn thread(&self, thread: ThreadId) -> Result<Option<ThreadInfo>, EngineError>;
    async fn set_topic(&self, thread: ThreadId, topic: &str) -> Result<(), EngineError>;
    async fn set_metadata(&self, thread: ThreadId, metadata: &[u8]) -> Result<(), EngineError>;
    async fn set_retention(
        &self,
        thread: ThreadId,
        days: Option<i64>,
        delete_at: Option<Millis>,
    ) -> Result<(), EngineError>;
    async fn threads_of_user(
        &self,
        resource: ResourceId,
        user: &[u8],
        start: Option<Millis>,
        after: Option<ThreadId>,
        most: usize,
    ) -> Result<Vec<ThreadLine>, EngineError>;
    async fn mark_purge(&self, thread: ThreadId) -> Result<(), EngineError>;
    async fn to_purge(&self, most: usize) -> Result<Vec<ThreadId>, EngineError>;
    /// Removes at most `most` rows of a deleted thread; true once none is left.
    async fn purge(&self, thread: ThreadId, most: usize) -> Result<bool, EngineError>;
    async fn threads_due(&self, now: Millis, most: usize) -> Result<Vec<InThread>, EngineError>;
}

/// The stamps that a stay lets its user see, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub from: i64,
    pub until: i64,
}

impl Interval {
    pub fn holds(&self, stamp: Stamp) -> bool {
        (self.from..=self.until).contains(&stamp.0)
    }
}

#[derive(Debug, Clone)]
pub struct NewMember {
    pub user: UserKey,
    pub joined: Stamp,
    pub from: Stamp,
    pub share_ms: i64,
    pub display_name: Option<String>,
    pub metadata: Vec<u8>,
    /// A JSON array, where there are any.
    pub roles: Option<Vec<u8>>,
}

/// What is to be another than before of a member.
#[derive(Debug, Clone, Default)]
pub struct MemberChange {
    pub display_name: Option<String>,
    pub roles: Option<Vec<u8>>,
    /// From when on the history is shared.
    pub share_ms: Option<i64>,
}

/// Stays of users in threads.
pub trait Members {
    async fn is_member(&self, thread: ThreadId, user: &[u8]) -> Result<bool, EngineError>;
    /// Those of some users who take part.
    async fn members_among(&self, thread: ThreadId, users: &[UserKey]) -> Result<HashSet<UserKey>, EngineError>;
    /// A user's stays, oldest first.
    async fn visibility(&self, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>, EngineError>;
    async fn member(&self, thread: ThreadId, user: &[u8]) -> Result<Option<StoredMember>, EngineError>;
    async fn members(
        &self,
        thread: ThreadId,
        after: &[u8],
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredMember>, EngineError>;
    /// Stays that begin, and the thread in the lists of those users.
    async fn insert_members(
        &self,
        resource: ResourceId,
        thread: ThreadId,
        new: &[NewMember],
    ) -> Result<(), EngineError>;
    async fn rename_member(&self, thread: ThreadId, user: &[u8], name: &str) -> Result<(), EngineError>;
    async fn change_member(&self, thread: ThreadId, user: &[u8], change: &MemberChange) -> Result<(), EngineError>;
    async fn end_stay(&self, thread: ThreadId, user: &[u8], until: Stamp) -> Result<(), EngineError>;
    /// The line stays, with the position of the removal: a reader that resumes is to hear of it.
    async fn unlist_thread(
        &self,
        resource: ResourceId,
        user: &[u8],
        thread: ThreadId,
        removed: LogPosition,
    ) -> Result<(), EngineError>;
    async fn is_listed(&self, resource: ResourceId, user: &[u8], thread: ThreadId) -> Result<bool, EngineError>;
}

/// Messages in the log.
pub trait Messages {
    async fn message(&self, thread: ThreadId, stamp: Stamp) -> Result<Option<StoredMessage>, EngineError>;
    /// Appends to `found`, newest first, at most `wanted` messages from `oldest` to `newest`.
    async fn messages(
        &self,
        thread: ThreadId,
        oldest: i64,
        newest: i64,
        wanted: usize,
        found: &mut Vec<StoredMessage>,
    ) -> Result<(), EngineError>;
    /// The version is the edit's stamp, and so the time of the edit.
    async fn edit_message(&self, thread: ThreadId, stamp: Stamp, version: Stamp, doc: &[u8])
    -> Result<(), EngineError>;
    /// The content goes with the deletion; the line stays.
    async fn delete_message(&self, thread: ThreadId, stamp: Stamp, version: Stamp) -> Result<(), EngineError>;
}

/// A receipt with its place beside the log.
#[derive(Debug)]
pub struct PlacedReceipt {
    pub position: LogPosition,
    pub thread: ThreadId,
    pub user: Vec<u8>,
    pub message: Stamp,
    pub read: Millis,
}

impl PlacedReceipt {
    /// As it was heard when it was new; none if its thread or message is gone.
    pub async fn note(&self, db: &impl ChatDb, resource: ResourceId) -> Result<Option<Note>, EngineError> {
        let head = db.head(resource, self.thread).await?;
        let head = head.filter(|head| head.deleted.is_none());
        let message = db.message(self.thread, self.message).await?;
        let (Some(head), Some(message)) = (head, message) else {
            return Ok(None);
        };
        let doc = ReceiptDoc {
            message: self.message.0,
            read_ms: self.read.0,
            author: message.actor.map(|user| *user.as_bytes()),
            members: head.members,
        };
        Ok(Some(self.heard(resource, &doc)?))
    }

    /// What is heard of a receipt.
    pub fn heard(&self, resource: ResourceId, doc: &ReceiptDoc) -> Result<Note, EngineError> {
        Ok(Note {
            resource,
            stream: self.thread.into(),
            position: self.position,
            stamp: Stamp(0),
            prev: Stamp(0),
            at: self.read,
            kind: Kinds::READ_RECEIPT,
            actor: Some(Arc::from(self.user.as_slice())),
            about: None,
            seq: None,
            body: document(doc)?.into(),
        })
    }
}

/// Read receipts.
pub trait Receipts {
    /// Keeps the newest message read; false if this one is older, which changes nothing.
    async fn put_receipt(&self, receipt: &PlacedReceipt) -> Result<bool, EngineError>;
    /// The receipts of a resource after a position, oldest first.
    async fn receipts_after(
        &self,
        resource: ResourceId,
        after: LogPosition,
        limit: usize,
    ) -> Result<Vec<PlacedReceipt>, EngineError>;
    async fn receipt_at(
        &self,
        resource: ResourceId,
        position: LogPosition,
    ) -> Result<Option<PlacedReceipt>, EngineError>;
    async fn receipts(
        &self,
        thread: ThreadId,
        after: &[u8],
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredReceipt>, EngineError>;
}

/// What an image is on its way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageState {
    /// Its chunks are being stored; nobody sees it.
    Arriving,
    There,
    /// Its chunks are being removed; nobody sees it any more.
    Removed,
}

impl ImageState {
    pub fn number(self) -> i16 {
        self as i16
    }

    pub fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Arriving,
            1 => Self::There,
            _ => Self::Removed,
        }
    }
}

/// An image's line.
#[derive(Debug, Clone)]
pub struct ImageLine {
    pub image: StoredImage,
    pub begun: Millis,
    pub state: ImageState,
}

/// An image, or one of its two views in the chunks: the original or the small one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageAt {
    pub thread: ThreadId,
    pub image: ImageId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Original,
    Small,
}

impl View {
    pub fn number(self) -> i16 {
        self as i16
    }
}

/// Images and the chunks of their bytes.
pub trait Images {
    async fn image(&self, at: ImageAt) -> Result<Option<ImageLine>, EngineError>;
    /// Nobody else changes the image until this transaction ends.
    async fn locked_image(&self, at: ImageAt) -> Result<Option<ImageLine>, EngineError>;
    async fn insert_image(&self, at: ImageAt, line: &ImageLine) -> Result<(), EngineError>;
    async fn set_image_state(&self, at: ImageAt, state: ImageState) -> Result<(), EngineError>;
    async fn delete_image(&self, at: ImageAt) -> Result<(), EngineError>;
    async fn insert_image_chunk(&self, at: ImageAt, view: View, number: i64, data: &[u8]) -> Result<(), EngineError>;
    async fn image_chunk(&self, at: ImageAt, view: View, number: i64) -> Result<Option<Vec<u8>>, EngineError>;
    /// Removes at most `most` chunks of an image; whether there was any.
    async fn delete_image_chunks(&self, at: ImageAt, most: usize) -> Result<bool, EngineError>;
    /// Images that are removed, or arriving since before a moment.
    async fn images_to_remove(&self, begun_before: Millis, most: usize) -> Result<Vec<ImageAt>, EngineError>;
}

/// A thread that a user is or was in.
pub struct Line {
    pub thread: ThreadId,
    pub removed: bool,
    pub deleted: bool,
    pub last_stamp: Stamp,
}

/// What a reader has been told already.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Everything up to here.
    pub to: LogPosition,
    /// And these, which stand higher: none on the embedded engine, where positions are in commit order.
    pub beyond: Vec<LogPosition>,
}

impl Told {
    pub fn up_to(to: LogPosition) -> Self {
        Self { to, beyond: Vec::new() }
    }

    pub fn holds(&self, position: LogPosition) -> bool {
        position <= self.to || self.beyond.contains(&position)
    }
}

/// Memberships and entries for listeners.
pub trait Listening {
    /// Nothing will be stored up to here any more.
    async fn settled(&self) -> Result<LogPosition, EngineError>;
    async fn memberships(&self, resource: ResourceId, user: &[u8]) -> Result<Vec<(ThreadId, Stamp)>, EngineError>;
    /// The newest stamps of some threads that are there.
    async fn last_stamps(&self, threads: &[ThreadId]) -> Result<Vec<(ThreadId, Stamp)>, EngineError>;
    /// The threads that a user is in or was removed from after a position, by id.
    async fn lines_since(
        &self,
        resource: ResourceId,
        user: &[u8],
        after: LogPosition,
    ) -> Result<Vec<Line>, EngineError>;
    /// The stamps during which a user takes part, joining and leaving included, whatever of the time
    /// before was shared.
    async fn stays(&self, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>, EngineError>;
    /// Where a thread's entries stand that were not told. Entries of a thread are told in order, so the
    /// walk back from the newest ends at the first one that was.
    async fn positions_after(&self, thread: ThreadId, told: &Told) -> Result<Vec<(LogPosition, Stamp)>, EngineError>;
    /// Where the entry of a stamp stands.
    async fn position_of(&self, thread: ThreadId, stamp: Stamp) -> Result<Option<LogPosition>, EngineError>;
    async fn entry_at(&self, resource: ResourceId, position: LogPosition) -> Result<Option<Note>, EngineError>;
    async fn entries_of_resource_after(
        &self,
        resource: ResourceId,
        after: LogPosition,
        limit: usize,
    ) -> Result<Vec<Note>, EngineError>;
    async fn entries_after(
        &self,
        resource: ResourceId,
        thread: ThreadId,
        after: Stamp,
        limit: usize,
    ) -> Result<Vec<Note>, EngineError>;
}
