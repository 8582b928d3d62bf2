//! `POST /chat/threads`

use std::sync::Arc;

use samband_core::{Limits, ThreadId};
use samband_store::{RepeatKey, Repeatable};
use samband_wire_chat::{CreatedThread, RetentionPolicy, shape};
use samband_wire_core::{ApiError, Reply, Request};
use sha2::{Digest, Sha256};

use super::wishes::{self, CHUNK};
use super::{Chat, caller, views};
use crate::content::{check_metadata, check_name};
use crate::model::ThreadInfo;
use crate::rules::ChatRefused;
use crate::store::{AddMembers, CreateThread, Created, InThread};

/// The longest idempotency key that is remembered.
const LONGEST_KEY: usize = 256;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let shape = shape(request.version);
    let (resource, caller) = caller(&request)?;
    let wish = shape.create_thread(&request)?;
    check_name(&wish.topic, "topic")?;
    check_metadata(&wish.metadata, chat.limits.message_bytes)?;
    check_retention(wish.retention, &chat.limits)?;
    let (mut members, invalid) = wishes::sort(wish.participants, resource, &chat.limits)?;
    // The creator is of the first chunk, named or not.
    members.sort_by_key(|member| member.user != caller);

    let thread = ThreadId::new(chat.clock.now(), &*chat.random);
    let (first, rest) = members.split_at(members.len().min(CHUNK));
    let change = CreateThread {
        at: InThread {
            resource,
            thread,
            caller,
        },
        topic: wish.topic.clone(),
        metadata: wish.metadata.clone(),
        retention: wish.retention,
        members: first.to_vec(),
        total: members.len(),
        limit: chat.limits.participants_per_thread,
    };
    let created: Created = match shape.idempotency_header.and_then(|name| request.header(name)) {
        None => chat.store.commit(change).await.map_err(ChatRefused::from)?,
        Some(key) => {
            let key = repeat_key(key, &change.at, &request)?;
            chat.store
                .commit(Repeatable { key, change })
                .await
                .map_err(ChatRefused::from)?
        }
    };

    // A thread of thousands is filled in pieces; a repeated request finds them there already.
    let thread = ThreadId::from_bytes(created.thread);
    let mut added = created.added;
    for chunk in rest.chunks(CHUNK) {
        let more = AddMembers {
            at: InThread {
                resource,
                thread,
                caller,
            },
            members: chunk.to_vec(),
            total: members.len(),
            announce: false,
            since_creation: true,
            limit: chat.limits.participants_per_thread,
        };
        let more = chat.store.background(more).await.map_err(ChatRefused::from)?;
        added.valid.extend(more.valid);
        added.unknown.extend(more.unknown);
    }
    let (valid, invalid_participants) = wishes::outcome(resource, &added, invalid);

    let info = ThreadInfo {
        thread,
        topic: wish.topic,
        created: samband_core::Millis(created.created_ms),
        created_by: caller,
        metadata: wish.metadata,
        retention: wish.retention,
    };
    let created = CreatedThread {
        chat_thread: views::thread(resource, info),
        invalid_participants,
    };
    let location = format!(
        "{}/chat/threads/{}",
        request.base_url,
        views::path_segment(&thread.to_string())
    );
    let reply = shape.created_thread(request.success, created, valid);
    Ok(reply.header(http::header::LOCATION, &location))
}

fn repeat_key(key: &str, at: &InThread, request: &Request) -> Result<RepeatKey, ApiError> {
    if key.len() > LONGEST_KEY {
        let met = key.len();
        let message = format!("The idempotency key has {met} characters; at most {LONGEST_KEY} are allowed.");
        return Err(ApiError::bad_request(message).with_target("repeatability-request-id"));
    }
    let scope = [
        at.resource.as_bytes().as_slice(),
        at.caller.as_bytes(),
        b"CreateChatThread",
    ]
    .concat();
    Ok(RepeatKey {
        scope,
        key: key.to_owned(),
        request_hash: Sha256::digest(&request.body).into(),
    })
}

pub(super) fn check_retention(policy: Option<RetentionPolicy>, limits: &Limits) -> Result<(), ApiError> {
    let allowed = &limits.retention_days;
    match policy {
        Some(RetentionPolicy::ThreadCreationDate {
            delete_thread_after_days: days,
        }) if !allowed.contains(&days) => {
            let (least, most) = (allowed.start(), allowed.end());
            let message = format!("A thread is deleted after {least} to {most} days; {days} were asked for.");
            Err(ApiError::bad_request(message).with_target("retentionPolicy.deleteThreadAfterDays"))
        }
        _ => Ok(()),
    }
}
