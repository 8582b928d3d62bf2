//! Chat on the wire: one file per operation.

mod add_participants;
mod attachments;
mod create_thread;
mod delete_image;
mod delete_message;
mod delete_thread;
mod get_image;
mod get_message;
mod get_thread;
mod list_messages;
mod list_participants;
mod list_read_receipts;
mod list_threads;
mod remove_participant;
mod send_message;
mod send_read_receipt;
mod send_typing;
mod update_message;
mod update_participant;
mod update_thread;
mod upload_image;
mod views;
mod wishes;

use std::sync::Arc;

use samband_bus::Bus;
use samband_core::{Clock, ImageId, Kind, Limits, LogPosition, Note, Random, ResourceId, Stamp, UserId, Who};
use samband_store::Store;
use samband_wire_core::error::shorten;
use samband_wire_core::{ApiError, Handler, Request, handler};

pub use self::send_typing::TypingRate;
use crate::images::Workshop;
use crate::rules::ChatRefused;
use crate::store::InThread;

/// What the handlers need.
pub struct Chat {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub limits: Limits,
    pub bus: Bus,
    pub typing: TypingRate,
    pub workshop: Workshop,
}

impl Chat {
    /// Lets those connected hear what is not in the log.
    fn tell<T: serde::Serialize>(&self, at: InThread, kind: Kind, doc: &T) {
        let Ok(body) = serde_json::to_vec(doc) else { return };
        let note = Note {
            resource: at.resource,
            stream: at.thread.into(),
            position: LogPosition(0),
            stamp: Stamp(0),
            prev: Stamp(0),
            at: self.clock.now(),
            kind,
            actor: Some(Arc::from(crate::store::user_key(at.caller).as_slice())),
            about: None,
            seq: None,
            body: body.into(),
        };
        self.bus.publish(note, &[]);
    }
}

pub fn handlers(chat: &Arc<Chat>) -> Vec<(&'static str, Handler)> {
    vec![
        ("CreateChatThread", handler(chat, create_thread::serve)),
        ("ListChatThreads", handler(chat, list_threads::serve)),
        ("GetChatThreadProperties", handler(chat, get_thread::serve)),
        ("UpdateChatThreadProperties", handler(chat, update_thread::serve)),
        ("DeleteChatThread", handler(chat, delete_thread::serve)),
        ("ListChatParticipants", handler(chat, list_participants::serve)),
        ("AddChatParticipants", handler(chat, add_participants::serve)),
        ("RemoveChatParticipant", handler(chat, remove_participant::serve)),
        ("UpdateChatParticipant", handler(chat, update_participant::serve)),
        ("SendChatMessage", handler(chat, send_message::serve)),
        ("ListChatMessages", handler(chat, list_messages::serve)),
        ("GetChatMessage", handler(chat, get_message::serve)),
        ("UpdateChatMessage", handler(chat, update_message::serve)),
        ("DeleteChatMessage", handler(chat, delete_message::serve)),
        ("ListChatReadReceipts", handler(chat, list_read_receipts::serve)),
        ("SendChatReadReceipt", handler(chat, send_read_receipt::serve)),
        ("SendTypingNotification", handler(chat, send_typing::serve)),
        ("UploadChatImage", handler(chat, upload_image::serve)),
        ("GetChatImage", handler(chat, get_image::serve)),
        ("GetAttachedChatImage", handler(chat, get_image::serve)),
        ("DeleteChatImage", handler(chat, delete_image::serve)),
    ]
}

/// The user who asks. The server has checked that a user does.
fn caller(request: &Request) -> Result<(ResourceId, UserId), ApiError> {
    match request.caller.who {
        Who::User { id, .. } => Ok((request.caller.resource, id)),
        Who::Key(_) | Who::Operator => Err(ApiError::unauthorized("Chat takes a user access token.")),
    }
}

/// The thread of the path, and who asks for it.
fn in_thread(request: &Request) -> Result<InThread, ApiError> {
    let (resource, caller) = caller(request)?;
    let thread = request
        .param(0)
        .parse()
        .map_err(|error: samband_core::IdError| ApiError::bad_request(error.to_string()).with_target("chatThreadId"))?;
    Ok(InThread {
        resource,
        thread,
        caller,
    })
}

/// The message of the path.
fn message(request: &Request) -> Result<Stamp, ApiError> {
    message_id(request.param(1))
}

fn message_id(text: &str) -> Result<Stamp, ApiError> {
    text.parse().map_err(|_| {
        let message = format!("'{}' is not a message id (decimal digits).", shorten(text));
        ApiError::bad_request(message).with_target("chatMessageId")
    })
}

/// The image of the path. Ids are the server's own: what is none names no image.
fn image(request: &Request) -> Result<ImageId, ChatRefused> {
    request.param(1).parse().map_err(|_| ChatRefused::ImageNotFound)
}
