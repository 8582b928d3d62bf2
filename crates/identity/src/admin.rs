//! The admin API of users and tokens: what the identity operations do, for the operator, without
//! an access key.

mod about;

use std::sync::Arc;

use samband_core::ResourceId;
use samband_resources::Directory;
use samband_wire_core::{
    ApiError, Auth, Endpoint, Envelope, Handler, Method, Reply, Request, Served, Service, handler,
};
use serde::{Deserialize, Serialize};

use crate::http::refusal;
use crate::keys::SigningKeys;
use crate::users::{TokenWish, Users};

/// What the handlers need.
pub struct Admin {
    pub users: Arc<Users>,
    pub keys: Arc<SigningKeys>,
    pub directory: Arc<Directory>,
}

const USERS: &str = "/_samband/v1/admin/resources/{name}/users";
const USER: &str = "/_samband/v1/admin/resources/{name}/users/{id}";
const TOKEN: &str = "/_samband/v1/admin/resources/{name}/users/{id}/:issueAccessToken";
const REVOKE: &str = "/_samband/v1/admin/resources/{name}/users/{id}/:revokeAccessTokens";
const ROTATE: &str = "/_samband/v1/admin/signingKeys/:rotate";

pub static SERVICE: Service = Service {
    name: "users",
    versions: &[],
    envelope: |_| Envelope::Nested,
    endpoints: &[
        Endpoint::new("CreateUser", Auth::Admin, &[Served::always(Method::Post, USERS, 201)]),
        Endpoint::new("DeleteUser", Auth::Admin, &[Served::always(Method::Delete, USER, 204)]),
        Endpoint::new("IssueToken", Auth::Admin, &[Served::always(Method::Post, TOKEN, 200)]),
        Endpoint::new(
            "RevokeTokens",
            Auth::Admin,
            &[Served::always(Method::Post, REVOKE, 204)],
        ),
        Endpoint::new(
            "RotateSigningKey",
            Auth::Admin,
            &[Served::always(Method::Post, ROTATE, 200)],
        ),
        Endpoint::new(
            "Jwks",
            Auth::Open,
            &[Served::always(Method::Get, "/_samband/v1/jwks.json", 200)],
        ),
    ],
    rates: &[],
    about: about::ABOUT,
};

pub fn handlers(admin: &Arc<Admin>) -> Vec<(&'static str, Handler)> {
    vec![
        ("CreateUser", handler(admin, create_user)),
        ("DeleteUser", handler(admin, delete_user)),
        ("IssueToken", handler(admin, issue_token)),
        ("RevokeTokens", handler(admin, revoke_tokens)),
        ("RotateSigningKey", handler(admin, rotate_signing_key)),
        ("Jwks", handler(admin, jwks)),
    ]
}

#[derive(Serialize)]
struct UserView {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenBody {
    scopes: Vec<String>,
    expires_in_minutes: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenView {
    token: String,
    expires_on: String,
}

#[derive(Serialize)]
struct KeyView {
    kid: String,
}

impl Admin {
    fn resource(&self, request: &Request) -> Result<ResourceId, ApiError> {
        let missing = || ApiError::not_found("There is no such resource.").with_target("name");
        self.directory
            .by_name(request.param(0))
            .map(|resource| resource.id)
            .ok_or_else(missing)
    }
}

async fn create_user(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let resource = admin.resource(&request)?;
    let user = admin.users.create(resource, None).await.map_err(refusal)?;
    Ok(Reply::json(
        201,
        &UserView {
            id: user.raw_id(resource),
        },
    ))
}

async fn delete_user(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let resource = admin.resource(&request)?;
    let user = admin.users.parse(resource, request.param(1)).map_err(refusal)?;
    admin.users.delete(resource, user).await.map_err(refusal)?;
    Ok(Reply::empty(204))
}

async fn issue_token(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let resource = admin.resource(&request)?;
    let user = admin.users.parse(resource, request.param(1)).map_err(refusal)?;
    let body: TokenBody = request.json()?;
    if body.scopes.is_empty() {
        return Err(ApiError::bad_request("A token needs at least one scope.").with_target("scopes"));
    }
    let scopes = body.scopes.join(",").parse().map_err(|unknown: String| {
        let unknown = samband_wire_core::error::shorten(&unknown);
        ApiError::bad_request(format!("'{unknown}' is not a token scope.")).with_target("scopes")
    })?;
    let wish = TokenWish {
        scopes,
        lifetime_minutes: body.expires_in_minutes,
        by: request.caller.who,
        base_url: &request.base_url,
    };
    let token = admin.users.issue_token(resource, user, wish).await.map_err(refusal)?;
    let view = TokenView {
        token: token.token.into_inner(),
        expires_on: token.expires.to_string(),
    };
    Ok(Reply::json(200, &view))
}

async fn revoke_tokens(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let resource = admin.resource(&request)?;
    let user = admin.users.parse(resource, request.param(1)).map_err(refusal)?;
    admin
        .users
        .revoke_tokens(resource, user, None, None)
        .await
        .map_err(refusal)?;
    Ok(Reply::empty(204))
}

async fn rotate_signing_key(admin: Arc<Admin>, _: Request) -> Result<Reply, ApiError> {
    let kid = admin.keys.rotate().await.map_err(refusal)?;
    Ok(Reply::json(200, &KeyView { kid }))
}

/// The public keys of tokens (RFC 7517).
async fn jwks(admin: Arc<Admin>, _: Request) -> Result<Reply, ApiError> {
    Ok(Reply::json(200, &admin.keys.jwks()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sound() {
        assert_eq!(super::SERVICE.faults(), Vec::<String>::new());
    }
}
