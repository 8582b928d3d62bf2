//! Participants asked for: who of them can be a member, and why the others cannot.

use std::borrow::Cow;
use std::collections::HashSet;

use samband_core::{Identifier, ResourceId, UserId};
use samband_wire_chat::ParticipantWish;
use samband_wire_core::{ApiError, Detail};

use crate::content::{check_metadata, check_name, check_roles};
use crate::model::{MEMBERS_NAMED, Member, ShareHistory};
use crate::store::Added;

/// Members added in one change: a few milliseconds of the writer's time, and with the creator no
/// more than what one system message names.
pub(super) const CHUNK: usize = MEMBERS_NAMED - 1;

/// Sorts a request's participants into members to be and those that cannot be one.
pub(super) fn sort(
    wishes: Vec<ParticipantWish>,
    resource: ResourceId,
    limits: &samband_core::Limits,
) -> Result<(Vec<Member>, Vec<Detail>), ApiError> {
    let (met, limit) = (wishes.len(), limits.participants_per_request);
    if met > limit {
        let message = format!("A request names at most {limit} participants; this one names {met}.");
        return Err(ApiError::bad_request(message).with_target("participants"));
    }
    let mut members = Vec::with_capacity(wishes.len());
    let mut invalid = Vec::new();
    let mut seen = HashSet::new();
    for wish in wishes {
        if let Some(name) = &wish.display_name {
            check_name(name, "displayName")?;
        }
        check_metadata(&wish.metadata, limits.message_bytes)?;
        check_roles(&wish.roles)?;
        match wish.identifier {
            Identifier::CommunicationUser { resource: of, user } if of == resource => {
                if seen.insert(user) {
                    members.push(Member {
                        user,
                        display_name: wish.display_name,
                        share_history: wish.share_history.map_or(ShareHistory::None, ShareHistory::Since),
                        metadata: wish.metadata,
                        roles: wish.roles,
                    });
                }
            }
            // Another resource's users do not exist here.
            other @ Identifier::CommunicationUser { .. } => invalid.push(not_found(other.raw_id())),
            other => invalid.push(Detail {
                code: Cow::Borrowed("403"),
                message: Cow::Borrowed("Permissions check failed"),
                target: Some(other.raw_id()),
            }),
        }
    }
    Ok((members, invalid))
}

fn not_found(raw_id: String) -> Detail {
    Detail {
        code: Cow::Borrowed("404"),
        message: Cow::Borrowed("Not found"),
        target: Some(raw_id),
    }
}

/// Raw ids of those added, and the details of those that are unknown.
pub(super) fn outcome(resource: ResourceId, added: &Added, mut invalid: Vec<Detail>) -> (Vec<String>, Vec<Detail>) {
    let raw_id = |user: &[u8; 16]| UserId::from_bytes(*user).raw_id(resource);
    invalid.extend(added.unknown.iter().map(|user| not_found(raw_id(user))));
    (added.valid.iter().map(raw_id).collect(), invalid)
}
