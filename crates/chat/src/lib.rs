//! Chat: threads, their members, messages, read receipts. The rules, their storage, and the
//! operations on the wire.

mod content;
pub mod http;
pub mod images;
pub mod jobs;
mod model;
mod rules;
pub mod store;

pub use model::{
    AttachedImage, ChangedDoc, Kinds, MEMBERS_NAMED, Member, MemberDoc, MessageDoc, ReceiptDoc, ShareHistory,
    StoredImage, StoredMessage, SystemDoc, ThreadInfo, ThreadLine, TypingDoc,
};
pub use rules::ChatRefused;
pub use store::{MIGRATIONS, TABLES};
