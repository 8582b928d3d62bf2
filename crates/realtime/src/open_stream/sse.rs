//! The stream as Server-Sent Events (WHATWG HTML §9.2).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Either;
use samband_wire_realtime::open::{ClosingReason, CloudEvent, Control, GapReason, Reader};

use tokio::sync::mpsc;

use super::feed::{Feed, Out, Trouble};
use super::socket::Warning;
use crate::chunks::Chunks;
use crate::leash::{Leash, Pull};
use crate::service::Answer;
use crate::shared::{Shared, WRITE_PATIENCE};

/// While nothing happens a line goes out now and then: proxies close what is silent, and a reader
/// that is gone is found out.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a reader waits before it connects again.
const RETRY_MS: u32 = 1_000;

#[derive(Default)]
struct Lines(String);

impl Out for Lines {
    fn put(&mut self, event: &CloudEvent, raw_id: &str, position: Option<&str>) {
        if let Some(position) = position.or(event.position()) {
            self.0.push_str("id: ");
            self.0.push_str(position);
            self.0.push('\n');
        }
        self.0.push_str("data: ");
        let position = position.unwrap_or_default();
        event.write(Reader { raw_id, position }, &mut self.0);
        self.0.push_str("\n\n");
    }
}

impl Lines {
    fn put_control(&mut self, json: &str) {
        self.0.push_str("data: ");
        self.0.push_str(json);
        self.0.push_str("\n\n");
    }

    /// Only where the reader is: it has passed what its filter leaves out.
    fn put_position(&mut self, feed: &Feed) {
        self.0.push_str("id: ");
        self.0.push_str(&feed.position().encode());
        self.0.push_str("\n\n");
    }

    fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.0))
    }
}

pub fn start(shared: &Arc<Shared>, feed: Feed, leash: Leash) -> Answer {
    let (sender, chunks) = Chunks::new();
    let mut answer = Response::new(Either::Right(chunks));
    let headers = answer.headers_mut();
    let mut put = |name, value| headers.insert(name, HeaderValue::from_static(value));
    put(header::CONTENT_TYPE, "text/event-stream");
    put(header::CACHE_CONTROL, "no-store");
    // A proxy that gathers bytes would keep events back.
    put(header::HeaderName::from_static("x-accel-buffering"), "no");
    shared.tasks.spawn(run(shared.clone(), feed, leash, sender));
    answer
}

async fn run(shared: Arc<Shared>, mut feed: Feed, mut leash: Leash, sender: mpsc::Sender<Bytes>) {
    let mut lines = Lines(format!("retry: {RETRY_MS}\n"));
    lines.put_position(&feed);
    if !send(&sender, &mut lines, &mut leash).await {
        return;
    }
    let mut controls = 0;
    let mut control = |lines: &mut Lines, feed: &Feed, control: Control<'_>| {
        controls += 1;
        lines.put_control(&control.event(controls, &feed.origin.source, shared.clock.now()));
    };
    let mut warning = Warning::new(&shared, leash.right());
    loop {
        tokio::select! {
            biased;
            pull = leash.pulled() => {
                control(&mut lines, &feed, Control::Closing { reason: closing(pull) });
                break;
            }
            () = sender.closed() => return,
            fed = feed.next(&mut lines) => if let Err(trouble) = fed {
                let last = feed.position().encode();
                control(&mut lines, &feed, gap(trouble, &last));
                break;
            },
            expires = warning.due() => control(&mut lines, &feed, Control::TokenExpiring { expires }),
            () = tokio::time::sleep(KEEP_ALIVE) => {
                lines.0.push_str(":\n");
                lines.put_position(&feed);
            }
        }
        if !lines.0.is_empty() && !send(&sender, &mut lines, &mut leash).await {
            return;
        }
    }
    let _ = tokio::time::timeout(WRITE_PATIENCE, sender.send(lines.take())).await;
}

/// False if nobody takes it, or the connection is to end meanwhile.
async fn send(sender: &mpsc::Sender<Bytes>, lines: &mut Lines, leash: &mut Leash) -> bool {
    tokio::select! {
        sent = tokio::time::timeout(WRITE_PATIENCE, sender.send(lines.take())) => matches!(sent, Ok(Ok(()))),
        _ = leash.pulled() => false,
    }
}

pub fn closing(pull: Pull) -> ClosingReason {
    match pull {
        Pull::Expired => ClosingReason::TokenExpired,
        Pull::Revoked => ClosingReason::Revoked,
        Pull::Stopping => ClosingReason::ServerStopping,
    }
}

pub fn gap(trouble: Trouble, last_position: &str) -> Control<'_> {
    Control::Gap {
        reason: match trouble {
            Trouble::Slow => GapReason::SlowConsumer,
            Trouble::Unavailable => GapReason::Unavailable,
        },
        last_position: Some(last_position),
    }
}
