//! Identity: the users of a resource and the access tokens that stand for them.

pub mod admin;
pub mod http;
mod keys;
mod model;
mod store;
mod tokens;
mod users;

pub use keys::SigningKeys;
pub use model::{AccessToken, DEFAULT_LIFETIME_MINUTES, IdentityError, check_lifetime};
pub use store::{MIGRATIONS, SharedSecret, TABLES, UsersKnown};
pub use tokens::{Grant, TokenFault, Tokens};
pub use users::Users;
