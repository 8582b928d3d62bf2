//! What every engine promises of chat: each change and each question, and a model that random
//! sequences of them are compared with.

#[path = "chat/deletion.rs"]
mod deletion;
#[path = "chat/heard.rs"]
mod heard;
#[path = "chat/images.rs"]
mod images;
#[path = "chat/isolation.rs"]
mod isolation;
#[path = "chat/listing.rs"]
mod listing;
#[path = "chat/members.rs"]
mod members;
#[path = "chat/messages.rs"]
mod messages;
#[path = "chat/model.rs"]
mod model;
#[path = "chat/receipts.rs"]
mod receipts;
#[path = "chat/sequences.rs"]
mod sequences;
#[path = "chat/threads.rs"]
mod threads;
#[path = "chat/transfer.rs"]
mod transfer;
#[path = "chat/world.rs"]
mod world;
