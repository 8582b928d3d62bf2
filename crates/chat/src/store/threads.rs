//! Threads: created, updated, deleted.

use samband_core::{Millis, Stamp, StreamId};
use samband_identity::UsersKnown;
use samband_store::{Change, Stop};
use samband_wire_chat::{Metadata, MetadataPatch, RetentionPolicy};
use serde::{Deserialize, Serialize};

use super::db::{ChatTx, Members, NewThread, Threads};
use super::members::{Added, join};
use super::{Head, InThread, document, head_for_participant, live_head, name_of_caller, user_key};
use crate::model::{Kinds, Member, ShareHistory, SystemDoc};
use crate::rules::ChatRefused;

const DAY_MS: i64 = 24 * Millis::HOUR;

/// Creates a thread with its first members: the creator, and those of the others that exist.
pub struct CreateThread {
    pub at: InThread,
    pub topic: String,
    pub metadata: Metadata,
    pub retention: Option<RetentionPolicy>,
    /// The creator among them or not.
    pub members: Vec<Member>,
    /// All members that the request names, where this is only the first chunk of them.
    pub total: usize,
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    pub thread: [u8; 16],
    pub created_ms: i64,
    pub added: Added,
}

impl Change for CreateThread {
    type Out = Created;
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    fn weight(&self) -> usize {
        1_024 + 256 * self.members.len()
    }
    samband_store::apply_on_every_engine!();
}

impl CreateThread {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<Created, Stop<ChatRefused>> {
        let InThread {
            resource,
            thread,
            caller,
        } = self.at;
        // Its token outlives no user, but the request may have been under way.
        if !tx.db().existing(resource, &[caller]).await?.contains(&caller) {
            return Err(Stop::Refused(ChatRefused::NotParticipant));
        }
        let creator_named = self.members.iter().any(|member| member.user == caller);
        let met = self.total + usize::from(!creator_named);
        if let Some(limit) = self.limit
            && met > limit
        {
            return Err(Stop::Refused(ChatRefused::ThreadFull { limit, met }));
        }
        let now = tx.cx().now;
        let mut head = Head {
            last_stamp: Stamp(0),
            last_seq: 0,
            last_message_ms: 0,
            members: 0,
            deleted: None,
        };

        // At creation everybody sees everything.
        let mut members: Vec<Member> = Vec::with_capacity(self.members.len() + 1);
        if !creator_named {
            members.push(Member {
                user: caller,
                display_name: None,
                share_history: ShareHistory::All,
                metadata: Metadata::new(),
                roles: Vec::new(),
            });
        }
        members.extend(self.members.iter().map(|member| Member {
            share_history: ShareHistory::All,
            ..member.clone()
        }));

        let stamp = head.next_stamp(now);
        let joined = join(tx, self.at, &mut head, &members, stamp).await?;
        let unnamed = (self.total > self.members.len()).then_some(met);
        let thread_created_ms = stamp.0;
        let created = SystemDoc {
            topic: Some(self.topic.clone()),
            metadata: self.metadata.clone(),
            retention: self.retention,
            members: joined.docs.clone(),
            total: unnamed,
            thread_created_ms,
            ..SystemDoc::default()
        };
        head.append_change(tx, self.at, Kinds::THREAD_CREATED, &document(&created)?)
            .await?;
        let quiet = SystemDoc {
            quiet: true,
            thread_created_ms,
            ..SystemDoc::default()
        };
        let added = SystemDoc {
            members: joined.docs,
            total: unnamed,
            ..quiet.clone()
        };
        head.append_message(tx, self.at, Kinds::PARTICIPANTS_ADDED, &document(&added)?)
            .await?;
        let topic = SystemDoc {
            topic: Some(self.topic.clone()),
            ..quiet
        };
        head.append_message(tx, self.at, Kinds::TOPIC_UPDATED, &document(&topic)?)
            .await?;

        let (retention_days, delete_at) = retention_columns(self.retention, now);
        tx.db()
            .insert_thread(&NewThread {
                thread,
                resource,
                topic: &self.topic,
                metadata: &document(&self.metadata)?,
                created: now,
                created_by: &user_key(caller),
                retention_days,
                delete_at,
            })
            .await?;
        tx.db().insert_head(resource, thread, &head).await?;
        Ok(Created {
            thread: *thread.as_bytes(),
            created_ms: now.0,
            added: joined.added,
        })
    }
}

/// Days after creation (0 = the policy "none" was set) and the moment that they come to.
fn retention_columns(policy: Option<RetentionPolicy>, created: Millis) -> (Option<i64>, Option<Millis>) {
    match policy {
        None => (None, None),
        Some(RetentionPolicy::None) => (Some(0), None),
        Some(RetentionPolicy::ThreadCreationDate {
            delete_thread_after_days: days,
        }) => (Some(days), Some(created.plus(days.saturating_mul(DAY_MS)))),
    }
}

pub struct UpdateThread {
    pub at: InThread,
    pub topic: Option<String>,
    pub metadata: Option<MetadataPatch>,
    pub retention: Option<RetentionPolicy>,
}

impl Change for UpdateThread {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    fn weight(&self) -> usize {
        1_024 + self.topic.as_ref().map_or(0, String::len)
    }
    samband_store::apply_on_every_engine!();
}

impl UpdateThread {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at).await?;
        let thread = self.at.thread;
        let Some(current) = tx.db().thread(thread).await? else {
            return Err(Stop::Refused(ChatRefused::ThreadNotFound));
        };
        let mut metadata = current.metadata;
        for (key, value) in self.metadata.iter().flatten() {
            match value {
                Some(value) => metadata.insert(key.clone(), value.clone()),
                None => metadata.remove(key),
            };
        }
        let doc = SystemDoc {
            topic: Some(self.topic.clone().unwrap_or(current.topic)),
            metadata,
            retention: self.retention.or(current.retention),
            by_name: name_of_caller(tx, self.at).await?,
            thread_created_ms: current.created.0,
            ..SystemDoc::default()
        };
        if let Some(topic) = &self.topic {
            head.append_message(tx, self.at, Kinds::TOPIC_UPDATED, &document(&doc)?)
                .await?;
            tx.db().set_topic(thread, topic).await?;
        } else if self.metadata.is_some() || self.retention.is_some() {
            head.append_change(tx, self.at, Kinds::THREAD_UPDATED, &document(&doc)?)
                .await?;
        }
        if self.metadata.is_some() {
            tx.db().set_metadata(thread, &document(&doc.metadata)?).await?;
        }
        if let Some(policy) = self.retention {
            let (days, delete_at) = retention_columns(Some(policy), current.created);
            tx.db().set_retention(thread, days, delete_at).await?;
        }
        tx.db().update_head(thread, &head).await?;
        Ok(())
    }
}

/// One update of the head; the rows go in the background. Deleting again is no error.
pub struct DeleteThread {
    pub at: InThread,
    /// Deleted by its retention policy: nobody asks whether its creator still takes part.
    pub by_policy: bool,
}

impl Change for DeleteThread {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl DeleteThread {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        let InThread {
            resource,
            thread,
            caller,
        } = self.at;
        let deleted = tx
            .db()
            .locked_head(resource, thread)
            .await?
            .is_some_and(|head| head.deleted.is_some());
        if deleted && (self.by_policy || tx.db().is_listed(resource, &user_key(caller), thread).await?) {
            return Ok(());
        }
        let mut head = if self.by_policy {
            live_head(tx, self.at).await?
        } else {
            head_for_participant(tx, self.at).await?
        };
        let thread_created_ms = tx.db().thread(thread).await?.map_or(0, |info| info.created.0);
        let by_name = name_of_caller(tx, self.at).await?;
        let doc = SystemDoc {
            by_name,
            thread_created_ms,
            by_policy: self.by_policy,
            ..SystemDoc::default()
        };
        let deleted = head
            .append_change(tx, self.at, Kinds::THREAD_DELETED, &document(&doc)?)
            .await?;
        head.deleted = Some(Millis(deleted.0));
        tx.db().update_head(thread, &head).await?;
        tx.db().mark_purge(thread).await?;
        Ok(())
    }
}
