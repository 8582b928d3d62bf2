//! What is asked of chat. The caller's right to see it is part of each question.

use samband_core::{Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::{EngineError, Query};
use samband_wire_core::Page;

use super::db::{ChatDb, Interval};
use super::{InThread, user_key};
use crate::model::{StoredMember, StoredMessage, StoredReceipt, ThreadInfo, ThreadLine};
use crate::rules::ChatRefused;

type Answer<T> = Result<T, ChatRefused>;

/// What the caller may see of the thread; at least one stay.
async fn visibility(db: &impl ChatDb, at: InThread) -> Result<Answer<Vec<Interval>>, EngineError> {
    match db.head(at.resource, at.thread).await? {
        Some(head) if head.deleted.is_none() => {}
        _ => return Ok(Err(ChatRefused::ThreadNotFound)),
    }
    let intervals = db.visibility(at.thread, &user_key(at.caller)).await?;
    Ok(if intervals.is_empty() {
        Err(ChatRefused::NotParticipant)
    } else {
        Ok(intervals)
    })
}

/// Whether the caller takes part now.
pub(super) async fn participant(db: &impl ChatDb, at: InThread) -> Result<Answer<i64>, EngineError> {
    let head = match db.head(at.resource, at.thread).await? {
        Some(head) if head.deleted.is_none() => head,
        _ => return Ok(Err(ChatRefused::ThreadNotFound)),
    };
    let takes_part = db.is_member(at.thread, &user_key(at.caller)).await?;
    Ok(if takes_part {
        Ok(head.members)
    } else {
        Err(ChatRefused::NotParticipant)
    })
}

macro_rules! refuse {
    ($answer:expr) => {
        match $answer {
            Ok(value) => value,
            Err(refused) => return Ok(Err(refused)),
        }
    };
}

pub struct GetThread(pub InThread);

impl Query for GetThread {
    type Out = Answer<ThreadInfo>;
    samband_store::answer_on_every_engine!();
}

impl GetThread {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        refuse!(participant(db, self.0).await?);
        Ok(db.thread(self.0.thread).await?.ok_or(ChatRefused::ThreadNotFound))
    }
}

pub struct ListThreads {
    pub resource: ResourceId,
    pub caller: UserId,
    pub start: Option<Millis>,
    pub after: Option<ThreadId>,
    pub size: usize,
}

impl Query for ListThreads {
    type Out = Page<ThreadLine>;
    samband_store::answer_on_every_engine!();
}

impl ListThreads {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        let lines = db
            .threads_of_user(
                self.resource,
                &user_key(self.caller),
                self.start,
                self.after,
                self.size + 1,
            )
            .await?;
        Ok(Page::cut(lines, self.size, |line| line.thread.as_bytes().to_vec()))
    }
}

/// Newest first, in the newest version of each.
pub struct ListMessages {
    pub at: InThread,
    pub start: Option<Millis>,
    /// Only messages older than this one.
    pub before: Option<Stamp>,
    pub size: usize,
}

impl Query for ListMessages {
    type Out = Answer<Page<StoredMessage>>;
    samband_store::answer_on_every_engine!();
}

impl ListMessages {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        let intervals = refuse!(visibility(db, self.at).await?);
        let before = self.before.map_or(i64::MAX, |stamp| stamp.0);
        let start = self.start.unwrap_or(Millis(i64::MIN));
        let mut messages = Vec::new();
        // Stays do not overlap but may touch; the latest comes first.
        for interval in intervals.iter().rev() {
            let wanted = self.size + 1 - messages.len();
            if wanted == 0 {
                break;
            }
            let from = interval.from.max(start.0);
            let newest = interval.until.min(before.saturating_sub(1));
            let oldest_seen = messages
                .last()
                .map_or(i64::MAX, |message: &StoredMessage| message.stamp.0);
            let newest = newest.min(oldest_seen.saturating_sub(1));
            db.messages(self.at.thread, from, newest, wanted, &mut messages).await?;
        }
        Ok(Ok(Page::cut(messages, self.size, |message| {
            message.stamp.0.to_be_bytes().to_vec()
        })))
    }
}

pub struct GetMessage {
    pub at: InThread,
    pub message: Stamp,
}

impl Query for GetMessage {
    type Out = Answer<StoredMessage>;
    samband_store::answer_on_every_engine!();
}

impl GetMessage {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        let intervals = refuse!(visibility(db, self.at).await?);
        let found = db.message(self.at.thread, self.message).await?;
        let seen = found.filter(|message| intervals.iter().any(|interval| interval.holds(message.stamp)));
        Ok(seen.ok_or(ChatRefused::MessageNotFound))
    }
}

pub struct ListMembers {
    pub at: InThread,
    pub after: Option<Vec<u8>>,
    pub skip: usize,
    pub size: usize,
}

impl Query for ListMembers {
    type Out = Answer<Page<StoredMember>>;
    samband_store::answer_on_every_engine!();
}

impl ListMembers {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        refuse!(participant(db, self.at).await?);
        let after = self.after.as_deref().unwrap_or_default();
        let members = db.members(self.at.thread, after, self.skip, self.size + 1).await?;
        Ok(Ok(Page::cut(members, self.size, |member| {
            user_key(member.user).to_vec()
        })))
    }
}

pub struct ListReceipts {
    pub at: InThread,
    pub after: Option<Vec<u8>>,
    pub skip: usize,
    pub size: usize,
}

impl Query for ListReceipts {
    type Out = Answer<Page<StoredReceipt>>;
    samband_store::answer_on_every_engine!();
}

impl ListReceipts {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        refuse!(participant(db, self.at).await?);
        let after = self.after.as_deref().unwrap_or_default();
        let receipts = db.receipts(self.at.thread, after, self.skip, self.size + 1).await?;
        Ok(Ok(Page::cut(receipts, self.size, |receipt| {
            user_key(receipt.user).to_vec()
        })))
    }
}

/// Whether a typing notification of the caller would be delivered.
pub struct MayType {
    pub at: InThread,
    pub most_members: Option<usize>,
}

impl Query for MayType {
    /// How many take part.
    type Out = Answer<i64>;
    samband_store::answer_on_every_engine!();
}

impl MayType {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        let members = refuse!(participant(db, self.at).await?);
        let met = members as usize;
        Ok(match self.most_members {
            Some(limit) if met > limit => Err(ChatRefused::TooManyForReceipts { limit, met }),
            _ => Ok(members),
        })
    }
}
