//! Requests and their replies. The client's own table of them would keep for ever what is never
//! answered; this one forgets with the caller.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_nats::{StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::oneshot;

use crate::lock;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The server says that nobody listens there.
    Nobody,
    Payload(Bytes),
}

pub(crate) struct Calls {
    /// Of the subject for replies, up to the number.
    prefix: String,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
}

impl Calls {
    pub fn new(node: &str) -> Self {
        Self {
            prefix: format!("samband.reply.{node}."),
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
        }
    }

    /// What to subscribe to.
    pub fn subject(&self) -> String {
        format!("{}*", self.prefix)
    }

    pub fn open(self: &Arc<Self>) -> Call {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        lock(&self.waiting).insert(number, sender);
        Call {
            calls: self.clone(),
            number,
            reply,
        }
    }

    pub async fn run(self: Arc<Self>, mut replies: Subscriber) {
        while let Some(message) = replies.next().await {
            let number = message.subject.strip_prefix(self.prefix.as_str());
            let Some(number) = number.and_then(|number| number.parse().ok()) else {
                continue;
            };
            let Some(waiting) = lock(&self.waiting).remove(&number) else {
                continue;
            };
            let reply = match message.status {
                Some(StatusCode::NO_RESPONDERS) => Reply::Nobody,
                _ => Reply::Payload(message.payload),
            };
            let _ = waiting.send(reply);
        }
    }
}

/// One that waits for its reply; dropped, it is forgotten.
pub(crate) struct Call {
    calls: Arc<Calls>,
    number: u64,
    reply: oneshot::Receiver<Reply>,
}

impl Call {
    pub fn reply_to(&self) -> String {
        format!("{}{}", self.calls.prefix, self.number)
    }

    pub async fn reply(&mut self) -> Option<Reply> {
        (&mut self.reply).await.ok()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        lock(&self.calls.waiting).remove(&self.number);
    }
}
