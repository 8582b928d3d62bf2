//! A request once it is accepted (routed, its caller known, its body read), and the reply to it.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use samband_core::Caller;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, shorten};
use crate::objects::ObjectsOnly;
use crate::version::ApiVersion;

/// What serves an operation; the server finds it by the operation's name.
pub type Handler = Arc<dyn Fn(Request) -> BoxFuture + Send + Sync>;
pub type BoxFuture = Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// Makes a handler of an async function over some shared state.
pub fn handler<S, F>(state: &Arc<S>, serve: fn(Arc<S>, Request) -> F) -> Handler
where
    S: Send + Sync + 'static,
    F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
{
    let state = state.clone();
    Arc::new(move |request| Box::pin(serve(state.clone(), request)))
}

/// What a handler gets.
#[derive(Debug)]
pub struct Request {
    pub caller: Caller,
    pub version: ApiVersion,
    /// The status of success in this version, from the endpoint table.
    pub success: u16,
    /// The path's parameters, decoded, in the order of the path.
    pub params: Vec<String>,
    pub query: Query,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The path as it was sent, for links to the same place.
    pub path: String,
    /// `https://host:port` as the client knows this server, for links in answers.
    pub base_url: String,
}

impl Request {
    /// The path parameter at `index`. The router has matched, so it is there.
    pub fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.is_empty())
    }

    /// Reads the body, naming the field that is wrong.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if self.body.is_empty() {
            return Err(ApiError::bad_request("The request needs a JSON body."));
        }
        self.check_media_type()?;
        // At once and as a whole: strings that are skipped are text as well (RFC 8259, section 8.1).
        let Ok(body) = std::str::from_utf8(&self.body) else {
            return Err(bad_body("it is not UTF-8", ""));
        };
        let mut reader = serde_json::Deserializer::from_str(body);
        if let Ok(value) = T::deserialize(ObjectsOnly(&mut reader))
            && reader.end().is_ok()
        {
            return Ok(value);
        }
        // The way with the field's name costs more; only requests that are wrong pay for it.
        let mut reader = serde_json::Deserializer::from_str(body);
        match serde_path_to_error::deserialize(ObjectsOnly(&mut reader)) {
            Ok(value) => reader
                .end()
                .map(|()| value)
                .map_err(|error| bad_body(&error.to_string(), "")),
            Err(error) => Err(bad_body(&error.inner().to_string(), &error.path().to_string())),
        }
    }

    /// A body that says that it is something else is not read as JSON. One that says nothing is.
    fn check_media_type(&self) -> Result<(), ApiError> {
        let Some(sent) = self.header("content-type") else {
            return Ok(());
        };
        let essence = sent.split(';').next().unwrap_or("").trim();
        let is_json = essence.eq_ignore_ascii_case("application/json")
            || essence
                .rsplit_once('+')
                .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"));
        if is_json {
            return Ok(());
        }
        let message = format!(
            "The body is of type '{}'; 'application/json' is read here.",
            shorten(essence)
        );
        let error = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message);
        Err(error.with_target("Content-Type"))
    }

    /// As [`json`](Self::json), for operations whose body may be left out.
    pub fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        if self.body.is_empty() {
            Ok(T::default())
        } else {
            self.json()
        }
    }
}

fn bad_body(reason: &str, path: &str) -> ApiError {
    let error = ApiError::bad_request(format!("The request body is not valid: {}.", shorten(reason)));
    if path.is_empty() || path == "." {
        error
    } else {
        error.with_target(path)
    }
}

/// The query string, as pairs in the order sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Self {
        let decode = |part: &str| -> String {
            let spaced: Cow<'_, str> = if part.contains('+') {
                part.replace('+', " ").into()
            } else {
                part.into()
            };
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// What a handler answers.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
    /// In place of `body`, what is too large to be in memory as a whole.
    pub pieces: Option<Pieces>,
    pub content_type: &'static str,
}

/// A body that is made while it is sent. Its length is in the headers, so that a reader knows of one that ended early.
pub struct Pieces(pub BoxStream<'static, Bytes>);

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pieces")
    }
}

const JSON: &str = "application/json; charset=utf-8";

impl Reply {
    pub fn empty(status: u16) -> Self {
        Self {
            status: status_code(status),
            headers: Vec::new(),
            body: Bytes::new(),
            pieces: None,
            content_type: JSON,
        }
    }

    pub fn json<T: Serialize>(status: u16, value: &T) -> Self {
        let mut body = Vec::with_capacity(256);
        match serde_json::to_writer(&mut body, value) {
            Ok(()) => Self {
                body: body.into(),
                ..Self::empty(status)
            },
            // Only a map with keys that are no strings can fail, and no wire type has one.
            Err(_) => Self::empty(500),
        }
    }

    pub fn text(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            content_type,
            ..Self::empty(status)
        }
    }

    /// `length` bytes that come in pieces.
    pub fn pieces(status: u16, content_type: &'static str, length: u64, pieces: BoxStream<'static, Bytes>) -> Self {
        let reply = Self {
            pieces: Some(Pieces(pieces)),
            content_type,
            ..Self::empty(status)
        };
        reply.header(http::header::CONTENT_LENGTH, &length.to_string())
    }

    /// Adds a header, unless its value cannot stand in one.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
pub(crate) mod tests {
    use samband_core::{ResourceId, Who};

    use super::*;

    pub(crate) fn with_headers(headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            )
        });
        Request {
            caller: Caller {
                resource: ResourceId::from_bytes([0; 16]),
                who: Who::Operator,
            },
            version: ApiVersion::NONE,
            success: 200,
            params: Vec::new(),
            query: Query::default(),
            headers: headers.collect(),
            body: Bytes::from_static(b"{\"a\":\"b\"}"),
            path: String::new(),
            base_url: String::new(),
        }
    }

    #[test]
    fn bodies_that_say_what_they_are_say_json() {
        type Body = std::collections::BTreeMap<String, String>;
        let status = |headers: &[(&str, &str)]| {
            with_headers(headers)
                .json::<Body>()
                .map_or_else(|error| error.status.as_u16(), |_| 200)
        };
        assert_eq!(status(&[]), 200);
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
        ] {
            assert_eq!(status(&[("content-type", json)]), 200, "{json}");
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "+json/x",
            "json",
            ";",
        ] {
            assert_eq!(status(&[("content-type", other)]), 415, "{other}");
        }
    }
}
