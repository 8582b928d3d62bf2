//! Sends what this node publishes, in the order in which it was published.

use std::sync::Arc;

use bytes::Bytes;
use samband_core::{Note, UserId};
use tokio::sync::{mpsc, oneshot};

use super::Common;
use crate::codec::{self, Content, Moved};
use crate::interest::{Filter, Kind};

pub(crate) struct Queued {
    /// The connection it was queued for. What waited longer than that is not sent: it would be old news,
    /// and the store has it.
    pub epoch: u64,
    pub what: What,
}

pub(crate) enum What {
    Note(Arc<Note>, Box<[UserId]>),
    Moved(Arc<Moved>),
    /// Told once all before it has gone out.
    Finish(oneshot::Sender<()>),
}

pub(crate) async fn run(common: Arc<Common>, mut queue: mpsc::Receiver<Queued>) {
    let mut counter = 0;
    let mut changes = common.link.changes();
    while let Some(Queued { epoch, what }) = queue.recv().await {
        let (content, thread, resource, users) = match what {
            What::Finish(done) => {
                let _ = common.client.flush().await;
                let _ = done.send(());
                continue;
            }
            What::Note(note, users) => {
                let thread = Filter::One(note.resource, Kind::Thread, note.stream.0);
                let resource = note.resource;
                (Content::Note(note), Some(thread), resource, users)
            }
            What::Moved(moved) => {
                let (resource, user) = (moved.resource, moved.user);
                (Content::Moved(moved), None, resource, Box::from([user]))
            }
        };
        if common.link.epoch() != Some(epoch) {
            common.dropped();
            continue;
        }
        counter += 1;
        let payload = Bytes::from(codec::encode(&common.node, counter, &content));
        let users = users
            .iter()
            .map(|user| Filter::One(resource, Kind::User, *user.as_bytes()));
        common.link.note_sent();
        for filter in thread.into_iter().chain(users) {
            let sent = tokio::select! {
                biased;
                sent = common.client.publish(filter.subject(), payload.clone()) => sent.is_ok(),
                () = changes.is_over(epoch) => false,
            };
            if !sent {
                common.dropped();
                break;
            }
            common.meter.published.increment(1);
        }
    }
}
