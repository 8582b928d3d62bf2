//! A Socket.IO session over long polling, for where WebSockets do not pass.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use samband_wire_core::ApiError;
use samband_wire_realtime::allocate::TTL_SECONDS;
use samband_wire_realtime::polling;
use samband_wire_realtime::query::Query;
use samband_wire_realtime::socketio::{self, Kind, Packet};
use tokio::sync::{Notify, mpsc};

use super::{Allocated, MOVING, Signalling};
use crate::event::Event;
use crate::leash::{Leash, Pull, Right};
use crate::session::{Protocol, Session};
use crate::shared::SILENCE;

/// Packets that wait for the next poll, at most. Who does not poll is let go.
const WAITING: usize = 1_024;

pub struct Poll {
    packets: Mutex<VecDeque<String>>,
    arrived: Notify,
    /// The newest request is answered; an older one is released.
    requests: AtomicU64,
    /// The client says that it goes.
    ended: Notify,
    /// Nothing more comes.
    over: AtomicBool,
}

impl Poll {
    fn packets(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False if too much waits already.
    fn push(&self, packet: String) -> bool {
        let mut packets = self.packets();
        if packets.len() >= WAITING {
            return false;
        }
        packets.push_back(packet);
        drop(packets);
        self.arrived.notify_waiters();
        true
    }
}

impl Signalling {
    /// Answers with what has happened, at once or when it happens: of a session of this node.
    pub(super) async fn poll_here(self: &Arc<Self>, sid: &str, query: &str) -> Result<String, ApiError> {
        let allocated = self.session(sid, query).await?;
        let existing = self.polls.get(sid).map(|poll| poll.clone());
        let poll = match existing {
            Some(poll) => poll,
            None => return self.open(sid, query, allocated).await,
        };
        let request = poll.requests.fetch_add(1, Ordering::AcqRel) + 1;
        // Releases an older request that still waits.
        poll.arrived.notify_waiters();
        let hold = tokio::time::sleep(Duration::from_secs(Query::parse(query).hold_seconds()));
        tokio::pin!(hold);
        loop {
            let arrived = poll.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if poll.requests.load(Ordering::Acquire) != request {
                return Ok(socketio::NOOP.to_owned());
            }
            let packets: Vec<_> = poll.packets().drain(..).collect();
            if !packets.is_empty() {
                return Ok(polling::encode(&packets));
            }
            if poll.over.load(Ordering::Acquire) {
                return Err(ApiError::unavailable());
            }
            tokio::select! {
                () = arrived => {}
                // An empty body would not feed the client's heartbeat.
                () = &mut hold => return Ok(socketio::NOOP.to_owned()),
            }
        }
    }

    /// The first poll: connected.
    async fn open(self: &Arc<Self>, sid: &str, query: &str, allocated: Allocated) -> Result<String, ApiError> {
        let epid = self.epid(&allocated, query);
        let (session, events) = self.new_session(&allocated, &epid, Protocol::SignallingPolling);
        if !self.shared.hub.join(&session).await {
            return Err(ApiError::unavailable());
        }
        self.take_over(&allocated, &epid, &session);
        let poll = Arc::new(Poll {
            packets: Mutex::default(),
            arrived: Notify::new(),
            requests: AtomicU64::new(0),
            ended: Notify::new(),
            over: AtomicBool::new(false),
        });
        self.polls.insert(sid.to_owned(), poll.clone());
        let leash = Leash::new(&self.shared, Right::Token(allocated.token.clone()), &session);
        let (signalling, sid) = (self.clone(), sid.to_owned());
        self.shared.tasks.spawn(async move {
            pump(&poll, &allocated, leash, &session, events).await;
            signalling.polls.remove(&sid);
            poll.over.store(true, Ordering::Release);
            poll.arrived.notify_waiters();
            signalling.let_go(&allocated, &epid, &session);
        });
        Ok(polling::encode(&[
            socketio::CONNECT.to_owned(),
            socketio::connected(TTL_SECONDS),
        ]))
    }

    /// Takes what the client posts: replies, events to acknowledge, the end.
    pub(super) fn posted_here(&self, sid: &str, query: &str, body: &str) -> Result<(), ApiError> {
        let now = self.shared.clock.now();
        let session = self
            .signer
            .verify_session(sid, now)
            .map_err(|fault| super::refused(&fault))?;
        let grant = self
            .signer
            .verify(&Query::parse(query), now)
            .map_err(|fault| super::refused(&fault))?;
        if session.connection != grant.connection {
            return Err(super::refused(&samband_wire_realtime::sign::Fault::Mismatch));
        }
        let missing = || ApiError::not_found("There is no such polling session.");
        let poll = self.polls.get(sid).map(|poll| poll.clone()).ok_or_else(missing)?;
        let malformed = |reason: String| ApiError::bad_request(reason);
        for text in polling::decode(body).map_err(|error| malformed(error.to_string()))? {
            let packet = Packet::parse(text).map_err(|error| malformed(error.to_string()))?;
            if packet.kind == Kind::Disconnect {
                poll.ended.notify_one();
            } else if let Some(answer) = packet.acknowledgement() {
                poll.push(answer);
            }
        }
        Ok(())
    }
}

/// Carries events into the poll until the client ends or is gone.
async fn pump(
    poll: &Poll,
    allocated: &Allocated,
    mut leash: Leash,
    session: &Session,
    mut events: mpsc::Receiver<Arc<Event>>,
) {
    let mut frame_id = 0;
    let mut seen = 0;
    let silence = tokio::time::sleep(SILENCE);
    tokio::pin!(silence);
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return };
                if session.has_overflowed() {
                    return;
                }
                frame_id += 1;
                let delivery = event.signalling().for_recipient(allocated.grant.user);
                if !poll.push(delivery.frame(frame_id, allocated.grant.connection)) {
                    return;
                }
            }
            () = poll.ended.notified() => return,
            pull = leash.pulled() => {
                if pull == Pull::Stopping {
                    poll.push(socketio::reconnect());
                    tokio::time::sleep(MOVING).await;
                }
                return;
            }
            () = &mut silence => {
                let requests = poll.requests.load(Ordering::Acquire);
                if requests == seen {
                    return;
                }
                seen = requests;
                silence.set(tokio::time::sleep(SILENCE));
            }
        }
    }
}
