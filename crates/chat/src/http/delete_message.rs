//! `DELETE /chat/threads/{thread}/messages/{message}`: the line stays, with `deletedOn` and no content.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread, message};
use crate::rules::ChatRefused;
use crate::store::DeleteMessage;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let change = DeleteMessage {
        at: in_thread(&request)?,
        message: message(&request)?,
    };
    chat.store.commit(change).await.map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
