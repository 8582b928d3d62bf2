//! `POST /identities/{id}/:issueAccessToken`; in 2020 `POST /identities/{id}/token`.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};
use samband_wire_identity::{AccessToken, IdentityToken, TokenRequest, shape};

use super::refusal;
use crate::users::{TokenWish, Users};

pub(super) async fn serve(users: Arc<Users>, request: Request) -> Result<Reply, ApiError> {
    let shape = shape(request.version);
    let resource = request.caller.resource;
    let user = users.parse(resource, request.param(0)).map_err(refusal)?;
    let body: TokenRequest = request.json()?;
    let wish = TokenWish {
        scopes: shape.scopes(&body.scopes, "scopes")?,
        lifetime_minutes: body.expires_in_minutes.filter(|_| shape.expires_in_minutes),
        by: request.caller.who,
        base_url: &request.base_url,
    };
    let issued = users.issue_token(resource, user, wish).await.map_err(refusal)?;
    let (token, expires_on) = (issued.token.into_inner(), issued.expires.to_string());
    Ok(if shape.flat {
        Reply::json(
            200,
            &IdentityToken {
                id: user.raw_id(resource),
                token,
                expires_on,
            },
        )
    } else {
        Reply::json(200, &AccessToken { token, expires_on })
    })
}
