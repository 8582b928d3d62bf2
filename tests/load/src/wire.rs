//! Requests as bytes, made before they are needed.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use samband_core::{Clock, SystemClock};
use samband_wire_core::signature;
use sha2::{Digest, Sha256};

use crate::crowd::board::{DIGITS, MARK};
use crate::floor;

/// Bytes of a message's text.
pub const MESSAGE_BYTES: usize = 500;

const CHAT: &str = "api-version=2024-03-07";
const USERS: &str = "/identities?api-version=2023-10-01";

/// The same request in another api-version.
pub fn in_version(request: &[u8], version: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    text.replacen(CHAT, &format!("api-version={version}"), 1).into_bytes()
}

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
    let body = serde_json::json!({ "topic": "load", "participants": participants(members) }).to_string();
    with_token("POST", host, &format!("/chat/threads?{CHAT}"), token, &body)
}

pub fn add_participants<'a>(host: &str, token: &str, thread: &str, members: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let target = format!("/chat/threads/{}/participants/:add?{CHAT}", path_segment(thread));
    let body = serde_json::json!({ "participants": participants(members) }).to_string();
    with_token("POST", host, &target, token, &body)
}

fn participants<'a>(members: impl Iterator<Item = &'a str>) -> Vec<serde_json::Value> {
    members
        .map(|id| serde_json::json!({ "communicationIdentifier": { "rawId": id } }))
        .collect()
}

/// The first page of a thread's members.
pub fn members(host: &str, token: &str, thread: &str) -> Vec<u8> {
    let target = format!("/chat/threads/{}/participants?{CHAT}", path_segment(thread));
    get(host, token, &target)
}

/// A page by the link to it.
pub fn get(host: &str, token: &str, target: &str) -> Vec<u8> {
    with_token("GET", host, target, token, "")
}

pub fn send(host: &str, token: &str, thread: &str) -> Vec<u8> {
    let target = format!("/chat/threads/{}/messages?{CHAT}", path_segment(thread));
    let body = format!(r#"{{"content":"{}","type":"text"}}"#, text());
    with_token("POST", host, &target, token, &body)
}

/// A message with a place for its number, to a crowd.
pub fn numbered(host: &str, token: &str, thread: &str, bytes: usize) -> Vec<u8> {
    let target = format!("/chat/threads/{}/messages?{CHAT}", path_segment(thread));
    with_token("POST", host, &target, token, &numbered_body(bytes))
}

/// The same to the floor, which makes `delivery` bytes of it for each socket.
pub fn numbered_to_floor(host: &str, bytes: usize, delivery: usize) -> Vec<u8> {
    let target = format!("/fanout?{}{delivery}", floor::DELIVERY);
    with_token("POST", host, &target, "none", &numbered_body(bytes))
}

fn numbered_body(bytes: usize) -> String {
    let mark = format!("{}{:0DIGITS$}] ", String::from_utf8_lossy(MARK), 0);
    let text: String = mark
        .chars()
        .chain(text().chars().cycle())
        .take(bytes.max(mark.len()))
        .collect();
    format!(r#"{{"content":"{text}","type":"text"}}"#)
}

pub fn newest(host: &str, token: &str, thread: &str, count: usize) -> Vec<u8> {
    let target = format!(
        "/chat/threads/{}/messages?maxPageSize={count}&{CHAT}",
        path_segment(thread)
    );
    with_token("GET", host, &target, token, "")
}
