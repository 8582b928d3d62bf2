//! `POST /chat/threads/{thread}/readReceipts`

use std::sync::Arc;

use samband_wire_chat::ReadReceiptWish;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread, message_id};
use crate::rules::ChatRefused;
use crate::store::SendReceipt;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let wish: ReadReceiptWish = request.json()?;
    let message = message_id(&wish.chat_message_id)?;
    let change = SendReceipt {
        at,
        message,
        most_members: chat.limits.receipts_and_typing_members,
    };
    chat.store.commit(change).await.map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
