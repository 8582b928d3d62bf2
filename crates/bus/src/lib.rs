//! The bus carries notes from where something was stored to where somebody is connected. It is a
//! doorbell: the store is the truth, and who missed a note reads it there.
//!
//! The in-process engine serves one node.

use std::sync::Arc;

use samband_core::Note;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Notes that wait for a listener, at most. Who falls further behind is told so.
const CAPACITY: usize = 65_536;

#[derive(Clone)]
pub struct Bus(broadcast::Sender<Arc<Note>>);

/// What a listener hears next.
#[derive(Debug, Clone)]
pub enum Heard {
    Note(Arc<Note>),
    /// This many notes were not heard: read the store.
    Missed(u64),
}

pub struct Listener(broadcast::Receiver<Arc<Note>>);

impl Bus {
    pub fn in_process() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Never waits, and never fails because nobody listens.
    pub fn publish(&self, note: Note) {
        let _ = self.0.send(Arc::new(note));
    }

    /// Hears everything published from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

impl Listener {
    /// `None` once the bus is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(note) => Some(Heard::Note(note)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
