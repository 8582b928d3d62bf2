//! The floor of fan-out: WebSockets of the server's own stack, and a text of as many bytes as a
//! delivery has written to each of them. What a delivery costs above it is samband's own doing.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Texts that wait for one socket, at most.
const QUEUE: usize = 256;

#[derive(Default)]
pub struct Sockets {
    open: Mutex<Vec<mpsc::Sender<Utf8Bytes>>>,
}

impl Sockets {
    /// Opens a socket.
    pub fn upgrade(self: &Arc<Self>, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
        let (Some(key), Some(upgrade)) = (key, request.extensions_mut().remove::<OnUpgrade>()) else {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        };
        tokio::spawn(serve(self.clone(), upgrade));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }

    /// Gives a text of so many bytes, with a content in it, to all sockets.
    pub fn tell(&self, content: &str, bytes: usize) {
        let mut text = String::with_capacity(bytes);
        text += r#"3:::{"id":1,"body":""#;
        text += content;
        text.extend(std::iter::repeat_n('x', bytes.saturating_sub(text.len() + 2)));
        text += r#""}"#;
        let text = Utf8Bytes::from(text);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|socket| socket.try_send(text.clone()).is_ok());
    }

    fn enter(&self) -> mpsc::Receiver<Utf8Bytes> {
        let (socket, texts) = mpsc::channel(QUEUE);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|socket| !socket.is_closed());
        open.push(socket);
        texts
    }
}

async fn serve(sockets: Arc<Sockets>, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    // The buffers of the server's own.
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(16 * 1024);
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let mut texts = sockets.enter();
    // Tells the client that it will hear.
    if socket.send(Message::text("1::")).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            received = socket.next() => match received {
                Some(Ok(_)) => {}
                _ => return,
            },
            text = texts.recv() => {
                let mut next = text;
                while let Some(text) = next {
                    if socket.feed(Message::Text(text)).await.is_err() {
                        return;
                    }
                    next = texts.try_recv().ok();
                }
                if socket.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}
