//! A note says that a stream has a new entry. It is how what was stored becomes heard: the store
//! publishes it after the flush and before the acknowledgement.

use std::sync::Arc;

use crate::ids::{LogPosition, ResourceId, Stamp, StreamId};
use crate::time::Millis;

/// What an entry records; each capability names its own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub resource: ResourceId,
    pub stream: StreamId,
    /// Where it stands in the log; 0 for what is not stored: typing.
    pub position: LogPosition,
    /// 0 for what is heard and not ordered: typing, read receipts.
    pub stamp: Stamp,
    /// The stream's stamp before: who last heard `prev` has missed nothing.
    pub prev: Stamp,
    pub at: Millis,
    pub kind: Kind,
    /// The user who caused it, as the capability writes users.
    pub actor: Option<Arc<[u8]>>,
    pub about: Option<Stamp>,
    pub seq: Option<i64>,
    /// In a form that the capability documents.
    pub body: Arc<[u8]>,
}

/// Takes the notes of a committed group, in order. Called on the store's own thread: it hands on,
/// and does not wait.
pub type Publish = Arc<dyn Fn(Vec<Note>) + Send + Sync>;
