//! The SQL of chat on the embedded engine.

mod heard;
mod images;
mod members;
mod messages;
mod receipts;
mod threads;
