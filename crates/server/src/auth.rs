//! Recognises who is asking: a signature, a user token, or the admin token.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;
use samband_core::{Caller, Clock, KeySlot, ResourceId, Scopes, Secret, Who};
use samband_identity::{TokenFault, Tokens};
use samband_realtime::Right;
use samband_resources::{Directory, Resource};
use samband_store::Store;
use samband_wire_core::ApiError;
use samband_wire_core::signature::{self, Signed};
use subtle::ConstantTimeEq;

pub struct Gate {
    pub store: Store,
    pub directory: Arc<Directory>,
    pub tokens: Arc<Tokens>,
    pub clock: Arc<dyn Clock>,
    pub admin_token: Secret<String>,
    pub base_domain: String,
}

/// What a connection says of the requests on it.
#[derive(Debug, Clone)]
pub struct Origin {
    pub peer: SocketAddr,
    pub tls: bool,
    /// The resource whose own port was connected to.
    pub resource: Option<ResourceId>,
}

impl Gate {
    /// The resource that a request names by port or host; none if it names none.
    pub fn named_resource(&self, origin: &Origin, host: &str) -> Option<Arc<Resource>> {
        if let Some(id) = origin.resource {
            return self.directory.get(id);
        }
        let name = host
            .split(':')
            .next()
            .unwrap_or_default()
            .strip_suffix(&self.base_domain)?
            .strip_suffix('.')?;
        self.directory.by_name(name)
    }

    /// Keys and tokens are known in memory: who cannot learn what other nodes revoke trusts none of them.
    fn up_to_date(&self) -> Result<(), ApiError> {
        match self.store.knows_what_others_changed() {
            true => Ok(()),
            false => Err(ApiError::unavailable()),
        }
    }

    /// For operations that need no body to recognise the caller.
    pub async fn user(&self, parts: &Parts, named: Option<&Resource>, scopes: Scopes) -> Result<Caller, ApiError> {
        self.up_to_date()?;
        let authorization = authorization(parts)?;
        let Some(token) = bearer(authorization) else {
            let message = "This operation takes a user access token as 'Authorization: Bearer <token>'.";
            return Err(ApiError::unauthorized(message));
        };
        let grant = self.tokens.verify(token, self.clock.now()).await.map_err(refused)?;
        let caller = grant.caller();
        if named.is_some_and(|resource| resource.id != caller.resource) {
            return Err(ApiError::unauthorized(TokenFault::OtherResource.to_string()));
        }
        match caller.who {
            Who::User { scopes: held, .. } if held.any_of(scopes) => Ok(caller),
            Who::User { scopes: held, .. } => {
                let message =
                    format!("The access token has the scope '{held}'; this operation needs one of '{scopes}'.");
                Err(ApiError::forbidden(message))
            }
            Who::Key(_) | Who::Operator => Err(ApiError::unauthorized("A user access token is needed.")),
        }
    }

    /// A request signed with an access key of the resource; the operator may call in its place.
    pub fn key(
        &self,
        parts: &Parts,
        host: &str,
        body: &[u8],
        named: Option<Arc<Resource>>,
    ) -> Result<Caller, ApiError> {
        self.up_to_date()?;
        let missing = || ApiError::unauthorized("There is no resource to call.");
        let resource = named
            .or_else(|| self.directory.default_resource())
            .ok_or_else(missing)?;
        let authorization = authorization(parts)?;
        if let Some(token) = bearer(authorization) {
            self.check_admin_token(token)?;
            return Ok(Caller {
                resource: resource.id,
                who: Who::Operator,
            });
        }
        if !signature::is_signature(authorization) {
            let message = "This operation takes a request signed with an access key (HMAC-SHA256).";
            return Err(ApiError::unauthorized(message));
        }
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let signed = Signed {
            method: parts.method.as_str(),
            target,
            host,
            headers: &parts.headers,
            body,
        };
        let keys = KeySlot::ALL.map(|slot| (slot, resource.key(slot).secret.reveal().as_slice()));
        let slot = signed
            .verify(authorization, keys.into_iter(), self.clock.now())
            .map_err(|fault| ApiError::unauthorized(fault.to_string()))?;
        Ok(Caller {
            resource: resource.id,
            who: Who::Key(slot),
        })
    }

    /// Who opens the event stream: a user by a token, in the header or, from browsers, which cannot
    /// set headers, as a WebSocket subprotocol; a back end by a signature; the operator.
    pub async fn reader(&self, parts: &Parts, host: &str, named: Option<Arc<Resource>>) -> Result<Right, ApiError> {
        self.up_to_date()?;
        let offered = samband_realtime::offered_protocols(parts);
        let offered = offered.filter_map(|protocol| protocol.strip_prefix(samband_realtime::TOKEN_PROTOCOL));
        let token = match parts.headers.contains_key(AUTHORIZATION) {
            true => bearer(authorization(parts)?),
            false => offered.last(),
        };
        let Some(token) = token.filter(|token| self.check_admin_token(token).is_err()) else {
            let caller = self.key(parts, host, b"", named)?;
            let resource = caller.resource;
            return match caller.who {
                Who::Key(slot) => {
                    let generation = self.directory.key_generation(resource, slot);
                    let generation = generation.ok_or_else(|| ApiError::unauthorized("The resource is gone."))?;
                    Ok(Right::Key {
                        resource,
                        slot,
                        generation,
                    })
                }
                Who::Operator | Who::User { .. } => Ok(Right::Operator { resource }),
            };
        };
        let grant = self.tokens.verify(token, self.clock.now()).await.map_err(refused)?;
        if named.is_some_and(|resource| resource.id != grant.resource) {
            return Err(refused(TokenFault::OtherResource));
        }
        if !grant.scopes.any_of(Scopes::CHAT_USE) {
            return Err(ApiError::forbidden("The access token has no chat scope."));
        }
        Ok(Right::Token((*grant).clone()))
    }

    pub fn admin(&self, parts: &Parts) -> Result<Caller, ApiError> {
        let token = bearer(authorization(parts)?);
        let token = token.ok_or_else(|| {
            ApiError::unauthorized("The admin API takes the admin token as 'Authorization: Bearer <token>'.")
        })?;
        self.check_admin_token(token)?;
        let resource = self
            .directory
            .default_resource()
            .map_or(ResourceId::from_bytes([0; 16]), |found| found.id);
        Ok(Caller {
            resource,
            who: Who::Operator,
        })
    }

    fn check_admin_token(&self, token: &str) -> Result<(), ApiError> {
        let expected = self.admin_token.reveal().as_bytes();
        if bool::from(expected.ct_eq(token.as_bytes())) {
            Ok(())
        } else {
            Err(ApiError::unauthorized(
                "The token is not the admin token of this server.",
            ))
        }
    }

    /// For operations open to all: the caller is whoever; nothing is decided by it.
    pub fn anyone(&self, named: Option<&Resource>) -> Caller {
        let default = || self.directory.default_resource().map(|resource| resource.id);
        let resource = named.map(|resource| resource.id).or_else(default);
        Caller {
            resource: resource.unwrap_or(ResourceId::from_bytes([0; 16])),
            who: Who::Operator,
        }
    }
}

fn refused(fault: TokenFault) -> ApiError {
    match fault {
        TokenFault::Unavailable => ApiError::unavailable(),
        fault => ApiError::unauthorized(fault.to_string()),
    }
}

fn authorization(parts: &Parts) -> Result<&str, ApiError> {
    let value = parts.headers.get(AUTHORIZATION);
    let value = value.ok_or_else(|| ApiError::unauthorized("The request has no Authorization header."))?;
    value
        .to_str()
        .map_err(|_| ApiError::unauthorized("The Authorization header is malformed."))
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
