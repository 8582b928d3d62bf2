//! `POST /chat/threads/{thread}/messages`

use std::sync::Arc;

use samband_wire_chat::{MessageType, SentMessage, shape};
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, attachments, in_thread, views};
use crate::content::{check_message, check_metadata, check_name, clean};
use crate::model::MessageDoc;
use crate::rules::ChatRefused;
use crate::store::SendMessage;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let shape = shape(request.version);
    let wish = shape.send_message(&request)?;
    let message_type = wish.message_type.unwrap_or_default();
    let html = match message_type {
        MessageType::Text => false,
        MessageType::Html => true,
        MessageType::TopicUpdated | MessageType::ParticipantAdded | MessageType::ParticipantRemoved => {
            let message = "A message that is sent is of type 'text' or 'html'; the other types are the system's own.";
            return Err(ApiError::bad_request(message).with_target("type"));
        }
    };
    check_message(&wish.content, chat.limits.message_bytes)?;
    let metadata = wish.metadata.unwrap_or_default();
    check_metadata(&metadata, chat.limits.message_bytes)?;
    if let Some(name) = &wish.sender_display_name {
        check_name(name, "senderDisplayName")?;
    }
    let attachments = attachments::stored(&chat, at, wish.attachments).await?;
    let doc = MessageDoc {
        content: clean(message_type, wish.content),
        sender_display_name: wish.sender_display_name,
        metadata,
        high_priority: wish.high_priority,
        attachments: attachments.unwrap_or_default(),
    };
    let id = chat
        .store
        .commit(SendMessage::new(at, html, &doc))
        .await
        .map_err(ChatRefused::from)?;
    let location = format!(
        "{}/chat/threads/{}/messages/{id}",
        request.base_url,
        views::path_segment(&at.thread.to_string())
    );
    Ok(shape
        .sent_message(request.success, SentMessage { id })
        .header(http::header::LOCATION, &location))
}
