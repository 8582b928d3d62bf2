//! The exchanges of Microsoft Entra tokens for communication tokens. samband does not stand in for
//! Microsoft's directory, so it trusts no such token: 401, saying so.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};
use samband_wire_identity::TeamsExchangeRequest;

use crate::users::Users;

pub(super) async fn teams(_: Arc<Users>, request: Request) -> Result<Reply, ApiError> {
    let body: TeamsExchangeRequest = request.json()?;
    if body.token.is_empty() {
        return Err(ApiError::bad_request("The field 'token' is empty.").with_target("token"));
    }
    Err(untrusted())
}

pub(super) async fn entra(_: Arc<Users>, _: Request) -> Result<Reply, ApiError> {
    Err(untrusted())
}

fn untrusted() -> ApiError {
    ApiError::unauthorized(
        "This server does not trust tokens of Microsoft Entra ID, so it cannot exchange one. \
         Create a user and issue it a token instead (docs/compat.md).",
    )
}
