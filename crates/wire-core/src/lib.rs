//! What the wire of every service has in common: api-versions, the endpoint table, requests and
//! replies, the error envelopes, paging, and requests signed with an access key.

pub mod about;
pub mod endpoint;
pub mod error;
mod objects;
pub mod paging;
pub mod repeatability;
pub mod request;
pub mod signature;
pub mod version;

pub use about::{About, Field, Kind, Object, Refusal};
pub use endpoint::{Auth, Endpoint, Method, Rate, RateScope, Served, Service};
pub use error::{ApiError, Detail, Envelope};
pub use paging::{Page, PageQuery};
pub use request::{Handler, Pieces, Reply, Request, handler};
pub use version::{ApiVersion, Resolved};
