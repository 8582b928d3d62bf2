//! The engine of one node: what every listener of this process hears, wherever it was published.

use std::sync::Arc;

use samband_core::Note;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::Heard;
use crate::codec::Moved;

/// What waits for a listener, at most. Who falls further behind is told so.
const CAPACITY: usize = 65_536;

/// As small as can be: the channel sets its room aside when it is made.
#[derive(Clone)]
pub(crate) enum Item {
    Note(Arc<Note>),
    Moved(Arc<Moved>),
    Missed(u64),
}

#[derive(Clone)]
pub(crate) struct Local(broadcast::Sender<Item>);

pub struct Listener(broadcast::Receiver<Item>);

impl Local {
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Never waits, and never fails because nobody listens.
    pub fn tell(&self, item: Item) {
        let _ = self.0.send(item);
    }

    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

impl Listener {
    /// `None` once the bus is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(Item::Note(note)) => Some(Heard::Note(note)),
            Ok(Item::Moved(moved)) => {
                let moved = Arc::unwrap_or_clone(moved);
                Some(Heard::Moved {
                    resource: moved.resource,
                    user: moved.user,
                    endpoint: moved.endpoint,
                    connection: moved.connection,
                })
            }
            Ok(Item::Missed(missed)) | Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
