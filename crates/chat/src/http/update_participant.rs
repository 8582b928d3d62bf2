//! `POST /chat/threads/{thread}/participants/:update`, in 2021-10-01-preview7 alone.

use std::sync::Arc;

use samband_core::Identifier;
use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread};
use crate::content::{check_name, check_roles};
use crate::rules::ChatRefused;
use crate::store::UpdateMember;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let wish = shape(request.version).update_participant(&request)?;
    if let Some(name) = &wish.display_name {
        check_name(name, "displayName")?;
    }
    check_roles(wish.roles.as_deref().unwrap_or_default())?;
    let user = match wish.identifier {
        Identifier::CommunicationUser { resource, user } if resource == at.resource => user,
        // Nobody else can be in the thread.
        _ => return Err(ChatRefused::ParticipantNotFound.into()),
    };
    let change = UpdateMember {
        at,
        user,
        display_name: wish.display_name,
        share_history: wish.share_history,
        roles: wish.roles,
    };
    chat.store.commit(change).await.map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
