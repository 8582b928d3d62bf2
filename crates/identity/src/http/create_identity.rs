//! `POST /identities`

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};
use samband_wire_identity::{AccessToken, CreateRequest, Identity, IdentityResult, shape};

use super::{accepted, refusal, repeat_key};
use crate::users::{TokenWish, Users};

pub(super) async fn serve(users: Arc<Users>, request: Request) -> Result<Reply, ApiError> {
    let shape = shape(request.version);
    let resource = request.caller.resource;
    if shape.flat {
        // 2020: no body, no token.
        let user = users.create(resource, None).await.map_err(refusal)?;
        return Ok(Reply::json(
            200,
            &Identity {
                id: user.raw_id(resource),
            },
        ));
    }
    let body: CreateRequest = request.json_or_default()?;
    let repeat = repeat_key(&users, &request, "CreateIdentity")?;
    let repeated = repeat.is_some();
    let asked = body.create_token_with_scopes.unwrap_or_default();
    let (user, access_token) = if asked.is_empty() {
        (users.create(resource, repeat).await.map_err(refusal)?, None)
    } else {
        let wish = TokenWish {
            scopes: shape.scopes(&asked, "createTokenWithScopes")?,
            lifetime_minutes: body.expires_in_minutes.filter(|_| shape.expires_in_minutes),
            by: request.caller.who,
            base_url: &request.base_url,
        };
        let (user, token) = users.create_with_token(resource, wish, repeat).await.map_err(refusal)?;
        let token = AccessToken {
            token: token.token.into_inner(),
            expires_on: token.expires.to_string(),
        };
        (user, Some(token))
    };
    let result = IdentityResult {
        identity: Identity {
            id: user.raw_id(resource),
        },
        access_token,
    };
    Ok(accepted(Reply::json(201, &result), repeated))
}
