//! The SDKs' own real time: allocation, the Socket.IO 0.9 handshake, and the two transports.

mod elsewhere;
mod polling;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use http::request::Parts;
use samband_bus::Bus;
use samband_core::{ResourceId, UserId};
use samband_identity::Grant as TokenGrant;
use samband_wire_core::ApiError;
use samband_wire_realtime::allocate::{self, ConnectionId, TTL_MS};
use samband_wire_realtime::query::Query;
use samband_wire_realtime::sign::{Fault, Grant, Session as SessionId, Signer};
use samband_wire_realtime::socketio::{self, Transport};

use crate::service::{Answer, token_refused};
use crate::session::{Protocol, Session};
use crate::shared::Shared;
use crate::upgrade;

/// A client that was told to move opens its new connection at once; its old one is kept so long.
const MOVING: Duration = Duration::from_secs(1);

pub struct Signalling {
    shared: Arc<Shared>,
    signer: Signer,
    bus: Bus,
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
    pub fn new(shared: Arc<Shared>, signer: Signer, bus: Bus) -> Self {
        Self {
            shared,
            signer,
            bus,
            endpoints: DashMap::new(),
            polls: DashMap::new(),
        }
    }

    /// A connection for the holder of a token.
    pub async fn allocate(&self, token: &TokenGrant, query: &str, base_url: &str) -> Result<String, ApiError> {
        self.shared.admission.admit(self.shared.clock.now()).await?;
        let now = self.shared.clock.now();
        let mut id = [0; 16];
        self.shared.random.fill(&mut id);
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
        Ok(allocate::allocation(base_url, &grant, &self.signer))
    }

    /// Socket.IO's handshake: a session id, and the transports to try.
    pub async fn handshake(&self, query: &str) -> Result<String, ApiError> {
        let allocated = self.allocated(query).await?;
        let mut nonce = [0; 8];
        self.shared.random.fill(&mut nonce);
        let session = SessionId {
            connection: allocated.grant.connection,
            node: self.bus.node().to_owned(),
            nonce,
            expires: allocated.grant.expires,
        };
        Ok(socketio::handshake(&self.signer.session_id(&session), &Transport::ALL))
    }

    /// Opens the socket of a session.
    pub async fn web_socket(self: &Arc<Self>, parts: &mut Parts, sid: &str, query: &str) -> Result<Answer, ApiError> {
        let allocated = self.session(sid, query).await?;
        let (answer, upgrade) = upgrade::accept(parts, None)?;
        let epid = self.epid(&allocated, query);
        self.shared
            .tasks
            .spawn(socket::run(self.clone(), allocated, epid, upgrade));
        Ok(answer)
    }

    /// The parameters of a query, if they are ours, current, and their token still holds.
    async fn allocated(&self, query: &str) -> Result<Allocated, ApiError> {
        let now = self.shared.clock.now();
        let grant = self
            .signer
            .verify(&Query::parse(query), now)
            .map_err(|fault| refused(&fault))?;
        let token = TokenGrant::from_mark(grant.resource, grant.user, grant.token_expires, &grant.token_mark)
            .ok_or_else(|| refused(&Fault::Mismatch))?;
        let checked = self.shared.tokens.check(&token, now).await.map_err(token_refused)?;
        Ok(Allocated {
            grant,
            token: checked.unwrap_or(token),
        })
    }

    /// As [`allocated`](Self::allocated), for a session id of the same connection.
    async fn session(&self, sid: &str, query: &str) -> Result<Allocated, ApiError> {
        let session = self
            .signer
            .verify_session(sid, self.shared.clock.now())
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
        // Its older connection may be at another node.
        let Grant {
            resource,
            user,
            connection,
            ..
        } = &allocated.grant;
        self.bus.moved(*resource, *user, epid, &connection.to_string());
    }

    fn let_go(&self, allocated: &Allocated, epid: &str, session: &Session) {
        let key = (allocated.grant.resource, allocated.grant.user, epid.to_owned());
        self.endpoints.remove_if(&key, |_, current| current.id == session.id);
        self.shared.hub.leave(session);
    }

    fn new_session(
        &self,
        allocated: &Allocated,
        epid: &str,
        protocol: Protocol,
    ) -> (Arc<Session>, tokio::sync::mpsc::Receiver<Arc<crate::event::Event>>) {
        let Grant {
            resource,
            user,
            connection,
            ..
        } = allocated.grant;
        let endpoint = (epid.to_owned(), connection.to_string());
        Session::new(resource, Some(user), protocol, self.shared.clock.now(), Some(endpoint))
    }
}

fn refused(fault: &Fault) -> ApiError {
    ApiError::unauthorized(fault.to_string())
}
