//! What identity is about: users that live or were deleted, tokens with a lifetime.

use samband_core::{Millis, Secret};

/// Minutes that a token lives if nothing is asked for.
pub const DEFAULT_LIFETIME_MINUTES: i64 = 1_440;
const LIFETIME_MINUTES: std::ops::RangeInclusive<i64> = 60..=1_440;

#[derive(Debug, Clone)]
pub struct AccessToken {
    pub token: Secret<String>,
    pub expires: Millis,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("'{0}' is not the id of a user of this resource (8:acs:<resource guid>_<user guid>).")]
    BadUserId(String),
    #[error("There is no such user.")]
    UserNotFound,
    #[error("A token lives 60 to 1440 minutes; {0} was asked for.")]
    BadLifetime(i64),
    #[error("The id of the repeatable request was used for a different one.")]
    OtherRequest,
    #[error("The store is unavailable.")]
    Unavailable,
}

pub fn check_lifetime(minutes: Option<i64>) -> Result<i64, IdentityError> {
    match minutes {
        None => Ok(DEFAULT_LIFETIME_MINUTES),
        Some(minutes) if LIFETIME_MINUTES.contains(&minutes) => Ok(minutes),
        Some(minutes) => Err(IdentityError::BadLifetime(minutes)),
    }
}
