//! `GET /chat/threads/{thread}`

use std::sync::Arc;

use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread, views};
use crate::rules::ChatRefused;
use crate::store::{GetThread, ListMembers};

/// 2020 answers the members with the thread, as many as a thread could have then.
const MEMBERS_OF_2020: usize = 250;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let shape = shape(request.version);
    let info = chat.store.read(GetThread(at)).await.map_err(ChatRefused::from)??;
    let mut thread = views::thread(at.resource, info);
    if shape.thread_has_members() {
        let query = ListMembers {
            at,
            after: None,
            skip: 0,
            size: MEMBERS_OF_2020,
        };
        let members = chat.store.read(query).await.map_err(ChatRefused::from)??;
        thread.members = members
            .items
            .into_iter()
            .map(|member| views::participant(at.resource, member))
            .collect();
    }
    Ok(shape.thread(request.success, thread))
}
