//! `DELETE /chat/threads/{thread}`: gone for all at once; its rows go in the background.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread};
use crate::rules::ChatRefused;
use crate::store::DeleteThread;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let change = DeleteThread {
        at: in_thread(&request)?,
        by_policy: false,
    };
    chat.store.commit(change).await.map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
