//! `DELETE /chat/threads/{thread}/images/{image}`: seen by nobody at once; its chunks go in the background.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, image, in_thread};
use crate::rules::ChatRefused;
use crate::store::DeleteImage;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let change = DeleteImage {
        at: in_thread(&request)?,
        id: image(&request)?,
    };
    chat.store.commit(change).await.map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
