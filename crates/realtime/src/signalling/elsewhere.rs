//! A polling session lives on the node that made the handshake; its id names it. A request that comes
//! to another node is put to that one over the bus, and its answer handed back.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use samband_bus::AskError;
use samband_wire_core::ApiError;
use samband_wire_realtime::query::Query;

use super::{Signalling, refused};

const POLL: u8 = b'g';
const POSTED: u8 = b'p';
/// Beyond what a poll is held.
const PATIENCE: Duration = Duration::from_secs(5);

impl Signalling {
    /// Answers with what has happened to a session, at once or when it happens.
    pub async fn poll(self: &Arc<Self>, sid: &str, query: &str) -> Result<String, ApiError> {
        match self.owner(sid)? {
            None => self.poll_here(sid, query).await,
            Some(node) => {
                let patience = PATIENCE + Duration::from_secs(Query::parse(query).hold_seconds());
                self.ask(&node, question(POLL, &[sid, query]), patience).await
            }
        }
    }

    /// Takes what the client posts: replies, events to acknowledge, the end.
    pub async fn posted(self: &Arc<Self>, sid: &str, query: &str, body: &str) -> Result<(), ApiError> {
        match self.owner(sid)? {
            None => self.posted_here(sid, query, body),
            Some(node) => {
                let question = question(POSTED, &[sid, query, body]);
                self.ask(&node, question, PATIENCE).await.map(|_| ())
            }
        }
    }

    /// The node of a session, if it is another.
    fn owner(&self, sid: &str) -> Result<Option<String>, ApiError> {
        let session = self.signer.verify_session(sid, self.shared.clock.now());
        let session = session.map_err(|fault| refused(&fault))?;
        Ok(Some(session.node).filter(|node| node != self.bus.node()))
    }

    async fn ask(&self, node: &str, question: Vec<u8>, patience: Duration) -> Result<String, ApiError> {
        let answer = self
            .bus
            .ask(node, question, patience)
            .await
            .map_err(|error| match error {
                // The node is gone and the session with it: the client begins anew.
                AskError::NoSuchNode | AskError::Unavailable => ApiError::unavailable(),
            })?;
        read_answer(&answer)
    }

    /// Answers other nodes' questions about the sessions of this one.
    pub fn answer_others(self: &Arc<Self>) {
        if !self.bus.is_shared() {
            return;
        }
        let signalling = Arc::downgrade(self);
        self.bus.answer_with(move |question| {
            let signalling = signalling.upgrade();
            Box::pin(async move {
                let answer = match signalling {
                    Some(signalling) => signalling.answer(&question).await,
                    None => Err(ApiError::unavailable()),
                };
                write_answer(answer)
            })
        });
    }

    async fn answer(self: &Arc<Self>, question: &[u8]) -> Result<String, ApiError> {
        let malformed = || ApiError::bad_request("The question is malformed.");
        let text = std::str::from_utf8(question).map_err(|_| malformed())?;
        let mut parts = text.splitn(4, '\0');
        let kind = parts.next().ok_or_else(malformed)?;
        let (sid, query) = parts.next().zip(parts.next()).ok_or_else(malformed)?;
        match (kind.as_bytes(), parts.next()) {
            ([POLL], None) => self.poll_here(sid, query).await,
            ([POSTED], Some(body)) => self.posted_here(sid, query, body).map(|()| String::new()),
            _ => Err(malformed()),
        }
    }
}

/// Ids and queries are of a URL, and so without U+0000; a body comes last.
fn question(kind: u8, parts: &[&str]) -> Vec<u8> {
    let mut question = vec![kind];
    for part in parts {
        question.push(0);
        question.extend_from_slice(part.as_bytes());
    }
    question
}

/// `ok` and the answer, or status, code and message of an error.
fn write_answer(answer: Result<String, ApiError>) -> Vec<u8> {
    match answer {
        Ok(text) => format!("ok\0{text}").into_bytes(),
        Err(error) => format!("{}\0{}\0{}", error.status.as_u16(), error.code, error.message).into_bytes(),
    }
}

fn read_answer(answer: &[u8]) -> Result<String, ApiError> {
    let text = std::str::from_utf8(answer).map_err(|_| ApiError::unavailable())?;
    let (status, rest) = text.split_once('\0').ok_or_else(ApiError::unavailable)?;
    if status == "ok" {
        return Ok(rest.to_owned());
    }
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    match (status, rest.split_once('\0')) {
        (Some(StatusCode::SERVICE_UNAVAILABLE), _) | (None, _) | (_, None) => Err(ApiError::unavailable()),
        (Some(status), Some((code, message))) => Err(ApiError {
            code: code.to_owned().into(),
            ..ApiError::new(status, "", message)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_as_they_were_given() {
        assert_eq!(
            read_answer(&write_answer(Ok("1::\0x".to_owned()))).ok().as_deref(),
            Some("1::\0x")
        );
        let gone = ApiError::not_found("There is no such polling session.");
        let read = read_answer(&write_answer(Err(gone))).expect_err("an error");
        assert_eq!(
            (read.status, &*read.message),
            (StatusCode::NOT_FOUND, "There is no such polling session.")
        );
        for broken in [&b""[..], b"ok", b"\xff\0", b"999999\0a\0b", b"404\0a"] {
            assert!(read_answer(broken).is_err());
        }
    }
}
