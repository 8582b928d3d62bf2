//! `PATCH /chat/threads/{thread}`: topic, metadata, retention.

use std::sync::Arc;

use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::create_thread::check_retention;
use super::{Chat, in_thread};
use crate::content::{check_metadata_patch, check_name};
use crate::rules::ChatRefused;
use crate::store::UpdateThread;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let wish = shape(request.version).update_thread(&request)?;
    if let Some(topic) = &wish.topic {
        check_name(topic, "topic")?;
    }
    check_metadata_patch(wish.metadata.as_ref(), chat.limits.message_bytes)?;
    check_retention(wish.retention, &chat.limits)?;
    let change = UpdateThread {
        at,
        topic: wish.topic,
        metadata: wish.metadata,
        retention: wish.retention,
    };
    chat.store.commit(change).await.map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
