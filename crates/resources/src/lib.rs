//! Resources (what ACS calls Communication Services resources): their names and access keys.

mod directory;
pub mod http;
mod model;
mod store;

pub use directory::{Directory, ResourceError};
pub use model::{AccessKey, NewResource, Resource, check_name};
pub use store::{MIGRATIONS, TABLES};
