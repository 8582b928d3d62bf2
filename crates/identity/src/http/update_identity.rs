//! `PATCH /identities/{id}` (2020): `tokensValidFrom` revokes the tokens issued before.

use std::sync::Arc;

use samband_core::Millis;
use samband_wire_core::{ApiError, Reply, Request};
use samband_wire_identity::UpdateRequest;

use super::refusal;
use crate::users::Users;

pub(super) async fn serve(users: Arc<Users>, request: Request) -> Result<Reply, ApiError> {
    let resource = request.caller.resource;
    let user = users.parse(resource, request.param(0)).map_err(refusal)?;
    let body: UpdateRequest = request.json()?;
    let issued_before = match body.tokens_valid_from {
        // The SDK leaves it out to mean now.
        None => None,
        Some(text) => Some(Millis::parse(&text).ok_or_else(|| {
            ApiError::bad_request("'tokensValidFrom' is not an RFC 3339 date and time.").with_target("tokensValidFrom")
        })?),
    };
    // A moment to come would revoke tokens that are not issued yet.
    let issued_before = issued_before.map(|moment| moment.min(users.clock.now()));
    users
        .revoke_tokens(resource, user, issued_before, None)
        .await
        .map_err(refusal)?;
    Ok(Reply::empty(204))
}
