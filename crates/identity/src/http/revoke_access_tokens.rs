//! `POST /identities/{id}/:revokeAccessTokens`

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::{accepted, refusal, repeat_key};
use crate::users::Users;

pub(super) async fn serve(users: Arc<Users>, request: Request) -> Result<Reply, ApiError> {
    let resource = request.caller.resource;
    let user = users.parse(resource, request.param(0)).map_err(refusal)?;
    let repeat = repeat_key(&users, &request, "RevokeAccessTokens")?;
    let repeated = repeat.is_some();
    users
        .revoke_tokens(resource, user, None, repeat)
        .await
        .map_err(refusal)?;
    Ok(accepted(Reply::empty(204), repeated))
}
