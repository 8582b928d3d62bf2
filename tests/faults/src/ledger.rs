//! What senders asked of a chat and what they were told, to be held against what is found there
//! after a fault.
//!
//! What was acknowledged must be found, once, as it was left. What was asked and not acknowledged
//! may be found, whole, or not. Nothing else may be.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::rng::SplitMix64;

/// A request: who made it and the how manieth of theirs it is, from 1. A sender makes its next
/// request only when it knows what became of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId {
    /// The sender.
    pub sender: u32,
    /// The sender's count.
    pub number: u32,
}

/// What is asked. `T` names a thread. Messages are known by the request that sent them.
#[derive(Clone, Debug)]
pub enum Op<T> {
    /// A new thread.
    CreateThread,
    /// A thread that this sender created, and that nobody else sends to.
    DeleteThread(T),
    /// A message of content [`text`] of this request.
    Send(T),
    /// New content for a message of this sender's: [`text`] of this request.
    Edit(OpId),
    /// A message of this sender's is to go.
    Delete(OpId),
}

/// The acknowledgement.
#[derive(Clone, Debug)]
pub enum Told<T> {
    /// The thread that was created.
    Thread(T),
    /// The stamp of the message that was sent.
    Sent(i64),
    /// Edited or deleted.
    Done,
}

#[derive(Clone, Debug)]
enum Event<T> {
    Asked(OpId, Op<T>),
    Told(OpId, Told<T>),
    /// Refused for the time being: as good as no answer.
    Failed,
}

/// Everything that senders asked and were told, in order.
#[derive(Debug)]
pub struct Ledger<T> {
    events: Mutex<Vec<Event<T>>>,
}

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self {
            events: Mutex::default(),
        }
    }
}

/// Acknowledgements and failures of a stretch of a [`Ledger`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests acknowledged.
    pub told: usize,
    /// Requests failed.
    pub failed: usize,
}

impl<T: Clone + Eq + Hash + Debug> Ledger<T> {
    fn events(&self) -> MutexGuard<'_, Vec<Event<T>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before the request is made.
    pub fn ask(&self, op: OpId, what: Op<T>) {
        self.events().push(Event::Asked(op, what));
    }

    /// To be called once the acknowledgement is there.
    pub fn tell(&self, op: OpId, told: Told<T>) {
        self.events().push(Event::Told(op, told));
    }

    /// To be called when a request was not acknowledged. Whether it was carried out stays unknown.
    pub fn fail(&self) {
        self.events().push(Event::Failed);
    }

    /// A point in the order of events.
    pub fn mark(&self) -> usize {
        self.events().len()
    }

    /// What has happened since `mark`.
    pub fn since(&self, mark: usize) -> Counts {
        let mut counts = Counts::default();
        for event in &self.events()[mark..] {
            match event {
                Event::Asked(..) => {}
                Event::Told(..) => counts.told += 1,
                Event::Failed => counts.failed += 1,
            }
        }
        counts
    }

    /// What must be found where all that was told before mark `told` is certain, and what may be
    /// there where nothing was asked after mark `asked`.
    pub fn expected(&self, told: usize, asked: usize) -> Expected<T> {
        let mut expected = Expected::default();
        for (index, event) in self.events()[..asked].iter().enumerate() {
            match event {
                Event::Asked(op, what) => expected.asked(*op, what),
                Event::Told(op, what) => expected.told(*op, what, index < told),
                Event::Failed => {}
            }
        }
        expected
    }
}

/// The content that request `op` sends: always the same, unlike any other, now and then long.
pub fn text(op: OpId) -> String {
    const ALPHABET: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
        'w', 'x', 'y', 'z', ' ', 'å', '"', '\\', '\n', '<',
    ];
    let OpId { sender, number } = op;
    let mut rng = SplitMix64::new(u64::from(sender) << 32 | u64::from(number));
    let len = match rng.below(6) {
        0 => rng.below(9_000),
        _ => rng.below(400),
    };
    let mut text = format!("{sender}.{number} ");
    let mut bits = 0;
    for index in 0..len {
        if index % 12 == 0 {
            bits = rng.next_u64();
        }
        text.push(ALPHABET[(bits % 32) as usize]);
        bits /= 32;
    }
    text
}

/// The request that a content is of, if it is its content to the last character.
fn origin(content: &str) -> Option<OpId> {
    let (sender, number) = content.split_once(' ')?.0.split_once('.')?;
    let op = OpId {
        sender: sender.parse().ok()?,
        number: number.parse().ok()?,
    };
    (text(op) == content).then_some(op)
}

/// What must and what may be found.
#[derive(Debug)]
pub struct Expected<T> {
    threads: HashMap<T, WantedThread>,
    messages: HashMap<OpId, WantedMessage<T>>,
    /// The message and its version that a request's content belongs to.
    versions: HashMap<OpId, (OpId, usize)>,
    /// The request that asks for each thread's deletion.
    deletions: HashMap<OpId, T>,
}

impl<T> Default for Expected<T> {
    fn default() -> Self {
        Self {
            threads: HashMap::new(),
            messages: HashMap::new(),
            versions: HashMap::new(),
            deletions: HashMap::new(),
        }
    }
}

#[derive(Debug)]
struct WantedThread {
    /// The request that created it.
    by: OpId,
    required: bool,
    deletion: Deletion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletion {
    Unasked,
    Asked,
    Certain,
}

#[derive(Debug)]
struct WantedMessage<T> {
    thread: T,
    /// Once it is known.
    stamp: Option<i64>,
    required: bool,
    /// What its content may be: the first and those of its edits. `None`: deleted.
    versions: Vec<(OpId, Option<OpId>)>,
    /// The oldest version that it may be found in.
    least: usize,
}

/// A message as found.
#[derive(Clone, Debug)]
pub struct FoundMessage {
    /// Its stamp.
    pub stamp: i64,
    /// Its number among the thread's messages.
    pub seq: i64,
    /// What it holds.
    pub content: Found,
}

/// What a message was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A content that somebody sent.
    Text(String),
    /// Nothing any more.
    Deleted,
    /// Something of the server's own.
    System,
}

/// What is amiss.
#[derive(Debug, Default)]
pub struct Findings {
    /// Acknowledged and not found.
    pub lost: Vec<String>,
    /// Found and against the rules: twice, out of order, half, or asked for by nobody.
    pub wrong: Vec<String>,
    /// Messages of senders that were found.
    pub messages: usize,
    /// How many of the messages found had been acknowledged.
    pub acknowledged: usize,
}

impl Findings {
    /// Whether all is as it must be.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }
}

impl<T: Clone + Eq + Hash + Debug> Expected<T> {
    fn asked(&mut self, op: OpId, what: &Op<T>) {
        match what {
            Op::CreateThread => {}
            Op::DeleteThread(thread) => {
                self.deletions.insert(op, thread.clone());
                if let Some(wanted) = self.threads.get_mut(thread) {
                    wanted.deletion = Deletion::Asked;
                }
            }
            Op::Send(thread) => {
                let message = WantedMessage {
                    thread: thread.clone(),
                    stamp: None,
                    required: false,
                    versions: vec![(op, Some(op))],
                    least: 0,
                };
                self.messages.insert(op, message);
                self.versions.insert(op, (op, 0));
            }
            Op::Edit(message) | Op::Delete(message) => {
                let wanted = self.messages.get_mut(message).expect("a message that was sent");
                let content = matches!(what, Op::Edit(_)).then_some(op);
                self.versions.insert(op, (*message, wanted.versions.len()));
                wanted.versions.push((op, content));
            }
        }
    }

    fn told(&mut self, op: OpId, told: &Told<T>, certain: bool) {
        match told {
            Told::Thread(thread) => {
                let wanted = WantedThread {
                    by: op,
                    required: certain,
                    deletion: Deletion::Unasked,
                };
                self.threads.insert(thread.clone(), wanted);
            }
            Told::Sent(stamp) => {
                let wanted = self.messages.get_mut(&op).expect("a message that was sent");
                wanted.stamp = Some(*stamp);
                wanted.required = certain;
            }
            Told::Done if !certain => {}
            Told::Done => {
                if let Some((message, version)) = self.versions.get(&op) {
                    let wanted = self.messages.get_mut(message).expect("a message that was sent");
                    wanted.least = *version;
                } else if let Some(thread) = self.deletions.get(&op) {
                    let wanted = self.threads.get_mut(thread).expect("a thread that was created");
                    wanted.deletion = Deletion::Certain;
                }
            }
        }
    }

    /// The threads to look for, each with the request that created it.
    pub fn threads(&self) -> impl Iterator<Item = (&T, OpId)> {
        self.threads.iter().map(|(thread, wanted)| (thread, wanted.by))
    }

    /// Acknowledged messages that must be found, those of threads that may be gone included.
    pub fn required(&self) -> usize {
        self.messages.values().filter(|message| message.required).count()
    }

    /// Holds what was found against what was expected. `found` tells of each of
    /// [`threads`](Self::threads) its messages in order of their stamps, or that it is not there.
    pub fn check(&self, found: &HashMap<T, Option<Vec<FoundMessage>>>) -> Findings {
        let mut findings = Findings::default();
        let mut seen: HashSet<OpId> = HashSet::new();
        let stamps: HashMap<(&T, i64), OpId> = self
            .messages
            .iter()
            .filter_map(|(op, message)| Some(((&message.thread, message.stamp?), *op)))
            .collect();
        for (thread, wanted) in &self.threads {
            match found.get(thread).and_then(Option::as_ref) {
                None if wanted.required && wanted.deletion == Deletion::Unasked => {
                    findings.lost.push(format!("thread {thread:?}"));
                }
                None => {}
                Some(_) if wanted.deletion == Deletion::Certain => {
                    findings.lost.push(format!("the deletion of thread {thread:?}"));
                }
                Some(messages) => self.check_thread(thread, messages, &stamps, &mut seen, &mut findings),
            }
        }
        for (op, message) in self.messages.iter().filter(|(op, _)| !seen.contains(op)) {
            let thread = &message.thread;
            let there = found.get(thread).is_some_and(Option::is_some);
            let due = self.threads.get(thread).is_none_or(|wanted| match wanted.deletion {
                Deletion::Unasked => true,
                Deletion::Asked => there,
                Deletion::Certain => false,
            });
            if message.required && due {
                let at = message.stamp.unwrap_or_default();
                findings
                    .lost
                    .push(format!("message {op:?} of thread {thread:?}, stamp {at}"));
            }
        }
        findings
    }

    fn check_thread(
        &self,
        thread: &T,
        messages: &[FoundMessage],
        stamps: &HashMap<(&T, i64), OpId>,
        seen: &mut HashSet<OpId>,
        findings: &mut Findings,
    ) {
        let mut last_stamp = i64::MIN;
        let mut last_number: HashMap<u32, u32> = HashMap::new();
        for (index, message) in messages.iter().enumerate() {
            let here = format!("thread {thread:?}, stamp {}", message.stamp);
            findings.messages += usize::from(message.content != Found::System);
            if message.stamp <= last_stamp {
                findings.wrong.push(format!("{here} follows {last_stamp}"));
            }
            last_stamp = message.stamp;
            if message.seq != index as i64 + 1 {
                let due = index + 1;
                findings
                    .wrong
                    .push(format!("{here} is number {}, not {due}", message.seq));
            }
            let known = match &message.content {
                Found::System => continue,
                Found::Text(content) => origin(content).and_then(|op| self.versions.get(&op).copied()),
                Found::Deleted => stamps.get(&(thread, message.stamp)).and_then(|op| {
                    let versions = &self.messages[op].versions;
                    let deleted = versions.iter().position(|(_, content)| content.is_none())?;
                    Some((*op, deleted))
                }),
            };
            let Some((op, version)) = known else {
                let shown = format!("{:.60?}", message.content);
                findings
                    .wrong
                    .push(format!("{here} holds what nobody asked for: {shown}"));
                continue;
            };
            let wanted = &self.messages[&op];
            findings.acknowledged += usize::from(wanted.required);
            if !seen.insert(op) {
                findings.wrong.push(format!("{here} is {op:?} once more"));
            }
            if wanted.thread != *thread || wanted.stamp.is_some_and(|stamp| stamp != message.stamp) {
                findings
                    .wrong
                    .push(format!("{here} is {op:?}, told to be elsewhere: {wanted:?}"));
            }
            if version < wanted.least {
                let (by, _) = wanted.versions[wanted.least];
                findings.lost.push(format!("change {by:?} of message {op:?}, {here}"));
            }
            let before = last_number.insert(op.sender, op.number);
            if before.is_some_and(|before| before >= op.number) {
                findings.wrong.push(format!("{here}: {op:?} follows {before:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn op(number: u32) -> OpId {
        OpId { sender: 1, number }
    }

    fn message(stamp: i64, seq: i64, of: u32) -> FoundMessage {
        FoundMessage {
            stamp,
            seq,
            content: Found::Text(text(op(of))),
        }
    }

    /// A thread with three messages; the last is asked for alone.
    fn ledger() -> Ledger<u8> {
        let ledger = Ledger::default();
        ledger.ask(op(1), Op::CreateThread);
        ledger.tell(op(1), Told::Thread(7));
        for number in 2..=3 {
            ledger.ask(op(number), Op::Send(7));
            ledger.tell(op(number), Told::Sent(i64::from(number) * 10));
        }
        ledger.ask(op(4), Op::Send(7));
        ledger
    }

    fn check(ledger: &Ledger<u8>, messages: &[FoundMessage]) -> Findings {
        let mark = ledger.mark();
        let found = HashMap::from([(7, Some(messages.to_vec()))]);
        ledger.expected(mark, mark).check(&found)
    }

    #[test]
    fn what_was_told_must_be_there_and_what_was_asked_may() {
        let ledger = ledger();
        let (two, three, four) = (message(20, 1, 2), message(30, 2, 3), message(40, 3, 4));
        assert!(check(&ledger, &[two.clone(), three.clone()]).is_clean());
        let all = check(&ledger, &[two.clone(), three.clone(), four]);
        assert!(all.is_clean() && all.messages == 3 && all.acknowledged == 2, "{all:?}");

        let short = check(&ledger, &[two]);
        assert!(short.lost.len() == 1 && short.wrong.is_empty(), "{short:?}");
        let gone = ledger.expected(ledger.mark(), ledger.mark()).check(&HashMap::new());
        assert_eq!(gone.lost.len(), 3, "the thread and its messages: {gone:?}");
        // The last acknowledgement came after the cut.
        let early = ledger.expected(ledger.mark() - 2, ledger.mark());
        let found = HashMap::from([(7, Some(vec![message(20, 1, 2)]))]);
        assert!(early.check(&found).is_clean());
    }

    #[test]
    fn what_is_against_the_rules_is_seen() {
        let ledger = ledger();
        let (two, three) = (message(20, 1, 2), message(30, 2, 3));
        let garbled = FoundMessage {
            content: Found::Text(text(op(4)) + "!"),
            ..message(40, 3, 4)
        };
        let wrongs = [
            vec![two.clone(), three.clone(), message(40, 3, 3)],
            vec![two.clone(), three.clone(), garbled],
            vec![two.clone(), three.clone(), message(40, 4, 4)],
            vec![two.clone(), three.clone(), message(30, 3, 4)],
            vec![two.clone(), message(31, 2, 3)],
            vec![message(10, 1, 4), message(20, 2, 2), message(30, 3, 3)],
            vec![two.clone(), three.clone(), message(40, 3, 5)],
        ];
        for wrong in wrongs {
            let findings = check(&ledger, &wrong);
            assert!(!findings.wrong.is_empty(), "{wrong:?}");
        }
    }

    #[test]
    fn changes_hold_once_told() {
        let ledger = ledger();
        ledger.ask(op(5), Op::Edit(op(2)));
        ledger.tell(op(5), Told::Done);
        ledger.ask(op(6), Op::Delete(op(3)));
        let (old, new, three) = (message(20, 1, 2), message(20, 1, 5), message(30, 2, 3));
        let deleted = FoundMessage {
            content: Found::Deleted,
            ..three.clone()
        };
        assert!(check(&ledger, &[new.clone(), three.clone()]).is_clean());
        assert!(check(&ledger, &[new.clone(), deleted.clone()]).is_clean());
        assert_eq!(check(&ledger, &[old, three.clone()]).lost.len(), 1);
        ledger.tell(op(6), Told::Done);
        assert!(check(&ledger, &[new.clone(), deleted]).is_clean());
        assert_eq!(check(&ledger, &[new.clone(), three.clone()]).lost.len(), 1);

        ledger.ask(op(7), Op::DeleteThread(7));
        assert!(ledger.expected(0, ledger.mark()).check(&HashMap::new()).is_clean());
        ledger.tell(op(7), Told::Done);
        assert_eq!(check(&ledger, &[new, three]).lost.len(), 1);
    }
}
