//! Requests as bytes, made before they are needed.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use samband_core::{Clock, SystemClock};
use samband_wire_core::signature;
use sha2::{Digest, Sha256};

/// Bytes of a message's text.
pub const MESSAGE_BYTES: usize = 500;

const CHAT: &str = "api-version=2024-03-07";
const USERS: &str = "/identities?api-version=2023-10-01";

/// The text of every message: nothing that JSON would have to escape.
pub fn text() -> String {
    "Nobody reads this, it is here to weigh. "
        .chars()
        .cycle()
        .take(MESSAGE_BYTES)
        .collect()
}

fn path_segment(id: &str) -> String {
    id.replace(':', "%3A").replace('@', "%40")
}

fn with_token(method: &str, host: &str, target: &str, token: &str, body: &str) -> Vec<u8> {
    let content = match body {
        "" => String::new(),
        _ => format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()),
    };
    format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\naccept: application/json\r\n{content}\r\n{body}").into_bytes()
}

fn signed(host: &str, key: &str, target: &str, body: &str) -> Result<Vec<u8>> {
    let key = BASE64.decode(key).context("the access key is not Base64")?;
    let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now().0.max(0) as u64);
    let date = httpdate::fmt_http_date(now);
    let hash = BASE64.encode(Sha256::digest(body));
    let signature = BASE64.encode(signature::sign(&key, "POST", target, &format!("{date};{host};{hash}")));
    Ok(format!(
        "POST {target} HTTP/1.1\r\nhost: {host}\r\nx-ms-date: {date}\r\nx-ms-content-sha256: {hash}\r\n\
         authorization: HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

/// A user with a token; good for some minutes, and as often as wanted.
pub fn create_user_with_token(host: &str, key: &str) -> Result<Vec<u8>> {
    signed(host, key, USERS, r#"{"createTokenWithScopes":["chat"]}"#)
}

pub fn create_user(host: &str, key: &str) -> Result<Vec<u8>> {
    signed(host, key, USERS, "{}")
}

pub fn issue_token(host: &str, key: &str, user: &str) -> Result<Vec<u8>> {
    let target = format!(
        "/identities/{}/:issueAccessToken?api-version=2023-10-01",
        path_segment(user)
    );
    signed(host, key, &target, r#"{"scopes":["chat"]}"#)
}

pub fn create_thread<'a>(host: &str, token: &str, members: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let members: Vec<_> = members
        .map(|id| serde_json::json!({ "communicationIdentifier": { "rawId": id } }))
        .collect();
    let body = serde_json::json!({ "topic": "load", "participants": members }).to_string();
    with_token("POST", host, &format!("/chat/threads?{CHAT}"), token, &body)
}

pub fn send(host: &str, token: &str, thread: &str) -> Vec<u8> {
    let target = format!("/chat/threads/{}/messages?{CHAT}", path_segment(thread));
    let body = format!(r#"{{"content":"{}","type":"text"}}"#, text());
    with_token("POST", host, &target, token, &body)
}

pub fn newest(host: &str, token: &str, thread: &str, count: usize) -> Vec<u8> {
    let target = format!(
        "/chat/threads/{}/messages?maxPageSize={count}&{CHAT}",
        path_segment(thread)
    );
    with_token("GET", host, &target, token, "")
}
