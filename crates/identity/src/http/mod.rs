//! Identity on the wire: one file per operation.

mod create_identity;
mod delete_identity;
mod exchange;
mod issue_access_token;
mod revoke_access_tokens;
mod update_identity;

use std::sync::Arc;

use samband_store::RepeatKey;
use samband_wire_core::{ApiError, Handler, Reply, Request, handler, repeatability};
use samband_wire_identity::shape;
use sha2::{Digest, Sha256};

use crate::model::IdentityError;
use crate::users::Users;

pub fn handlers(users: &Arc<Users>) -> Vec<(&'static str, Handler)> {
    vec![
        ("CreateIdentity", handler(users, create_identity::serve)),
        ("DeleteIdentity", handler(users, delete_identity::serve)),
        ("UpdateIdentity", handler(users, update_identity::serve)),
        ("RevokeAccessTokens", handler(users, revoke_access_tokens::serve)),
        ("IssueAccessToken", handler(users, issue_access_token::serve)),
        ("ExchangeTeamsUserAccessToken", handler(users, exchange::teams)),
        ("ExchangeEntraAccessToken", handler(users, exchange::entra)),
        ("ExchangeTeamsExtensionAccessToken", handler(users, exchange::entra)),
    ]
}

/// By what a request may be repeated, if its api-version knows of that and the request asks for it.
fn repeat_key(users: &Users, request: &Request, op: &str) -> Result<Option<RepeatKey>, ApiError> {
    if !shape(request.version).repeatable {
        return Ok(None);
    }
    let id = repeatability::request_id(request, users.clock.now())?;
    Ok(id.map(|id| RepeatKey {
        scope: [request.caller.resource.as_bytes().as_slice(), op.as_bytes()].concat(),
        key: id.to_string(),
        request_hash: Sha256::new()
            .chain_update(&request.path)
            .chain_update([0])
            .chain_update(&request.body)
            .finalize()
            .into(),
    }))
}

/// Tells whoever asked for a repeatable request that it was one.
fn accepted(reply: Reply, repeat: bool) -> Reply {
    if repeat {
        reply.header(repeatability::RESULT, "accepted")
    } else {
        reply
    }
}

/// The one table from refusal to status and code.
pub(crate) fn refusal(error: IdentityError) -> ApiError {
    let message = error.to_string();
    match error {
        IdentityError::BadUserId(_) => ApiError::bad_request(message).with_target("id"),
        IdentityError::UserNotFound => ApiError::not_found(message).with_target("id"),
        IdentityError::BadLifetime(_) => ApiError::bad_request(message).with_target("expiresInMinutes"),
        IdentityError::OtherRequest => ApiError::bad_request(message).with_target("Repeatability-Request-ID"),
        IdentityError::Unavailable => ApiError::unavailable(),
    }
}
