//! Real time: the hub that knows who hears what, the sockets of the SDKs, and the open event stream.

pub mod admin;
mod admission;
mod chunks;
mod event;
mod hub;
mod leash;
mod open_stream;
mod service;
mod session;
mod shared;
mod signalling;
mod upgrade;

pub use chunks::Chunks;
pub use event::newcomers;
pub use hub::{Endpoint, Hub};
pub use leash::Right;
pub use open_stream::{TOKEN_PROTOCOL, offered_protocols};
pub use service::{Answer, Body, RealTime, Settings, refuse};
