//! A Socket.IO session over a WebSocket.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use samband_wire_realtime::allocate::TTL_SECONDS;
use samband_wire_realtime::socketio::{self, CLIENT_PACKET_MOST, Kind, Packet};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Allocated, SILENCE, Signalling, told};
use crate::event::Event;
use crate::session::Session;

/// Frames written before they are sent on: many events share a system call.
const BATCH: usize = 64;

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

pub(super) async fn run(signalling: Arc<Signalling>, allocated: Allocated, epid: String, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    // Idle sockets are many: small buffers, which grow where they are used.
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(8 * 1024)
        .max_write_buffer_size(1 << 20)
        .max_message_size(Some(CLIENT_PACKET_MOST))
        .max_frame_size(Some(CLIENT_PACKET_MOST));
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (session, events) = Session::new(allocated.grant.resource, Some(allocated.grant.user));

    let opened = socket.send(Message::text(socketio::CONNECT)).await.is_ok() && signalling.hub.join(&session).await;
    if opened {
        signalling.take_over(&allocated, &epid, &session);
        if socket
            .send(Message::text(socketio::connected(TTL_SECONDS)))
            .await
            .is_ok()
        {
            serve(&signalling, &allocated, &session, &mut socket, events).await;
        }
    }
    signalling.let_go(&allocated, &epid, &session);
    let _ = socket.close(None).await;
}

async fn serve(
    signalling: &Signalling,
    allocated: &Allocated,
    session: &Session,
    socket: &mut Socket,
    mut events: mpsc::Receiver<Arc<Event>>,
) {
    let mut revocations = signalling.tokens.revocations();
    let mut token = allocated.token.clone();
    let mut stop = signalling.stop.clone();
    // The client gets a new token when it connects anew.
    let expiry = sleep_until(now() + signalling.until(token.expires));
    let silence = sleep_until(now() + SILENCE);
    tokio::pin!(expiry, silence);
    let mut frame_id = 0;
    loop {
        tokio::select! {
            received = socket.next() => {
                silence.as_mut().reset(now() + SILENCE);
                let answer = match received {
                    Some(Ok(Message::Text(text))) => match Packet::parse(&text) {
                        Ok(packet) if packet.kind == Kind::Disconnect => return,
                        Ok(packet) => packet.acknowledgement(),
                        Err(_) => return,
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
                    _ => return,
                };
                if let Some(answer) = answer
                    && socket.send(Message::text(answer)).await.is_err()
                {
                    return;
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
                    let Some(payload) = event.signalling() else { continue };
                    frame_id += 1;
                    let frame = payload.for_recipient(allocated.grant.user).frame(frame_id, allocated.grant.connection);
                    if socket.feed(Message::text(frame)).await.is_err() {
                        return;
                    }
                }
                if socket.flush().await.is_err() {
                    return;
                }
            }
            _ = revocations.changed() => match signalling.tokens.check(&token, signalling.clock.now()).await {
                Ok(None) => {}
                Ok(Some(checked)) => token = checked,
                Err(_) => return,
            },
            () = &mut expiry => return,
            () = &mut silence => return,
            () = told(&mut stop) => return,
        }
    }
}

/// Timers need the runtime's own clock.
fn now() -> Instant {
    Instant::now()
}
