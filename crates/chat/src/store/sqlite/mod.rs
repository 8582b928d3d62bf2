//! The SQL of chat on the embedded engine.

mod heard;
mod members;
mod messages;
mod receipts;
mod threads;

pub(super) use heard::*;
pub(super) use members::*;
pub(super) use messages::*;
pub(super) use receipts::*;
pub(super) use threads::*;
