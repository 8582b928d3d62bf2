//! `POST /chat/threads/{thread}/participants/:add`; in 2020 `POST …/members`.

use std::sync::Arc;

use samband_wire_chat::{AddedParticipants, shape};
use samband_wire_core::{ApiError, Reply, Request};

use super::wishes::{self, CHUNK};
use super::{Chat, in_thread};
use crate::rules::ChatRefused;
use crate::store::{AddMembers, Added};

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let shape = shape(request.version);
    let wish = shape.add_participants(&request)?;
    let (members, invalid) = wishes::sort(wish.participants, at.resource, &chat.limits)?;

    let mut added = Added::default();
    // Even an empty list is asked for by somebody: the first chunk checks that they may.
    let chunks = members.chunks(CHUNK).map(<[_]>::to_vec);
    let chunks = chunks.chain(members.is_empty().then(Vec::new));
    for (index, chunk) in chunks.enumerate() {
        let change = AddMembers {
            at,
            members: chunk,
            total: members.len(),
            announce: index == 0,
            since_creation: false,
            limit: chat.limits.participants_per_thread,
        };
        let more = match index {
            0 => chat.store.commit(change).await,
            _ => chat.store.background(change).await,
        };
        let more = more.map_err(ChatRefused::from)?;
        added.valid.extend(more.valid);
        added.unknown.extend(more.unknown);
    }
    let (valid, invalid_participants) = wishes::outcome(at.resource, &added, invalid);
    Ok(shape.added_participants(
        request.success,
        AddedParticipants {
            invalid_participants,
            valid,
        },
    ))
}
