//! The wire of Chat: its endpoint table, its newest types, and what each api-version lacks.
//!
//! Handlers know the newest types alone. [`Shape`] reads a request of any version into them and
//! writes an answer in that version's form.

mod attachments;
pub mod identifier;
mod requests;
mod responses;
mod shape;
mod table;
mod v2020_09_21_preview2;
mod v2021_03_01_preview5;
mod v2021_03_07;
mod v2021_04_05_preview6;
mod v2021_09_07;
mod v2023_04_01_preview;
mod v2023_07_01_preview;
mod v2023_11_07;
mod v2023_11_15_preview;
mod v2024_03_01_preview;
mod v2024_03_07;
mod v2024_03_15_preview;
mod v2024_06_05_preview;
mod v2025_03_15;

pub use attachments::{Attachment, AttachmentType, AttachmentWish, Attachments, IMAGE, UploadedImage};
pub use requests::{
    AddParticipants, CreateThread, MessageType, Metadata, MetadataPatch, ParticipantWish, ReadReceiptWish,
    RetentionPolicy, SendMessage, Typing, UpdateMessage, UpdateThread,
};
pub use responses::{
    AddedParticipants, CreatedThread, Message, MessageContent, Paged, Participant, ReadReceipt, SentMessage, Thread,
    ThreadItem,
};
pub use shape::Shape;
pub use table::SERVICE;

use samband_wire_core::ApiVersion;

/// Oldest first, one file each. A new api-version is a file and a line here.
const SHAPES: [&Shape; 14] = [
    &v2020_09_21_preview2::SHAPE,
    &v2021_03_01_preview5::SHAPE,
    &v2021_03_07::SHAPE,
    &v2021_04_05_preview6::SHAPE,
    &v2021_09_07::SHAPE,
    &v2023_04_01_preview::SHAPE,
    &v2023_07_01_preview::SHAPE,
    &v2023_11_07::SHAPE,
    &v2023_11_15_preview::SHAPE,
    &v2024_03_01_preview::SHAPE,
    &v2024_03_07::SHAPE,
    &v2024_03_15_preview::SHAPE,
    &v2024_06_05_preview::SHAPE,
    &v2025_03_15::SHAPE,
];

/// What an api-version looks like. Versions are resolved before, so the newest stands in for none.
pub fn shape(version: ApiVersion) -> &'static Shape {
    SHAPES
        .iter()
        .find(|shape| shape.version == version)
        .unwrap_or(&SHAPES[SHAPES.len() - 1])
}
