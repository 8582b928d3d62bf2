//! `DELETE /identities/{id}`: the user is gone, and its tokens with it.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::refusal;
use crate::users::Users;

pub(super) async fn serve(users: Arc<Users>, request: Request) -> Result<Reply, ApiError> {
    let resource = request.caller.resource;
    let user = users.parse(resource, request.param(0)).map_err(refusal)?;
    users.delete(resource, user).await.map_err(refusal)?;
    Ok(Reply::empty(204))
}
