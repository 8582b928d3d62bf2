//! Identity on the wire: one file per operation.

mod create_identity;
mod delete_identity;
mod exchange;
mod issue_access_token;
mod revoke_access_tokens;
mod update_identity;

use std::sync::Arc;

use samband_wire_core::{ApiError, Handler, handler};

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

/// The one table from refusal to status and code.
pub(crate) fn refusal(error: IdentityError) -> ApiError {
    let message = error.to_string();
    match error {
        IdentityError::BadUserId(_) => ApiError::bad_request(message).with_target("id"),
        IdentityError::UserNotFound => ApiError::not_found(message).with_target("id"),
        IdentityError::BadLifetime(_) => ApiError::bad_request(message).with_target("expiresInMinutes"),
        IdentityError::Unavailable => ApiError::unavailable(),
    }
}
