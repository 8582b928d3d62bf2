//! The wire of real time: what happened in a chat thread, as the SDKs' sockets and the open event
//! stream carry it, and the protocols around the sockets (spec: realtime-notifications.md).
//!
//! Codecs only: no I/O, no clock, no chance, no rules.

pub mod allocate;
pub mod event;
pub mod open;
pub mod payload;
pub mod polling;
pub mod query;
pub mod sign;
pub mod socketio;
mod template;

pub use allocate::ConnectionId;
pub use event::{
    Attachment, AttachmentKind, ChatEvent, EventParticipant, Initiator, Message, MessageDeleted, MessageEdited,
    Metadata, ParticipantsChanged, ReadReceipt, ThreadCreated, ThreadDeleted, ThreadProperties,
    ThreadPropertiesUpdated, Typing,
};
pub use payload::{Delivery, SharedPayload, shared};
pub use query::Query;
pub use sign::{Fault, Grant, Session, Signer};
pub use socketio::Packet;

#[cfg(test)]
mod tests;
