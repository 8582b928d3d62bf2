//! `GET /chat/threads`: the caller's threads. A deleted one stays in the list with `deletedOn`.

use std::sync::Arc;

use samband_core::ThreadId;
use samband_wire_chat::{Paged, shape};
use samband_wire_core::{ApiError, PageQuery, Reply, Request, paging};

use super::{Chat, caller, views};
use crate::rules::ChatRefused;
use crate::store::ListThreads;

const PAGE: usize = 100;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let (resource, caller) = caller(&request)?;
    let asked = PageQuery::of(&request, PAGE)?;
    let after = match asked.after {
        None => None,
        Some(bytes) => Some(ThreadId::from_bytes(
            bytes.try_into().map_err(|_| paging::bad_continuation())?,
        )),
    };
    let query = ListThreads {
        resource,
        caller,
        start: asked.start,
        after,
        size: asked.size,
    };
    let page = chat.store.read(query).await.map_err(ChatRefused::from)?;
    let next_link = page.next_link(&request);
    let value = page.items.into_iter().map(views::thread_item).collect();
    Ok(shape(request.version).threads(request.success, Paged { value, next_link }))
}
