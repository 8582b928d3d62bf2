//! `GET /chat/threads/{thread}/messages`: newest first, each in its newest version.

use std::sync::Arc;

use samband_core::Stamp;
use samband_wire_chat::{Paged, shape};
use samband_wire_core::{ApiError, PageQuery, Reply, Request};

use super::{Chat, in_thread, views};
use crate::rules::ChatRefused;
use crate::store::ListMessages;

const PAGE: usize = 200;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let asked = PageQuery::of(&request, PAGE)?;
    let before = asked.after_number()?.map(Stamp);
    let query = ListMessages {
        at,
        start: asked.start,
        before,
        size: asked.size,
    };
    let page = chat.store.read(query).await.map_err(ChatRefused::from)??;
    let next_link = page.next_link(&request);
    let value: Result<_, _> = page
        .items
        .into_iter()
        .map(|message| views::message(&request, at, message))
        .collect();
    Ok(shape(request.version).messages(
        request.success,
        Paged {
            value: value?,
            next_link,
        },
    ))
}
