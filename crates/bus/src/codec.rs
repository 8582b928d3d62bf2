//! How a message between nodes is written. All numbers are big-endian, texts and bytes carry their
//! length before them, and every message has exactly one form, so that what is read can be compared
//! with what would be written.
//!
//! `version, kind, publisher's node, counter`, then what the kind says. Nodes of two releases share a
//! bus while a cluster is upgraded: who does not know a version or a kind leaves the message alone.

use std::sync::Arc;

use samband_core::note::Kind;
use samband_core::{LogPosition, Millis, Note, ResourceId, Stamp, StreamId, UserId};

const VERSION: u8 = 1;

const NOTE: u8 = 1;
const MOVED: u8 = 2;
const LAPSE: u8 = 3;

const ACTOR: u8 = 1;
const ABOUT: u8 = 2;
const SEQ: u8 = 4;

/// The longest name of a node.
pub(crate) const NODE_LENGTH: usize = 32;
/// The longest name of an endpoint or a connection.
pub(crate) const NAME_LENGTH: usize = 1024;

/// What one node tells the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub node: Arc<str>,
    /// Rises with each message of the node: a message that comes by two subscriptions is known by it.
    pub counter: u64,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Note(Arc<Note>),
    Moved(Arc<Moved>),
    /// The node has dropped notes that others should have heard. Its counter says nothing.
    Lapse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub resource: ResourceId,
    pub user: UserId,
    pub endpoint: String,
    pub connection: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Of another release: a version or a kind that is not known here.
    Unknown,
    Malformed,
}

/// A node's name is part of subjects, so it has no character that means something there.
pub(crate) fn is_node(name: &str) -> bool {
    (1..=NODE_LENGTH).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The name must be a node's; names of endpoints and connections must be at most [`NAME_LENGTH`] long.
pub(crate) fn encode(node: &str, counter: u64, content: &Content) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    let kind = match content {
        Content::Note(_) => NOTE,
        Content::Moved(_) => MOVED,
        Content::Lapse => LAPSE,
    };
    out.extend([VERSION, kind, node.len() as u8]);
    out.extend(node.as_bytes());
    out.extend(counter.to_be_bytes());
    match content {
        Content::Note(note) => write_note(note, &mut out),
        Content::Moved(moved) => {
            out.extend(moved.resource.as_bytes());
            out.extend(moved.user.as_bytes());
            for name in [&moved.endpoint, &moved.connection] {
                out.extend((name.len() as u16).to_be_bytes());
                out.extend(name.as_bytes());
            }
        }
        Content::Lapse => {}
    }
    out
}

fn write_note(note: &Note, out: &mut Vec<u8>) {
    out.extend(note.resource.as_bytes());
    out.extend(note.stream.0);
    for number in [note.position.0, note.stamp.0, note.prev.0, note.at.0] {
        out.extend(number.to_be_bytes());
    }
    out.push(note.kind.0);
    let flag = |is: bool, bit| if is { bit } else { 0 };
    out.push(flag(note.actor.is_some(), ACTOR) | flag(note.about.is_some(), ABOUT) | flag(note.seq.is_some(), SEQ));
    if let Some(actor) = &note.actor {
        write_bytes(actor, out);
    }
    for number in [note.about.map(|stamp| stamp.0), note.seq].into_iter().flatten() {
        out.extend(number.to_be_bytes());
    }
    write_bytes(&note.body, out);
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // What is longer than 4 GiB is far beyond what a server carries; it is refused there.
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Message, Unreadable> {
    let mut input = Input(bytes);
    if input.byte()? != VERSION {
        return Err(Unreadable::Unknown);
    }
    let kind = input.byte()?;
    let length = input.byte()? as usize;
    let node = input.text(length).filter(|name| is_node(name));
    let node = Arc::from(node.ok_or(Unreadable::Malformed)?);
    let counter = u64::from_be_bytes(input.array()?);
    let content = match kind {
        NOTE => Content::Note(Arc::new(read_note(&mut input)?)),
        MOVED => Content::Moved(Arc::new(read_moved(&mut input)?)),
        LAPSE => Content::Lapse,
        _ => return Err(Unreadable::Unknown),
    };
    if !input.0.is_empty() {
        return Err(Unreadable::Malformed);
    }
    Ok(Message { node, counter, content })
}

fn read_note(input: &mut Input<'_>) -> Result<Note, Unreadable> {
    let resource = ResourceId::from_bytes(input.array()?);
    let stream = StreamId(input.array()?);
    let (position, stamp) = (LogPosition(input.number()?), Stamp(input.number()?));
    let (prev, at) = (Stamp(input.number()?), Millis(input.number()?));
    let kind = Kind(input.byte()?);
    let flags = input.byte()?;
    if flags & !(ACTOR | ABOUT | SEQ) != 0 {
        return Err(Unreadable::Malformed);
    }
    let has = |bit| flags & bit != 0;
    Ok(Note {
        resource,
        stream,
        position,
        stamp,
        prev,
        at,
        kind,
        actor: has(ACTOR).then(|| input.bytes()).transpose()?,
        about: has(ABOUT).then(|| input.number()).transpose()?.map(Stamp),
        seq: has(SEQ).then(|| input.number()).transpose()?,
        body: input.bytes()?,
    })
}

fn read_moved(input: &mut Input<'_>) -> Result<Moved, Unreadable> {
    let resource = ResourceId::from_bytes(input.array()?);
    let user = UserId::from_bytes(input.array()?);
    let mut name = || {
        let length = u16::from_be_bytes(input.array()?) as usize;
        let name = input.text(length).filter(|_| length <= NAME_LENGTH);
        name.map(str::to_owned).ok_or(Unreadable::Malformed)
    };
    Ok(Moved {
        resource,
        user,
        endpoint: name()?,
        connection: name()?,
    })
}

/// What is left to read. Nothing is set aside for more than has come.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Unreadable::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<i64, Unreadable> {
        self.array().map(i64::from_be_bytes)
    }

    fn bytes(&mut self) -> Result<Arc<[u8]>, Unreadable> {
        let length = u32::from_be_bytes(self.array()?) as usize;
        self.take(length).map(Arc::from)
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(length).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Arc<[u8]>> {
        vec(any::<u8>(), 0..600).prop_map(Arc::from)
    }

    prop_compose! {
        fn note()(
            ids in any::<([u8; 16], [u8; 16])>(),
            (position, stamp, prev, at) in any::<(i64, i64, i64, i64)>(),
            kind in any::<u8>(),
            actor in option::of(bytes()),
            about in option::of(any::<i64>()),
            seq in option::of(any::<i64>()),
            body in bytes(),
        ) -> Note {
            Note {
                resource: ResourceId::from_bytes(ids.0),
                stream: StreamId(ids.1),
                position: LogPosition(position),
                stamp: Stamp(stamp),
                prev: Stamp(prev),
                at: Millis(at),
                kind: Kind(kind),
                actor,
                about: about.map(Stamp),
                seq,
                body,
            }
        }
    }

    fn content() -> impl Strategy<Value = Content> {
        let moved = (any::<([u8; 16], [u8; 16])>(), ".{0,80}", ".{0,80}");
        prop_oneof![
            4 => note().prop_map(|note| Content::Note(Arc::new(note))),
            1 => moved.prop_map(|(ids, endpoint, connection)| Content::Moved(Arc::new(Moved {
                resource: ResourceId::from_bytes(ids.0),
                user: UserId::from_bytes(ids.1),
                endpoint,
                connection,
            }))),
            1 => Just(Content::Lapse),
        ]
    }

    proptest! {
        #[test]
        fn every_message_comes_back(node in "[a-z0-9]{1,32}", counter in any::<u64>(), content in content()) {
            let bytes = encode(&node, counter, &content);
            let message = Message { node: node.into(), counter, content };
            prop_assert_eq!(decode(&bytes), Ok(message));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
            crate::fuzzing::any_message(&bytes);
        }

        #[test]
        fn a_message_with_a_fault_is_read_or_refused(
            content in content(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encode("n1", 7, &content);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            crate::fuzzing::any_message(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            crate::fuzzing::any_message(&bytes);
        }

        #[test]
        fn what_is_cut_short_or_goes_on_is_malformed(content in content(), cut in any::<prop::sample::Index>()) {
            let mut bytes = encode("n1", 7, &content);
            let cut = cut.index(bytes.len());
            prop_assert_eq!(decode(&bytes[..cut]), Err(Unreadable::Malformed));
            bytes.push(0);
            prop_assert_eq!(decode(&bytes), Err(Unreadable::Malformed));
        }
    }

    #[test]
    fn another_release_is_left_alone() {
        let mut bytes = encode("n1", 7, &Content::Lapse);
        bytes[1] = 200;
        assert_eq!(decode(&bytes), Err(Unreadable::Unknown));
        bytes[0] = VERSION + 1;
        assert_eq!(decode(&bytes), Err(Unreadable::Unknown));
    }

    #[test]
    fn a_length_beyond_the_message_is_refused() {
        let mut bytes = encode("n1", 7, &Content::Note(Arc::new(crate::tests::note(1))));
        let length = bytes.len() - 4;
        bytes[length..].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(decode(&bytes), Err(Unreadable::Malformed));
    }
}
