//! Members: added and removed. A stay in a thread is an interval of its stamps.

use std::collections::HashSet;

use samband_core::{Stamp, StreamId, UserId};
use samband_store::{Change, Stop, sqlite as engine};
use serde::{Deserialize, Serialize};

use super::{Head, InThread, document, head_for_participant, name_of_caller, sqlite, user_key};
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
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<Added, Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at)?;
        if let Some(limit) = self.limit {
            let mut newcomers = HashSet::new();
            for member in &self.members {
                if !sqlite::is_member(tx, self.at.thread, &user_key(member.user))? {
                    newcomers.insert(member.user);
                }
            }
            let met = head.members as usize + newcomers.len();
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
        let joined = join(tx, self.at, &mut head, &members, stamp)?;
        if !joined.docs.is_empty() {
            // Of a request in chunks only the first is announced; how many of the rest come is not known yet.
            let absent = self.members.len() - joined.docs.len();
            let unnamed = (self.total > self.members.len()).then_some(self.total - absent);
            let thread_created_ms = sqlite::thread(tx, self.at.thread)?.map_or(0, |info| info.created.0);
            let by_name = name_of_caller(tx, self.at)?;
            let doc = SystemDoc {
                members: joined.docs,
                total: unnamed,
                by_name,
                thread_created_ms,
                ..SystemDoc::default()
            };
            let doc = document(&doc)?;
            if self.announce {
                head.append_message(tx, self.at, Kinds::PARTICIPANTS_ADDED, &doc)?;
            } else {
                head.append_change(tx, self.at, Kinds::MORE_PARTICIPANTS, &doc)?;
            }
            sqlite::update_head(tx, self.at.thread, &head)?;
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
pub(super) fn join(
    tx: &engine::Tx<'_>,
    at: InThread,
    head: &mut Head,
    members: &[Member],
    stamp: Stamp,
) -> Result<Joined, Stop<ChatRefused>> {
    let mut joined = Joined {
        added: Added::default(),
        docs: Vec::new(),
    };
    for member in members {
        if !samband_identity::user_exists_sqlite(tx, at.resource, member.user)? {
            joined.added.unknown.push(*member.user.as_bytes());
            continue;
        }
        joined.added.valid.push(*member.user.as_bytes());
        let key = user_key(member.user);
        if sqlite::is_member(tx, at.thread, &key)? {
            if let Some(name) = &member.display_name {
                sqlite::rename_member(tx, at.thread, &key, name)?;
            }
            continue;
        }
        let (from, share_ms) = match member.share_history {
            ShareHistory::All => (0, 0),
            ShareHistory::None => (stamp.0, stamp.0),
            // Nothing is shared from a moment to come.
            ShareHistory::Since(time) => (time.0.clamp(0, stamp.0), time.0.clamp(0, stamp.0)),
        };
        let metadata = document(&member.metadata)?;
        sqlite::insert_member(
            tx,
            at.thread,
            &sqlite::NewMember {
                user: &key,
                joined: stamp,
                from: Stamp(from),
                share_ms,
                display_name: member.display_name.as_deref(),
                metadata: &metadata,
            },
        )?;
        sqlite::list_thread(tx, at.resource, &key, at.thread)?;
        head.members += 1;
        joined.docs.push(MemberDoc {
            user: *member.user.as_bytes(),
            display_name: member.display_name.clone(),
            share_history_ms: share_ms,
            metadata: member.metadata.clone(),
        });
    }
    Ok(joined)
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
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at)?;
        let key = user_key(self.user);
        let Some(member) = sqlite::member(tx, self.at.thread, &key)? else {
            return Err(Stop::Refused(ChatRefused::ParticipantNotFound));
        };
        let doc = SystemDoc {
            members: vec![MemberDoc {
                user: *self.user.as_bytes(),
                display_name: member.display_name,
                share_history_ms: member.share_history.0,
                metadata: member.metadata,
            }],
            by_name: name_of_caller(tx, self.at)?,
            thread_created_ms: sqlite::thread(tx, self.at.thread)?.map_or(0, |info| info.created.0),
            ..SystemDoc::default()
        };
        let stamp = head.append_message(tx, self.at, Kinds::PARTICIPANT_REMOVED, &document(&doc)?)?;
        sqlite::end_stay(tx, self.at.thread, &key, stamp)?;
        let removed = tx.last_position();
        sqlite::unlist_thread(tx, self.at.resource, &key, self.at.thread, removed)?;
        head.members -= 1;
        sqlite::update_head(tx, self.at.thread, &head)?;
        Ok(())
    }
}
