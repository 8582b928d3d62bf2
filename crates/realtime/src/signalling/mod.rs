//! The SDKs' own real time: allocation, the Socket.IO 0.9 handshake, and the two transports.

mod polling;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use samband_core::{Clock, Millis, Random, ResourceId, UserId};
use samband_identity::{Grant as TokenGrant, Tokens};
use samband_wire_core::ApiError;
use samband_wire_realtime::allocate::{self, ConnectionId, TTL_MS};
use samband_wire_realtime::query::Query;
use samband_wire_realtime::sign::{Fault, Grant, Session as SessionId, Signer};
use samband_wire_realtime::socketio::{self, Transport};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::hub::Hub;
use crate::service::{Answer, Settings, status, token_refused};
use crate::session::Session;

/// A peer that says nothing for so long is gone: clients ping every 40 s.
const SILENCE: Duration = Duration::from_secs(90);

pub struct Signalling {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tokens: Arc<Tokens>,
    hub: Hub,
    signer: Signer,
    stop: watch::Receiver<bool>,
    /// Who hears for an endpoint: the newest of its connections.
    endpoints: DashMap<(ResourceId, UserId, String), Arc<Session>>,
    polls: DashMap<String, Arc<polling::Poll>>,
}

/// A connection whose parameters were verified.
struct Allocated {
    grant: Grant,
    token: TokenGrant,
}

impl Signalling {
    pub fn new(settings: Settings, signer: Signer) -> Self {
        let Settings {
            clock,
            random,
            tokens,
            hub,
            stop,
        } = settings;
        Self {
            clock,
            random,
            tokens,
            hub,
            signer,
            stop,
            endpoints: DashMap::new(),
            polls: DashMap::new(),
        }
    }

    /// A connection for the holder of a token.
    pub fn allocate(&self, token: &TokenGrant, query: &str, base_url: &str) -> String {
        let mut id = [0; 16];
        self.random.fill(&mut id);
        let now = self.clock.now();
        let grant = Grant {
            connection: ConnectionId::from_bytes(id),
            resource: token.resource,
            user: token.user,
            epid: Query::parse(query).epid().map(str::to_owned),
            issued: now,
            expires: now.plus(TTL_MS),
            token_expires: token.expires,
            token_mark: token.mark(),
        };
        allocate::allocation(base_url, &grant, &self.signer)
    }

    /// Socket.IO's handshake: a session id, and the transports to try.
    pub async fn handshake(&self, query: &str) -> Result<String, ApiError> {
        let allocated = self.allocated(query).await?;
        let mut nonce = [0; 8];
        self.random.fill(&mut nonce);
        let session = SessionId {
            connection: allocated.grant.connection,
            node: String::new(),
            nonce,
            expires: allocated.grant.expires,
        };
        Ok(socketio::handshake(&self.signer.session_id(&session), &Transport::ALL))
    }

    /// Opens the socket of a session.
    pub async fn web_socket(self: &Arc<Self>, parts: &mut Parts, sid: &str, query: &str) -> Result<Answer, ApiError> {
        let allocated = self.session(sid, query).await?;
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        let (Some(key), Some(upgrade)) = (key, parts.extensions.remove::<OnUpgrade>()) else {
            return Err(ApiError::bad_request(
                "This path takes a WebSocket upgrade over HTTP/1.1 (RFC 6455).",
            ));
        };
        let epid = self.epid(&allocated, query);
        tokio::spawn(socket::run(self.clone(), allocated, epid, upgrade));
        let mut answer = status(StatusCode::SWITCHING_PROTOCOLS);
        let headers = answer.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        Ok(answer)
    }

    /// The parameters of a query, if they are ours, current, and their token still holds.
    async fn allocated(&self, query: &str) -> Result<Allocated, ApiError> {
        let now = self.clock.now();
        let grant = self
            .signer
            .verify(&Query::parse(query), now)
            .map_err(|fault| refused(&fault))?;
        let token = TokenGrant::from_mark(grant.resource, grant.user, grant.token_expires, &grant.token_mark)
            .ok_or_else(|| refused(&Fault::Mismatch))?;
        let checked = self.tokens.check(&token, now).await.map_err(token_refused)?;
        Ok(Allocated {
            grant,
            token: checked.unwrap_or(token),
        })
    }

    /// As [`allocated`](Self::allocated), for a session id of the same connection.
    async fn session(&self, sid: &str, query: &str) -> Result<Allocated, ApiError> {
        let session = self
            .signer
            .verify_session(sid, self.clock.now())
            .map_err(|fault| refused(&fault))?;
        let allocated = self.allocated(query).await?;
        if session.connection != allocated.grant.connection {
            return Err(refused(&Fault::Mismatch));
        }
        Ok(allocated)
    }

    /// The endpoint that a connection belongs to: of the allocation, or named later (1.0.0).
    fn epid(&self, allocated: &Allocated, query: &str) -> String {
        let named = || Query::parse(query).epid().map(str::to_owned);
        let epid = allocated.grant.epid.clone().or_else(named);
        epid.unwrap_or_else(|| allocated.grant.connection.to_string())
    }

    /// Makes a session the one that hears for its endpoint.
    fn take_over(&self, allocated: &Allocated, epid: &str, session: &Arc<Session>) {
        let key = (allocated.grant.resource, allocated.grant.user, epid.to_owned());
        if let Some(older) = self.endpoints.insert(key, session.clone()) {
            older.replace();
        }
    }

    fn let_go(&self, allocated: &Allocated, epid: &str, session: &Session) {
        let key = (allocated.grant.resource, allocated.grant.user, epid.to_owned());
        self.endpoints.remove_if(&key, |_, current| current.id == session.id);
        self.hub.leave(session);
    }

    /// How long until a time of the wall clock.
    fn until(&self, time: Millis) -> Duration {
        Duration::from_millis((time.0 - self.clock.now().0).max(0) as u64)
    }
}

/// Returns once the server is going.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn refused(fault: &Fault) -> ApiError {
    ApiError::unauthorized(fault.to_string())
}
