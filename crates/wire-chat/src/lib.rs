//! The wire of Chat: its endpoint table, its newest types, and what each api-version lacks.
//!
//! Handlers know the newest types alone. [`Shape`] reads a request of any version into them and
//! writes an answer in that version's form.

mod about;
mod attachments;
pub mod identifier;
mod requests;
mod responses;
mod shape;
mod table;

pub use attachments::{Attachment, AttachmentType, AttachmentWish, Attachments, IMAGE, UploadedImage};
pub use requests::{
    AddParticipants, CreateThread, MessageType, Metadata, MetadataPatch, ParticipantWish, ReadReceiptWish,
    RetentionPolicy, SendMessage, Typing, UpdateMessage, UpdateParticipant, UpdateThread,
};
pub use responses::{
    AddedParticipants, CreatedThread, Message, MessageContent, Paged, Participant, ReadReceipt, SentMessage, Thread,
    ThreadItem,
};
pub use shape::Shape;
pub use table::SERVICE;

use samband_wire_core::ApiVersion;

// Oldest first, one file each. A new api-version is a file and a row here.
samband_wire_core::versions! {
    v2020_09_21_preview2,
    v2020_11_01_preview3,
    v2021_01_27_preview4,
    v2021_03_01_preview5,
    v2021_03_07,
    v2021_04_05_preview6,
    v2021_09_07,
    v2021_10_01_preview7,
    v2023_04_01_preview,
    v2023_07_01_preview,
    v2023_11_07,
    v2023_11_15_preview,
    v2024_03_01_preview,
    v2024_03_07,
    v2024_03_15_preview,
    v2024_06_05_preview,
    v2025_03_15,
}

/// What an api-version looks like. Versions are resolved before, so the newest stands in for none.
pub fn shape(version: ApiVersion) -> &'static Shape {
    SHAPES
        .iter()
        .find(|shape| shape.version == version)
        .unwrap_or(&SHAPES[SHAPES.len() - 1])
}
