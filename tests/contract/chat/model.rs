//! Chat in a few vectors: what the store must do, said as plainly as possible. Nothing here is fast
//! and nothing is shared with the store but the types.

use std::collections::{BTreeMap, BTreeSet};

use samband_chat::store::Added;
use samband_chat::{ChatRefused, Kinds, Member, MessageDoc, ShareHistory, StoredMessage, SystemDoc, ThreadLine};
use samband_core::{Kind, Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_wire_chat::{Metadata, MetadataPatch, RetentionPolicy};

use crate::world::{Said, Shown};

/// What a line of a thread says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Message(MessageDoc),
    Topic(String),
    /// User, name, effective share time.
    Members(Vec<([u8; 16], Option<String>, i64)>),
    Deleted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub stamp: i64,
    pub kind: Kind,
    pub actor: UserId,
    pub seq: i64,
    pub version: i64,
    pub edited: Option<i64>,
    pub deleted: Option<i64>,
    pub content: Content,
}

impl Line {
    /// What the store gave, in the model's words.
    pub fn stored(message: &StoredMessage) -> Self {
        let system = || serde_json::from_slice::<SystemDoc>(&message.doc).expect("a system message");
        let content = if message.deleted.is_some() {
            assert_eq!(message.doc, b"{}", "nothing is left of the content");
            Content::Deleted
        } else {
            match message.kind {
                Kinds::TEXT | Kinds::HTML => {
                    Content::Message(serde_json::from_slice(&message.doc).expect("a message's document"))
                }
                Kinds::TOPIC_UPDATED => Content::Topic(system().topic.expect("a topic")),
                _ => {
                    let told = system().members.into_iter();
                    let told = told.map(|one| (one.user, one.display_name, one.share_history_ms));
                    Content::Members(told.collect())
                }
            }
        };
        Self {
            stamp: message.stamp.0,
            kind: message.kind,
            actor: message.actor.expect("whoever did it"),
            seq: message.seq,
            version: message.version.0,
            edited: message.edited.map(|time| time.0),
            deleted: message.deleted.map(|time| time.0),
            content,
        }
    }
}

#[derive(Debug, Clone)]
struct Stay {
    user: UserId,
    from: i64,
    /// The stamp by which it ended.
    until: Option<i64>,
    name: Option<String>,
    share: i64,
    metadata: Metadata,
}

#[derive(Debug, Clone)]
pub struct Thread {
    pub id: ThreadId,
    pub resource: ResourceId,
    pub created_by: UserId,
    pub created: i64,
    pub topic: String,
    pub metadata: Metadata,
    pub retention: Option<RetentionPolicy>,
    pub lines: Vec<Line>,
    last_stamp: i64,
    deleted: Option<i64>,
    stays: Vec<Stay>,
    receipts: BTreeMap<UserId, (i64, i64)>,
}

/// Who asks, and by way of which resource.
#[derive(Debug, Clone, Copy)]
pub struct By {
    pub resource: ResourceId,
    pub caller: UserId,
}

/// An edit as it was asked for; HTML comes with what is left of it once it is clean.
#[derive(Debug, Clone)]
pub struct Edit {
    pub text: Option<String>,
    pub cleaned: Option<String>,
    pub metadata: Option<MetadataPatch>,
    pub high_priority: Option<bool>,
}

fn apply_patch(metadata: &mut Metadata, patch: &Option<MetadataPatch>) {
    for (key, value) in patch.iter().flatten() {
        match value {
            Some(value) => metadata.insert(key.clone(), value.clone()),
            None => metadata.remove(key),
        };
    }
}

impl Thread {
    /// A thread that is not there yet; [`create`](Self::create) makes it one.
    pub fn new(id: ThreadId, by: By, topic: &str, metadata: Metadata, retention: Option<RetentionPolicy>) -> Self {
        Self {
            id,
            resource: by.resource,
            created_by: by.caller,
            created: 0,
            topic: topic.to_owned(),
            metadata,
            retention,
            lines: Vec::new(),
            last_stamp: 0,
            deleted: None,
            stays: Vec::new(),
            receipts: BTreeMap::new(),
        }
    }

    fn tick(&mut self, now: i64) -> i64 {
        self.last_stamp = now.max(self.last_stamp + 1);
        self.last_stamp
    }

    fn append(&mut self, now: i64, actor: UserId, kind: Kind, content: Content) -> i64 {
        let stamp = self.tick(now);
        self.lines.push(Line {
            stamp,
            kind,
            actor,
            seq: self.lines.len() as i64 + 1,
            version: stamp,
            edited: None,
            deleted: None,
            content,
        });
        stamp
    }

    fn stay(&self, user: UserId) -> Option<usize> {
        self.stays
            .iter()
            .position(|stay| stay.user == user && stay.until.is_none())
    }

    fn current(&self) -> impl Iterator<Item = &Stay> {
        self.stays.iter().filter(|stay| stay.until.is_none())
    }

    fn is_seen_by(&self, user: UserId, stamp: i64) -> bool {
        self.stays
            .iter()
            .any(|stay| stay.user == user && stay.from <= stamp && stay.until.is_none_or(|until| stamp <= until))
    }

    fn alive(&self, by: By) -> Said<()> {
        match self.deleted {
            None if self.resource == by.resource => Ok(()),
            _ => Err(ChatRefused::ThreadNotFound),
        }
    }

    fn takes_part(&self, by: By) -> Said<()> {
        self.alive(by)?;
        self.stay(by.caller).map(|_| ()).ok_or(ChatRefused::NotParticipant)
    }

    pub fn create(
        &mut self,
        now: i64,
        by: By,
        known: &BTreeSet<UserId>,
        members: &[Member],
        limit: Option<usize>,
    ) -> Said<Added> {
        let named = members.iter().any(|member| member.user == by.caller);
        let met = members.len() + usize::from(!named);
        if let Some(limit) = limit.filter(|limit| met > *limit) {
            return Err(ChatRefused::ThreadFull { limit, met });
        }
        let creator = Member {
            user: by.caller,
            display_name: None,
            share_history: ShareHistory::All,
            metadata: Metadata::new(),
            roles: Vec::new(),
        };
        let all: Vec<Member> = (!named)
            .then_some(creator)
            .into_iter()
            .chain(members.iter().cloned())
            .collect();
        self.created = now;
        let stamp = self.tick(now);
        let (added, told) = self.join(known, &all, true, stamp);
        self.append(now, by.caller, Kinds::PARTICIPANTS_ADDED, Content::Members(told));
        let topic = Content::Topic(self.topic.clone());
        self.append(now, by.caller, Kinds::TOPIC_UPDATED, topic);
        Ok(added)
    }

    #[allow(clippy::type_complexity)]
    fn join(
        &mut self,
        known: &BTreeSet<UserId>,
        members: &[Member],
        share_all: bool,
        stamp: i64,
    ) -> (Added, Vec<([u8; 16], Option<String>, i64)>) {
        let (mut added, mut told) = (Added::default(), Vec::new());
        for member in members {
            if !known.contains(&member.user) {
                added.unknown.push(*member.user.as_bytes());
                continue;
            }
            added.valid.push(*member.user.as_bytes());
            if let Some(stay) = self.stay(member.user) {
                if member.display_name.is_some() {
                    self.stays[stay].name = member.display_name.clone();
                }
                continue;
            }
            let from = match member.share_history {
                _ if share_all => 0,
                ShareHistory::All => 0,
                ShareHistory::None => stamp,
                ShareHistory::Since(time) => time.0.max(0).min(stamp),
            };
            self.stays.push(Stay {
                user: member.user,
                from,
                until: None,
                name: member.display_name.clone(),
                share: from,
                metadata: member.metadata.clone(),
            });
            told.push((*member.user.as_bytes(), member.display_name.clone(), from));
        }
        (added, told)
    }

    #[allow(clippy::too_many_arguments)]
    pub fn add(
        &mut self,
        now: i64,
        by: By,
        known: &BTreeSet<UserId>,
        members: &[Member],
        limit: Option<usize>,
        announce: bool,
        since_creation: bool,
    ) -> Said<Added> {
        self.takes_part(by)?;
        let newcomers: BTreeSet<_> = members
            .iter()
            .map(|member| member.user)
            .filter(|user| self.stay(*user).is_none())
            .collect();
        let met = self.current().count() + newcomers.len();
        if let Some(limit) = limit.filter(|limit| met > *limit) {
            return Err(ChatRefused::ThreadFull { limit, met });
        }
        let stamp = now.max(self.last_stamp + 1);
        let (added, told) = self.join(known, members, since_creation, stamp);
        if !told.is_empty() {
            if announce {
                self.append(now, by.caller, Kinds::PARTICIPANTS_ADDED, Content::Members(told));
            } else {
                self.tick(now);
            }
        }
        Ok(added)
    }

    pub fn remove(&mut self, now: i64, by: By, user: UserId) -> Said<()> {
        self.takes_part(by)?;
        let stay = self.stay(user).ok_or(ChatRefused::ParticipantNotFound)?;
        let told = vec![(*user.as_bytes(), self.stays[stay].name.clone(), self.stays[stay].share)];
        let stamp = self.append(now, by.caller, Kinds::PARTICIPANT_REMOVED, Content::Members(told));
        self.stays[stay].until = Some(stamp);
        Ok(())
    }

    pub fn send(&mut self, now: i64, by: By, html: bool, doc: &MessageDoc) -> Said<Stamp> {
        self.takes_part(by)?;
        let kind = if html { Kinds::HTML } else { Kinds::TEXT };
        let stamp = self.append(now, by.caller, kind, Content::Message(doc.clone()));
        Ok(Stamp(stamp))
    }

    /// The line of a message that the caller sees and has sent.
    fn own(&self, by: By, message: i64) -> Said<usize> {
        let line = self.lines.iter().position(|line| line.stamp == message);
        let line = line
            .filter(|_| self.is_seen_by(by.caller, message))
            .ok_or(ChatRefused::MessageNotFound)?;
        let sent = matches!(self.lines[line].kind, Kinds::TEXT | Kinds::HTML);
        if sent && self.lines[line].actor == by.caller {
            Ok(line)
        } else {
            Err(ChatRefused::NotSender)
        }
    }

    pub fn edit(&mut self, now: i64, by: By, message: i64, edit: &Edit) -> Said<()> {
        self.takes_part(by)?;
        let line = self.own(by, message)?;
        if self.lines[line].deleted.is_some() {
            return Err(ChatRefused::MessageNotFound);
        }
        let stamp = self.tick(now);
        let line = &mut self.lines[line];
        let text = if line.kind == Kinds::HTML {
            &edit.cleaned
        } else {
            &edit.text
        };
        let Content::Message(doc) = &mut line.content else {
            unreachable!("it was sent")
        };
        if let Some(text) = text {
            doc.content = text.clone();
        }
        apply_patch(&mut doc.metadata, &edit.metadata);
        doc.high_priority = edit.high_priority.unwrap_or(doc.high_priority);
        (line.version, line.edited) = (stamp, Some(stamp));
        Ok(())
    }

    pub fn delete_message(&mut self, now: i64, by: By, message: i64) -> Said<()> {
        self.takes_part(by)?;
        let line = self.own(by, message)?;
        if self.lines[line].deleted.is_none() {
            let stamp = self.tick(now);
            let line = &mut self.lines[line];
            (line.version, line.deleted) = (stamp, Some(stamp));
            line.content = Content::Deleted;
        }
        Ok(())
    }

    pub fn read_up_to(&mut self, now: i64, by: By, message: i64, most: Option<usize>) -> Said<Millis> {
        self.takes_part(by)?;
        let met = self.current().count();
        if let Some(limit) = most.filter(|limit| met > *limit) {
            return Err(ChatRefused::TooManyForReceipts { limit, met });
        }
        let there = self.lines.iter().any(|line| line.stamp == message);
        if !there || !self.is_seen_by(by.caller, message) {
            return Err(ChatRefused::MessageNotFound);
        }
        let read = now.max(message);
        let receipt = self.receipts.entry(by.caller).or_insert((message, read));
        if message >= receipt.0 {
            *receipt = (message, read);
        }
        Ok(Millis(read))
    }

    pub fn update(
        &mut self,
        now: i64,
        by: By,
        topic: &Option<String>,
        patch: &Option<MetadataPatch>,
        retention: Option<RetentionPolicy>,
    ) -> Said<()> {
        self.takes_part(by)?;
        apply_patch(&mut self.metadata, patch);
        self.retention = retention.or(self.retention);
        if let Some(topic) = topic {
            self.topic = topic.clone();
            self.append(now, by.caller, Kinds::TOPIC_UPDATED, Content::Topic(topic.clone()));
        } else if patch.is_some() || retention.is_some() {
            self.tick(now);
        }
        Ok(())
    }

    pub fn delete(&mut self, now: i64, by: By, by_policy: bool) -> Said<()> {
        let listed = self.resource == by.resource && self.stay(by.caller).is_some();
        if self.deleted.is_some() && listed {
            return Ok(());
        }
        if by_policy {
            self.alive(by)?;
        } else {
            self.takes_part(by)?;
        }
        self.deleted = Some(self.tick(now));
        Ok(())
    }

    pub fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    // What is seen of it.

    pub fn info(&self, by: By) -> Said<samband_chat::ThreadInfo> {
        self.takes_part(by)?;
        Ok(samband_chat::ThreadInfo {
            thread: self.id,
            topic: self.topic.clone(),
            created: Millis(self.created),
            created_by: self.created_by,
            metadata: self.metadata.clone(),
            retention: self.retention,
        })
    }

    /// Newest first.
    pub fn seen(&self, by: By) -> Said<Vec<Line>> {
        self.alive(by)?;
        if !self.stays.iter().any(|stay| stay.user == by.caller) {
            return Err(ChatRefused::NotParticipant);
        }
        let seen = self.lines.iter().rev();
        Ok(seen
            .filter(|line| self.is_seen_by(by.caller, line.stamp))
            .cloned()
            .collect())
    }

    pub fn members(&self, by: By) -> Said<Vec<Shown>> {
        self.takes_part(by)?;
        let mut members: Vec<Shown> = self
            .current()
            .map(|stay| (stay.user, stay.name.clone(), stay.share, stay.metadata.clone()))
            .collect();
        members.sort_by_key(|member| member.0);
        Ok(members)
    }

    pub fn receipts(&self, by: By) -> Said<Vec<(UserId, Stamp, Millis)>> {
        self.takes_part(by)?;
        let receipts = self.receipts.iter();
        Ok(receipts
            .map(|(user, (message, read))| (*user, Stamp(*message), Millis(*read)))
            .collect())
    }

    /// The line in the caller's list of threads.
    pub fn line(&self, by: By) -> Option<ThreadLine> {
        let listed = self.resource == by.resource && self.stay(by.caller).is_some();
        listed.then(|| ThreadLine {
            thread: self.id,
            topic: self.topic.clone(),
            deleted: self.deleted.map(Millis),
            last_message: self.lines.last().map(|line| Millis(line.stamp)),
        })
    }

    /// Stamps of which some are no message's: before the first, between two, after the last.
    pub fn some_stamp(&self, choice: usize) -> i64 {
        match self.lines.len() {
            lines if choice % (lines + 3) < lines => self.lines[choice % (lines + 3)].stamp,
            lines if choice % (lines + 3) == lines => self.created,
            lines if choice % (lines + 3) == lines + 1 => self.last_stamp,
            _ => self.last_stamp + 1,
        }
    }
}
