//! The bodies of Identity, as the newest api-version has them; where 2020 differs, its own stand
//! beside them. Unknown fields of requests are ignored, as the service does.

use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRequest {
    #[serde(default)]
    pub create_token_with_scopes: Option<Vec<String>>,
    pub expires_in_minutes: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest {
    pub scopes: Vec<String>,
    pub expires_in_minutes: Option<i64>,
}

/// 2020: the time before which tokens are not valid.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateRequest {
    pub tokens_valid_from: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamsExchangeRequest {
    pub token: String,
    pub app_id: Option<String>,
    pub user_id: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Identity {
    pub id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    pub token: String,
    pub expires_on: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityResult {
    pub identity: Identity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessToken>,
}

/// 2020: a token with the identity that it is for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityToken {
    pub id: String,
    pub token: String,
    pub expires_on: String,
}
