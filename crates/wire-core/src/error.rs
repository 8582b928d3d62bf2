//! Errors as clients get them. The code and the status belong to the contract; the cause belongs
//! to the log.

use std::borrow::Cow;

use http::StatusCode;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What a client is told, in whichever envelope its api-version uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    pub message: String,
    /// The field, header or parameter that the error is about.
    pub target: Option<String>,
    pub details: Vec<Detail>,
    /// Seconds until another try makes sense (`Retry-After`).
    pub retry_after: Option<u64>,
}

/// An item's own error inside a list (`invalidParticipants`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Detail {
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            message: message.into(),
            target: None,
            details: Vec::new(),
            retry_after: None,
        }
    }
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }
    pub fn too_large(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message)
    }
    pub fn too_many_requests(message: impl Into<String>, retry_after: u64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message);
        error.retry_after = Some(retry_after);
        error
    }
    /// The store cannot take or answer it now: nothing was acknowledged.
    pub fn unavailable() -> Self {
        let message = "The server is currently unable to handle the request.";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message);
        error.retry_after = Some(1);
        error
    }
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Cow::Borrowed(code);
        self
    }
    pub fn with_target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    pub fn body(&self, envelope: Envelope) -> Vec<u8> {
        let written = match envelope {
            Envelope::Bare => serde_json::to_vec(&Inner {
                error: self,
                target: true,
                details: "innerErrors",
            }),
            Envelope::Nested | Envelope::Untargeted => serde_json::to_vec(&Outer {
                error: Inner {
                    error: self,
                    target: envelope == Envelope::Nested,
                    details: "details",
                },
            }),
        };
        // Strings and lists of strings: there is nothing in it that could fail to be written.
        written.unwrap_or_default()
    }
}

/// The forms in which errors have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `{"code", "message", "target", "innerErrors"}`: chat in 2020-09.
    Bare,
    /// `{"error": {"code", "message", "target", "details"}}`: everything since.
    Nested,
    /// The same without `target`: operations on images.
    Untargeted,
}

#[derive(serde::Serialize)]
struct Outer<'a> {
    error: Inner<'a>,
}

struct Inner<'a> {
    error: &'a ApiError,
    target: bool,
    details: &'static str,
}

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.error.code)?;
        map.serialize_entry("message", &self.error.message)?;
        if let Some(target) = self.error.target.as_ref().filter(|_| self.target) {
            map.serialize_entry("target", target)?;
        }
        if !self.error.details.is_empty() {
            map.serialize_entry(self.details, &self.error.details)?;
        }
        map.end()
    }
}

/// What a client sent, short enough to be repeated in a message.
pub fn shorten(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_envelopes() {
        let error = ApiError::bad_request("No.").with_target("topic");
        let text = |envelope| String::from_utf8(error.body(envelope)).unwrap();
        assert_eq!(
            text(Envelope::Nested),
            r#"{"error":{"code":"BadRequest","message":"No.","target":"topic"}}"#
        );
        assert_eq!(
            text(Envelope::Bare),
            r#"{"code":"BadRequest","message":"No.","target":"topic"}"#
        );
        assert_eq!(
            text(Envelope::Untargeted),
            r#"{"error":{"code":"BadRequest","message":"No."}}"#
        );
    }
}
