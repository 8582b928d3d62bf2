//! What differs between api-versions of Identity. Each version's file states only its difference
//! from the next newer one.

use samband_core::{Scope, Scopes};
use samband_wire_core::{ApiError, ApiVersion};

#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub version: ApiVersion,
    /// The scopes that a token may be asked for.
    pub scopes: &'static [Scope],
    /// Scopes that are accepted and mean nothing.
    pub ignored_scopes: &'static [&'static str],
    /// Whether requests may say how long a token lives.
    pub expires_in_minutes: bool,
    /// Whether creation and revocation may be repeated (2023-08-01 only).
    pub repeatable: bool,
    /// The exchange of a Teams token names the application and the user that it is for.
    pub exchange_names_user: bool,
    /// 2020: identities and tokens are answered flat, as `{id}` and `{id, token, expiresOn}`.
    pub flat: bool,
}

impl Shape {
    pub fn scopes(&self, asked: &[String], target: &str) -> Result<Scopes, ApiError> {
        if asked.is_empty() {
            return Err(ApiError::bad_request("A token needs at least one scope.").with_target(target));
        }
        let mut scopes = Scopes::NONE;
        for (index, name) in asked.iter().enumerate() {
            match name.parse::<Scope>() {
                Ok(scope) if self.scopes.contains(&scope) => scopes.insert(scope),
                _ if self.ignored_scopes.contains(&name.as_str()) => {}
                _ => {
                    let known: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
                    let name = samband_wire_core::error::shorten(name);
                    let message = format!("'{name}' is not a token scope; the scopes are: {}.", known.join(", "));
                    return Err(ApiError::bad_request(message).with_target(format!("{target}[{index}]")));
                }
            }
        }
        Ok(scopes)
    }
}
