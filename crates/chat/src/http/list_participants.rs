//! `GET /chat/threads/{thread}/participants`; in 2020 `…/members`.

use std::sync::Arc;

use samband_wire_chat::{Paged, shape};
use samband_wire_core::{ApiError, PageQuery, Reply, Request};

use super::{Chat, in_thread, views};
use crate::rules::ChatRefused;
use crate::store::ListMembers;

const PAGE: usize = 200;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let asked = PageQuery::of(&request, PAGE)?;
    let query = ListMembers {
        at,
        after: asked.after,
        skip: asked.skip,
        size: asked.size,
    };
    let page = chat.store.read(query).await.map_err(ChatRefused::from)??;
    let next_link = page.next_link(&request);
    let value = page
        .items
        .into_iter()
        .map(|member| views::participant(at.resource, member))
        .collect();
    Ok(shape(request.version).participants_page(request.success, Paged { value, next_link }))
}
