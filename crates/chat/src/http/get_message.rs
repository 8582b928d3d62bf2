//! `GET /chat/threads/{thread}/messages/{message}`

use std::sync::Arc;

use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread, message, views};
use crate::rules::ChatRefused;
use crate::store::GetMessage;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let query = GetMessage {
        at,
        message: message(&request)?,
    };
    let stored = chat.store.read(query).await.map_err(ChatRefused::from)??;
    Ok(shape(request.version).message(request.success, views::message(&request, at, stored)?))
}
