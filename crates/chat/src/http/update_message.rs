//! `PATCH /chat/threads/{thread}/messages/{message}`

use std::sync::Arc;

use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, attachments, in_thread, message};
use crate::content::{check_message, check_metadata_patch};
use crate::rules::ChatRefused;
use crate::store::UpdateMessage;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let message = message(&request)?;
    let wish = shape(request.version).update_message(&request)?;
    if let Some(content) = &wish.content {
        check_message(content, chat.limits.message_bytes)?;
    }
    check_metadata_patch(wish.metadata.as_ref(), chat.limits.message_bytes)?;
    let attachments = attachments::stored(&chat, at, wish.attachments).await?;
    let change = UpdateMessage {
        at,
        message,
        content: wish.content,
        metadata: wish.metadata,
        high_priority: wish.high_priority,
        attachments,
    };
    chat.store.commit(change).await.map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
