//! A Socket.IO session over a WebSocket.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use samband_wire_realtime::allocate::TTL_SECONDS;
use samband_wire_realtime::socketio::{self, CLIENT_PACKET_MOST, Kind, Packet};
use tokio::sync::mpsc;
use tokio::time::{interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{Allocated, MOVING, Signalling};
use crate::event::Event;
use crate::leash::{Leash, Pull, Right, now};
use crate::session::{Protocol, Session};
use crate::shared::{SILENCE, WRITE_PATIENCE};
use crate::upgrade::{self, Socket};

/// Frames written before they are sent on: many events share a system call.
const BATCH: usize = 64;

pub(super) async fn run(signalling: Arc<Signalling>, allocated: Allocated, epid: String, upgrade: OnUpgrade) {
    let Some(mut socket) = upgrade::open(upgrade, CLIENT_PACKET_MOST).await else {
        return;
    };
    let (session, events) = signalling.new_session(&allocated, &epid, Protocol::SignallingWebSocket);
    let opening = async {
        socket.send(Message::text(socketio::CONNECT)).await.is_ok() && signalling.shared.hub.join(&session).await && {
            signalling.take_over(&allocated, &epid, &session);
            let connected = Message::text(socketio::connected(TTL_SECONDS));
            socket.send(connected).await.is_ok()
        }
    };
    if timeout(WRITE_PATIENCE, opening).await.unwrap_or(false) {
        let leash = Leash::new(&signalling.shared, Right::Token(allocated.token.clone()), &session);
        serve(&allocated, leash, &session, &mut socket, events).await;
    }
    signalling.let_go(&allocated, &epid, &session);
    let _ = timeout(WRITE_PATIENCE, socket.close(None)).await;
}

async fn serve(
    allocated: &Allocated,
    mut leash: Leash,
    session: &Session,
    socket: &mut Socket,
    mut events: mpsc::Receiver<Arc<Event>>,
) {
    // Looked at now and then: to set a timer anew for every reply would cost more than the reply.
    let mut silence = interval_at(now() + SILENCE / 3, SILENCE / 3);
    let mut silent = 0;
    // Set once the client was told to move.
    let moved = sleep_until(now() + SILENCE);
    tokio::pin!(moved);
    let mut moving = false;
    let mut frame_id = 0;
    let mut frames = Vec::new();
    loop {
        tokio::select! {
            biased;
            pull = leash.pulled(), if !moving => match pull {
                // The client gets a new token when it connects anew.
                Pull::Expired | Pull::Revoked => return,
                Pull::Stopping => {
                    frames.push(Message::text(socketio::reconnect()));
                    moving = true;
                    moved.as_mut().reset(now() + MOVING);
                }
            },
            () = &mut moved, if moving => return,
            received = socket.next() => {
                silent = 0;
                match received {
                    Some(Ok(Message::Text(text))) => match Packet::parse(&text) {
                        Ok(packet) if packet.kind == Kind::Disconnect => return,
                        Ok(packet) => frames.extend(packet.acknowledgement().map(Message::text)),
                        Err(_) => return,
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => return,
                }
            }
            first = events.recv() => {
                let Some(first) = first else { return };
                if session.has_overflowed() {
                    return;
                }
                // Whatever waits goes with it: one flush for all.
                let mut next = Some(first);
                for _ in 0..BATCH {
                    let Some(event) = next.take().or_else(|| events.try_recv().ok()) else { break };
                    frame_id += 1;
                    let delivery = event.signalling().for_recipient(allocated.grant.user);
                    frames.push(Message::text(delivery.frame(frame_id, allocated.grant.connection)));
                }
            }
            _ = silence.tick() => {
                if silent == 3 {
                    return;
                }
                silent += 1;
            }
        }
        if frames.is_empty() {
            continue;
        }
        let sending = async {
            for frame in frames.drain(..) {
                socket.feed(frame).await?;
            }
            socket.flush().await
        };
        // A peer that never reads holds nobody up, and what was revoked ends at once all the same.
        tokio::select! {
            sent = timeout(WRITE_PATIENCE, sending) => if !matches!(sent, Ok(Ok(()))) {
                return;
            },
            _ = leash.pulled(), if !moving => return,
        }
    }
}
