//! PostgreSQL: several nodes on one database. A few lanes (connections) a node, each with a queue; a
//! stream has its lane, so that what is sent to a thread at the same time shares a transaction and its
//! flush. Readers beside them.

mod clock;
mod connect;
mod engine;
mod lane;
mod lease;
mod log;
mod migrate;
mod outdated;
mod repeat;
mod session;
mod transfer;
mod tx;

pub use connect::{Options, others};
pub(crate) use engine::Engine;
pub use lease::Lease;
pub use session::{Params, Session};
pub use tx::Tx;
