//! From a request to a WebSocket (RFC 6455 §4.2).

use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use samband_wire_core::ApiError;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::service::{Answer, status};

pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A peer that does not take the answer by then has gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a request asks for a WebSocket.
pub fn is_asked(parts: &Parts) -> bool {
    let upgrade = parts.headers.get_all(header::UPGRADE).iter();
    upgrade
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case("websocket"))
}

/// The answer that opens a WebSocket, and what becomes it once that is sent.
pub fn accept(parts: &mut Parts, protocol: Option<&str>) -> Result<(Answer, OnUpgrade), ApiError> {
    let wrong = || ApiError::bad_request("This path takes a WebSocket upgrade over HTTP/1.1 (RFC 6455).");
    let version = parts.headers.get(header::SEC_WEBSOCKET_VERSION);
    if !is_asked(parts) || version.is_none_or(|version| version != "13") {
        return Err(wrong());
    }
    let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(wrong)?;
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or_else(wrong)?;
    let mut answer = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_ACCEPT,
        HeaderValue::from_str(&accept).map_err(|_| wrong())?,
    );
    if let Some(protocol) = protocol.and_then(|protocol| HeaderValue::from_str(protocol).ok()) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok((answer, upgrade))
}

/// The socket, once the answer has been sent. Messages of the peer are at most so large.
pub async fn open(upgrade: OnUpgrade, message_bytes: usize) -> Option<Socket> {
    let upgraded = tokio::time::timeout(PATIENCE, upgrade).await.ok()?.ok()?;
    // Idle sockets are many: small buffers, which grow where they are used.
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(16 * 1024)
        .max_write_buffer_size(4 << 20)
        .max_message_size(Some(message_bytes))
        .max_frame_size(Some(message_bytes));
    Some(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await)
}
