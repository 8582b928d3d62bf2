//! `POST /chat/threads/{thread}/participants/:remove`; in 2020 `DELETE …/members/{member}`.

use std::sync::Arc;

use samband_core::Identifier;
use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread};
use crate::rules::ChatRefused;
use crate::store::RemoveMember;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let user = match shape(request.version).remove_participant(&request)? {
        Identifier::CommunicationUser { resource, user } if resource == at.resource => user,
        // Nobody else can be in the thread.
        _ => return Err(ChatRefused::ParticipantNotFound.into()),
    };
    chat.store
        .commit(RemoveMember { at, user })
        .await
        .map_err(ChatRefused::from)?;
    Ok(Reply::empty(request.success))
}
