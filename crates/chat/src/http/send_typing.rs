//! `POST /chat/threads/{thread}/typing`: heard by those connected now, never stored.

use std::sync::Arc;

use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread};
use crate::content::check_name;
use crate::model::{Kinds, TypingDoc};
use crate::rules::ChatRefused;
use crate::store::MayType;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let typing = shape(request.version).typing(&request)?;
    if let Some(name) = &typing.sender_display_name {
        check_name(name, "senderDisplayName")?;
    }
    let query = MayType {
        at,
        most_members: chat.limits.receipts_and_typing_members,
    };
    let members = chat.store.read(query).await.map_err(ChatRefused::from)??;
    chat.tell(
        at,
        Kinds::TYPING,
        &TypingDoc {
            sender_display_name: typing.sender_display_name,
            members,
        },
    );
    Ok(Reply::empty(request.success))
}
