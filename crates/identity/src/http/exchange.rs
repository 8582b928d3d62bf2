//! The exchanges of Microsoft Entra tokens for communication tokens. samband does not stand in for
//! Microsoft's directory, so it trusts no such token: 401, saying so.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};
use samband_wire_identity::{TeamsExchangeRequest, shape};

use crate::users::Users;

pub(super) async fn teams(_: Arc<Users>, request: Request) -> Result<Reply, ApiError> {
    let body: TeamsExchangeRequest = request.json()?;
    if body.token.is_empty() {
        return Err(ApiError::bad_request("The field 'token' is empty.").with_target("token"));
    }
    let needed = [("appId", body.app_id), ("userId", body.user_id)];
    for (field, value) in needed.iter().filter(|_| shape(request.version).exchange_names_user) {
        if value.is_none() {
            return Err(ApiError::bad_request(format!("The field '{field}' is missing.")).with_target(*field));
        }
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
