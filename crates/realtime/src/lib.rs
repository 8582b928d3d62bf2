//! Real time: who is connected, and what they hear. The sockets of the SDKs and the open event
//! stream are two ways out of the same hub.

mod event;
mod hub;
mod service;
mod session;
mod signalling;

pub use hub::Hub;
pub use service::{Answer, Body, RealTime, Settings};
