//! The bus carries notes from where something was stored to where somebody is connected. It is a
//! doorbell: the store is the truth, and who missed a note reads it there. Losing the bus delays real
//! time and nothing else, so publishing never waits and never fails.
//!
//! Two engines: in process, for one node; and in process with NATS between several nodes.

mod codec;
mod interest;
mod local;
mod nats;
mod questions;
mod recent;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use samband_core::{Note, ResourceId, UserId};

pub use interest::Topic;
pub use local::Listener;

use codec::Moved;
use local::{Item, Local};
use nats::Nats;
use questions::Questions;

/// Cheap to clone. The connection to the other nodes ends with the last clone.
#[derive(Clone)]
pub struct Bus {
    local: Local,
    questions: Questions,
    nats: Option<Arc<Nats>>,
}

/// What a listener hears next.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Of this node any note at all; of others what this node follows, and now and then what it does not.
    Note(Arc<Note>),
    /// This many notes were not heard, or 0 where nobody knows: read the store.
    Missed(u64),
    /// The newest connection of an endpoint is at another node.
    Moved {
        resource: ResourceId,
        user: UserId,
        endpoint: String,
        connection: String,
    },
}

/// Why a bus cannot be had as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The text names the server without its password.
    #[error("{0}")]
    Url(String),
    #[error("'{0}' is not a node's name: 1 to 32 of a-z and 0-9")]
    Node(String),
    #[error("the connection to NATS cannot be prepared: {0}")]
    Setup(String),
}

/// Why another node gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("there is no such node")]
    NoSuchNode,
    /// Not connected, no answer in time, or the node has too much to answer.
    #[error("the node gave no answer")]
    Unavailable,
}

/// The name of the only node.
const ALONE: &str = "alone";

impl Bus {
    pub fn in_process() -> Self {
        Self {
            local: Local::new(),
            questions: Questions::new(),
            nats: None,
        }
    }

    /// Of several nodes. `urls` are `nats://host:port` or `tls://host:port`, separated by commas, with
    /// `user:password@` or `token@` before the host, the same in all; there, what means something in a
    /// URL is written in percent. With one `tls://` all have TLS; who is trusted is the system's to say
    /// (and `SSL_CERT_FILE`'s). `node` names this process among the others: unique, of a-z and 0-9.
    ///
    /// Waits a second at most for the first connection. If there is none by then, it is sought in the
    /// background, and [`Bus::health`] says so.
    pub async fn nats(urls: &str, node: &str) -> Result<Self, BusError> {
        let (local, questions) = (Local::new(), Questions::new());
        let nats = Nats::connect(urls, node, local.clone(), questions.clone()).await?;
        Ok(Self {
            local,
            questions,
            nats: Some(Arc::new(nats)),
        })
    }

    /// Never waits, and never fails: listeners here hear the note at once; other nodes if they follow
    /// its thread, or one of the users it `concerns`: those whose membership it changes, who may be
    /// connected to nodes that do not follow the thread yet.
    pub fn publish(&self, note: Note, concerns: &[UserId]) {
        let note = Arc::new(note);
        if let Some(nats) = &self.nats {
            nats.publish(note.clone(), concerns);
        }
        self.local.tell(Item::Note(note));
    }

    /// Hears from now on everything published here, and what of other nodes reaches this one.
    pub fn listen(&self) -> Listener {
        self.local.listen()
    }

    /// What this node wants to hear of others. Counted: what is followed twice is followed until it is
    /// unfollowed twice. Never waits; [`Bus::settled`] tells when it is in force.
    pub fn follow(&self, topic: Topic) {
        if let Some(nats) = &self.nats {
            nats.interests.follow(topic);
        }
    }

    pub fn unfollow(&self, topic: Topic) {
        if let Some(nats) = &self.nats {
            nats.interests.unfollow(topic);
        }
    }

    /// True once all that was followed before this call is in force at the server: what other nodes
    /// publish from then on is heard. False if the bus is not connected. Waits 2 s at most.
    ///
    /// In force at the server that this node is connected to: the servers of a NATS cluster tell each
    /// other in their own time, within milliseconds. A server that carries messages and answers nothing
    /// for 2 s (somebody else subscribes to everything, `>`) is believed.
    pub async fn settled(&self) -> bool {
        match &self.nats {
            None => true,
            Some(nats) => nats.settled().await,
        }
    }

    /// Tells the other nodes that follow the user that the newest connection of its endpoint is here.
    pub fn moved(&self, resource: ResourceId, user: UserId, endpoint: &str, connection: &str) {
        if let Some(nats) = &self.nats {
            nats.moved(Moved {
                resource,
                user,
                endpoint: endpoint.to_owned(),
                connection: connection.to_owned(),
            });
        }
    }

    /// Asks another node, and waits for its answer for as long as `patience`.
    pub async fn ask(&self, node: &str, question: Vec<u8>, patience: Duration) -> Result<Vec<u8>, AskError> {
        if node == self.node() {
            let answer = self.questions.answer(question).ok_or(AskError::Unavailable)?;
            let answer = tokio::time::timeout(patience, answer).await;
            return answer.map_err(|_| AskError::Unavailable);
        }
        match &self.nats {
            None => Err(AskError::NoSuchNode),
            Some(nats) => nats.ask(node, question, patience).await,
        }
    }

    /// How this node answers; each question has its own task, and 4,096 are under way at most. Whoever
    /// asks before this is called is told that the node gives no answer.
    pub fn answer_with(&self, f: impl Fn(Vec<u8>) -> BoxFuture<'static, Vec<u8>> + Send + Sync + 'static) {
        self.questions.answer_with(Arc::new(f));
    }

    /// What is wrong, if something is.
    pub fn health(&self) -> Result<(), String> {
        match &self.nats {
            None => Ok(()),
            Some(nats) => nats.health(),
        }
    }

    /// Whether there may be other nodes.
    pub fn is_shared(&self) -> bool {
        self.nats.is_some()
    }

    pub fn node(&self) -> &str {
        match &self.nats {
            None => ALONE,
            Some(nats) => nats.node(),
        }
    }

    /// Sends what is queued and leaves the others; waits 2 s at most. Listeners here go on hearing
    /// what is published here.
    pub async fn close(&self) {
        if let Some(nats) = &self.nats {
            nats.close().await;
        }
    }
}

/// For the fuzzer.
pub mod fuzzing {
    use crate::codec;

    /// Panics if what is read would not be written the same.
    pub fn any_message(bytes: &[u8]) {
        if let Ok(message) = codec::decode(bytes) {
            let again = codec::encode(&message.node, message.counter, &message.content);
            assert_eq!(again, bytes, "a message has one form");
        }
    }
}

/// What is behind a lock here is whole after each step, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use samband_core::note::Kind;
    use samband_core::{LogPosition, Millis, Stamp, StreamId};

    use super::*;

    pub(crate) fn note(stamp: i64) -> Note {
        Note {
            resource: ResourceId::from_bytes([1; 16]),
            stream: StreamId([2; 16]),
            position: LogPosition(stamp),
            stamp: Stamp(stamp),
            prev: Stamp(stamp - 1),
            at: Millis(stamp),
            kind: Kind(1),
            actor: None,
            about: None,
            seq: None,
            body: Arc::from([]),
        }
    }

    #[tokio::test]
    async fn in_process_everything_is_heard_and_nothing_to_wait_for() {
        let bus = Bus::in_process();
        let mut listener = bus.listen();
        bus.follow(Topic::Resource(ResourceId::from_bytes([9; 16])));
        assert!(bus.settled().await && bus.health().is_ok() && !bus.is_shared());
        bus.moved(ResourceId::from_bytes([1; 16]), UserId::from_bytes([1; 16]), "e", "c");
        bus.publish(note(1), &[]);
        let heard = listener.next().await;
        assert!(
            matches!(&heard, Some(Heard::Note(heard)) if **heard == note(1)),
            "{heard:?}"
        );
        let asked = bus.ask("other", vec![], Duration::from_secs(1)).await;
        assert_eq!(asked, Err(AskError::NoSuchNode));
        let asked = bus.ask(bus.node(), vec![], Duration::from_secs(1)).await;
        assert_eq!(asked, Err(AskError::Unavailable));
        bus.answer_with(|question| Box::pin(async move { [question, vec![7]].concat() }));
        let asked = bus.ask(bus.node(), vec![1], Duration::from_secs(1)).await;
        assert_eq!(asked, Ok(vec![1, 7]));
        bus.close().await;
        drop(bus);
        assert!(listener.next().await.is_none());
    }
}
