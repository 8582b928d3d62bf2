//! Members: added and removed. A stay in a thread is an interval of its stamps.

use std::collections::{HashMap, HashSet};

use samband_core::{Millis, Stamp, StreamId, UserId};
use samband_identity::UsersKnown;
use samband_store::{Change, Stop};
use serde::{Deserialize, Serialize};

use super::db::{ChatTx, MemberChange, Members, NewMember, Threads};
use super::{Head, InThread, UserKey, document, head_for_participant, name_of_caller, user_key};
use crate::model::{Kinds, Member, MemberDoc, ShareHistory, SystemDoc};
use crate::rules::ChatRefused;

/// Adds members to a thread: those that exist and are not in it yet.
pub struct AddMembers {
    pub at: InThread,
    pub members: Vec<Member>,
    /// All members that the request names, where this is one chunk of them.
    pub total: usize,
    /// Only the first chunk says in the thread that members came.
    pub announce: bool,
    /// Chunks that follow the creation of the thread share its history like the first.
    pub since_creation: bool,
    pub limit: Option<usize>,
}

/// What became of each member asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// In the thread now.
    pub valid: Vec<[u8; 16]>,
    /// No such user.
    pub unknown: Vec<[u8; 16]>,
}

impl Change for AddMembers {
    type Out = Added;
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    fn weight(&self) -> usize {
        512 + 256 * self.members.len()
    }
    samband_store::apply_on_every_engine!();
}

impl AddMembers {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<Added, Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at).await?;
        if let Some(limit) = self.limit {
            let named: HashSet<_> = self.members.iter().map(|member| user_key(member.user)).collect();
            let named: Vec<_> = named.into_iter().collect();
            let there = tx.db().members_among(self.at.thread, &named).await?;
            let met = head.members as usize + named.len() - there.len();
            if met > limit {
                return Err(Stop::Refused(ChatRefused::ThreadFull { limit, met }));
            }
        }
        let members: Vec<Member> = if self.since_creation {
            self.members
                .iter()
                .map(|member| Member {
                    share_history: ShareHistory::All,
                    ..member.clone()
                })
                .collect()
        } else {
            self.members.clone()
        };
        let stamp = head.next_stamp(tx.cx().now);
        let joined = join(tx, self.at, &mut head, &members, stamp).await?;
        if !joined.docs.is_empty() {
            // Of a request in chunks only the first is announced; how many of the rest come is not known yet.
            let absent = self.members.len() - joined.docs.len();
            let unnamed = (self.total > self.members.len()).then_some(self.total - absent);
            let thread_created_ms = tx.db().thread(self.at.thread).await?.map_or(0, |info| info.created.0);
            let by_name = name_of_caller(tx, self.at).await?;
            let doc = SystemDoc {
                members: joined.docs,
                total: unnamed,
                by_name,
                thread_created_ms,
                ..SystemDoc::default()
            };
            let doc = document(&doc)?;
            if self.announce {
                head.append_message(tx, self.at, Kinds::PARTICIPANTS_ADDED, &doc)
                    .await?;
            } else {
                head.append_change(tx, self.at, Kinds::MORE_PARTICIPANTS, &doc).await?;
            }
            tx.db().update_head(self.at.thread, &head).await?;
        }
        Ok(joined.added)
    }
}

pub(super) struct Joined {
    pub added: Added,
    /// Those who were not in the thread before.
    pub docs: Vec<MemberDoc>,
}

/// Writes the stays that begin with the entry of `stamp`. Whoever is in the thread already keeps
/// their place and may get another name.
pub(super) async fn join(
    tx: &impl ChatTx,
    at: InThread,
    head: &mut Head,
    members: &[Member],
    stamp: Stamp,
) -> Result<Joined, Stop<ChatRefused>> {
    let mut joined = Joined {
        added: Added::default(),
        docs: Vec::new(),
    };
    let users: Vec<UserId> = members.iter().map(|member| member.user).collect();
    let keys: Vec<UserKey> = users.iter().map(|user| user_key(*user)).collect();
    let existing = tx.db().existing(at.resource, &users).await?;
    let there = tx.db().members_among(at.thread, &keys).await?;
    let mut new: Vec<NewMember> = Vec::new();
    let mut place_of: HashMap<UserKey, usize> = HashMap::new();
    for (member, key) in members.iter().zip(keys) {
        if !existing.contains(&member.user) {
            joined.added.unknown.push(*member.user.as_bytes());
            continue;
        }
        joined.added.valid.push(*member.user.as_bytes());
        if there.contains(&key) {
            if let Some(name) = &member.display_name {
                tx.db().rename_member(at.thread, &key, name).await?;
            }
            continue;
        }
        if let Some(again) = place_of.get(&key).and_then(|place| new.get_mut(*place)) {
            again.display_name = member.display_name.clone().or(again.display_name.take());
            continue;
        }
        let (from, share_ms) = match member.share_history {
            ShareHistory::All => (0, 0),
            ShareHistory::None => (stamp.0, stamp.0),
            // Nothing is shared from a moment to come.
            ShareHistory::Since(time) => (time.0.clamp(0, stamp.0), time.0.clamp(0, stamp.0)),
        };
        place_of.insert(key, new.len());
        new.push(NewMember {
            user: key,
            joined: stamp,
            from: Stamp(from),
            share_ms,
            display_name: member.display_name.clone(),
            metadata: document(&member.metadata)?,
            roles: (!member.roles.is_empty())
                .then(|| document(&member.roles))
                .transpose()?,
        });
        head.members += 1;
        joined.docs.push(MemberDoc {
            user: *member.user.as_bytes(),
            display_name: member.display_name.clone(),
            share_history_ms: share_ms,
            metadata: member.metadata.clone(),
        });
    }
    tx.db().insert_members(at.resource, at.thread, &new).await?;
    Ok(joined)
}

/// Changes what is given of a member. It is not heard: the contract has no event for it.
pub struct UpdateMember {
    pub at: InThread,
    pub user: UserId,
    pub display_name: Option<String>,
    pub share_history: Option<Millis>,
    pub roles: Option<Vec<String>>,
}

impl Change for UpdateMember {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl UpdateMember {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        head_for_participant(tx, self.at).await?;
        let key = user_key(self.user);
        if !tx.db().is_member(self.at.thread, &key).await? {
            return Err(Stop::Refused(ChatRefused::ParticipantNotFound));
        }
        let now = tx.cx().now;
        let change = MemberChange {
            display_name: self.display_name.clone(),
            roles: self.roles.as_ref().map(document).transpose()?,
            // Nothing is shared from a moment to come.
            share_ms: self.share_history.map(|time| time.0.clamp(0, now.0)),
        };
        tx.db().change_member(self.at.thread, &key, &change).await?;
        Ok(())
    }
}

pub struct RemoveMember {
    pub at: InThread,
    pub user: UserId,
}

impl Change for RemoveMember {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl RemoveMember {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at).await?;
        let key = user_key(self.user);
        let Some(member) = tx.db().member(self.at.thread, &key).await? else {
            return Err(Stop::Refused(ChatRefused::ParticipantNotFound));
        };
        let doc = SystemDoc {
            members: vec![MemberDoc {
                user: *self.user.as_bytes(),
                display_name: member.display_name,
                share_history_ms: member.share_history.0,
                metadata: member.metadata,
            }],
            by_name: name_of_caller(tx, self.at).await?,
            thread_created_ms: tx.db().thread(self.at.thread).await?.map_or(0, |info| info.created.0),
            ..SystemDoc::default()
        };
        let stamp = head
            .append_message(tx, self.at, Kinds::PARTICIPANT_REMOVED, &document(&doc)?)
            .await?;
        tx.db().end_stay(self.at.thread, &key, stamp).await?;
        let removed = tx.last_position();
        tx.db()
            .unlist_thread(self.at.resource, &key, self.at.thread, removed)
            .await?;
        head.members -= 1;
        tx.db().update_head(self.at.thread, &head).await?;
        Ok(())
    }
}
