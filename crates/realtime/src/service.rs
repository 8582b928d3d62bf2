//! The routes of real time, which stand at the root of any host (specs/realtime-notifications.md).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use samband_bus::Bus;
use samband_chat::http::Chat;
use samband_core::{Clock, Random, Scopes, Secret};
use samband_identity::{Grant, TokenFault, Tokens};
use samband_resources::Directory;
use samband_store::Store;
use samband_wire_core::ApiError;
use samband_wire_core::Envelope;
use samband_wire_realtime::sign::Signer;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::chunks::Chunks;
use crate::hub::Hub;
use crate::leash::Right;
use crate::open_stream;
use crate::shared::Shared;
use crate::signalling::Signalling;

/// Whole, or piece by piece for a stream.
pub type Body = Either<Full<Bytes>, Chunks>;
pub type Answer = Response<Body>;

/// Nothing that a client posts here is larger.
const BODY_BYTES: usize = 256 * 1024;

pub struct Settings {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub store: Store,
    pub tokens: Arc<Tokens>,
    pub directory: Arc<Directory>,
    pub chat: Arc<Chat>,
    pub hub: Hub,
    pub bus: Bus,
    /// Signs what clients hand back; all nodes have the same.
    pub secret: Secret<Vec<u8>>,
    /// How far back an open stream can resume.
    pub window: Duration,
    /// New connections that are admitted in a second; 0 = any number.
    pub connects_per_second: u32,
    /// True once the server is going: connections end.
    pub stop: watch::Receiver<bool>,
    /// How long they may take.
    pub drain: Duration,
}

pub struct RealTime {
    shared: Arc<Shared>,
    signalling: Arc<Signalling>,
}

impl RealTime {
    pub fn new(settings: Settings) -> Self {
        let Settings {
            clock,
            random,
            store,
            tokens,
            directory,
            chat,
            hub,
            bus,
            secret,
            window,
            connects_per_second,
            stop,
            drain,
        } = settings;
        let shared = Arc::new(Shared {
            clock,
            random,
            store,
            tokens,
            directory,
            chat,
            hub,
            admission: Admission::per_second(connects_per_second),
            window,
            stop,
            drain,
            tasks: TaskTracker::new(),
        });
        let signalling = Arc::new(Signalling::new(shared.clone(), Signer::new(secret.reveal()), bus));
        signalling.answer_others();
        Self { shared, signalling }
    }

    /// Returns once every connection has ended after the server was told to stop, or in due time.
    pub async fn finished(&self) {
        self.shared.tasks.close();
        if tokio::time::timeout(self.shared.drain, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("real-time connections were still open at the end of the drain time");
        }
    }

    /// Opens the open event stream for the holder of a right.
    pub async fn events(&self, parts: &mut Parts, right: Right) -> Answer {
        let outcome = match parts.method {
            Method::GET => open_stream::open(&self.shared, parts, right).await,
            _ => {
                let message = "The event stream is opened with GET.";
                let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
                let mut answer = refuse(&error);
                answer
                    .headers_mut()
                    .insert(header::ALLOW, HeaderValue::from_static("GET"));
                return answer;
            }
        };
        outcome.unwrap_or_else(|error| refuse(&error))
    }

    /// Whether a path is one of real time's. Clients put a slash too many before theirs.
    pub fn serves(path: &str) -> bool {
        let path = normal(path);
        path == "/chat/config/realTimeNotifications"
            || path == "/v4/a"
            || path.starts_with("/socket.io/1/")
            || is_registrations(path)
    }

    pub async fn answer(&self, parts: &mut Parts, body: Incoming, base_url: &str) -> Answer {
        let outcome = self.route(parts, body, base_url).await;
        outcome.unwrap_or_else(|error| refuse(&error))
    }

    async fn route(&self, parts: &mut Parts, body: Incoming, base_url: &str) -> Result<Answer, ApiError> {
        let path = normal(parts.uri.path()).to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        match (parts.method.clone(), path.as_str()) {
            (Method::GET, "/chat/config/realTimeNotifications") => {
                self.bearer(parts).await?;
                Ok(json(samband_wire_realtime::allocate::config(base_url)))
            }
            (Method::POST, "/v4/a") => {
                let grant = self.skype_token(parts).await?;
                Ok(json(self.signalling.allocate(&grant, &query, base_url).await?))
            }
            (Method::GET, "/socket.io/1/") => Ok(text(self.signalling.handshake(&query).await?)),
            (Method::GET, path) if path.starts_with("/socket.io/1/websocket/") => {
                self.signalling.web_socket(parts, sid(path), &query).await
            }
            (Method::GET, path) if path.starts_with("/socket.io/1/xhr-polling/") => {
                Ok(text(self.signalling.poll(sid(path), &query).await?))
            }
            (Method::POST, path) if path.starts_with("/socket.io/1/xhr-polling/") => {
                let posted = read(body).await?;
                self.signalling.posted(sid(path), &query, &posted).await?;
                Ok(text("1".to_owned()))
            }
            (Method::POST | Method::DELETE, path) if is_registrations(path) => {
                // Delivery does not wait for a registration, so there is nothing to keep.
                self.skype_token(parts).await?;
                let _ = read(body).await?;
                Ok(status(StatusCode::ACCEPTED))
            }
            _ => Err(ApiError::not_found("There is nothing at this path.")),
        }
    }

    async fn bearer(&self, parts: &Parts) -> Result<Arc<Grant>, ApiError> {
        let value = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = value
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token {
            Some((_, token)) => self.grant(token.trim()).await,
            None => Err(ApiError::unauthorized(
                "This operation takes a user access token as 'Authorization: Bearer <token>'.",
            )),
        }
    }

    async fn skype_token(&self, parts: &Parts) -> Result<Arc<Grant>, ApiError> {
        match parts.headers.get("x-skypetoken").and_then(|value| value.to_str().ok()) {
            Some(token) => self.grant(token).await,
            None => Err(ApiError::unauthorized(
                "This operation takes a user access token in the header 'X-Skypetoken'.",
            )),
        }
    }

    async fn grant(&self, token: &str) -> Result<Arc<Grant>, ApiError> {
        // Who cannot learn what other nodes revoke trusts nothing that is kept in memory.
        if !self.shared.store.knows_what_others_changed() {
            return Err(ApiError::unavailable());
        }
        let grant = self
            .shared
            .tokens
            .verify(token, self.shared.clock.now())
            .await
            .map_err(token_refused)?;
        if grant.scopes.any_of(Scopes::CHAT_USE) {
            Ok(grant)
        } else {
            Err(ApiError::forbidden("The access token has no chat scope."))
        }
    }
}

pub(crate) fn token_refused(fault: TokenFault) -> ApiError {
    match fault {
        TokenFault::Unavailable => ApiError::unavailable(),
        fault => ApiError::unauthorized(fault.to_string()),
    }
}

fn normal(path: &str) -> &str {
    let extra = path.bytes().take_while(|byte| *byte == b'/').count().saturating_sub(1);
    &path[extra..]
}

/// `…/V3/registrations` exists too.
fn is_registrations(path: &str) -> bool {
    const START: &str = "/registrar/prod/v3/registrations";
    path.get(..START.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(START))
        && matches!(path.as_bytes().get(START.len()), None | Some(b'/'))
}

fn sid(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

async fn read(body: Incoming) -> Result<String, ApiError> {
    let collected = Limited::new(body, BODY_BYTES).collect().await.map_err(|_| {
        ApiError::too_large(
            "RequestBodyTooLarge",
            format!("At most {BODY_BYTES} bytes are allowed."),
        )
    })?;
    String::from_utf8(collected.to_bytes().to_vec()).map_err(|_| ApiError::bad_request("The body is not UTF-8."))
}

pub(crate) fn status(status: StatusCode) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(Bytes::new())));
    *answer.status_mut() = status;
    answer
}

fn with_type(content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(Bytes::from(body))));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn json(body: String) -> Answer {
    with_type("application/json", body)
}

fn text(body: String) -> Answer {
    with_type("text/plain; charset=UTF-8", body)
}

/// An error as ACS writes it.
pub fn refuse(error: &ApiError) -> Answer {
    let body = String::from_utf8(error.body(Envelope::Nested)).unwrap_or_default();
    let mut answer = json(body);
    *answer.status_mut() = error.status;
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        answer.headers_mut().insert("x-ms-error-code", code);
    }
    if let Some(seconds) = error.retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
