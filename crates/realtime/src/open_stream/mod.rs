//! The open event stream, `GET /_samband/v1/events`: CloudEvents over a WebSocket or as Server-Sent
//! Events, for every language (docs/events.md).

mod feed;
mod socket;
mod sse;
mod wish;

use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;
use samband_core::{ResourceId, UserId};
use samband_store::{FirstAfter, LogState};
use samband_wire_core::ApiError;
use samband_wire_realtime::open::{Level, Position};

use self::feed::{Feed, Start};
use self::wish::{OnBehalf, Wish};
use crate::event::Origin;
use crate::leash::{Leash, Right};
use crate::service::Answer;
use crate::session::{Protocol, Session};
use crate::shared::Shared;
use crate::upgrade;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The subprotocol of CloudEvents' WebSocket binding.
const CLOUD_EVENTS: &str = "cloudevents.json";
/// A subprotocol that is a token, for browsers, which cannot set headers.
pub const TOKEN_PROTOCOL: &str = "samband.token.";

/// Opens a stream for whoever holds a right.
pub async fn open(shared: &Arc<Shared>, parts: &mut Parts, right: Right) -> Result<Answer, ApiError> {
    shared.admission.admit(shared.clock.now()).await?;
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let (right, resource, user) = reader(shared, right, &query)?;
    let source = shared
        .directory
        .get(resource)
        .map(|resource| resource.arm_id())
        .ok_or_else(|| ApiError::unauthorized("There is no resource to call."))?;
    let level = match user {
        Some(_) => Level::User,
        None => Level::Thread,
    };
    let last_event_id = parts.headers.get(LAST_EVENT_ID).map(|value| {
        value
            .to_str()
            .map_err(|_| ApiError::bad_request("The header is malformed.").with_target("Last-Event-ID"))
    });
    let wish = Wish::parse(&query, last_event_id.transpose()?, level)?;

    let protocol = match upgrade::is_asked(parts) {
        true => Protocol::OpenWebSocket,
        false => Protocol::OpenServerSentEvents,
    };
    let (session, events) = Session::new(resource, user, protocol, shared.clock.now(), None);
    let leash = Leash::new(shared, right, &session);
    // Who begins now hears from before the log is looked at: nothing falls between.
    let joined = wish.after.is_none();
    if joined && !shared.hub.join(&session).await {
        return Err(ApiError::unavailable());
    }
    let left = |error| {
        shared.hub.leave(&session);
        error
    };
    let log = shared.store.read(LogState { resource }).await;
    let log = log.map_err(|_| left(ApiError::unavailable()))?;
    let after = match wish.after {
        Some(after) => {
            check_position(shared, &after, &log).await?;
            after
        }
        None => {
            let mut beyond = log.beyond.clone();
            beyond.sort_unstable();
            Position {
                beyond,
                ..Position::at(log.epoch.0, log.end)
            }
        }
    };
    let start = Start {
        joined,
        origin: Arc::new(Origin {
            source,
            epoch: log.epoch.0,
            in_order: !shared.store.is_shared(),
        }),
        filter: wish.filter,
        session,
        events,
        after,
    };
    let feed = Feed::new(shared.clone(), start);
    match protocol {
        Protocol::OpenWebSocket => {
            let (answer, upgrade) = upgrade::accept(parts, subprotocol(parts).as_deref())?;
            shared.tasks.spawn(socket::run(shared.clone(), feed, leash, upgrade));
            Ok(answer)
        }
        _ => Ok(sse::start(shared, feed, leash)),
    }
}

/// Whose events a right is for.
fn reader(shared: &Shared, right: Right, query: &str) -> Result<(Right, ResourceId, Option<UserId>), ApiError> {
    let on_behalf = OnBehalf::parse(query);
    Ok(match right {
        Right::Operator { resource } => {
            let resource = match &on_behalf.resource {
                None => resource,
                Some(name) => {
                    let missing = || ApiError::not_found("There is no such resource.").with_target("resource");
                    shared.directory.by_name(name).ok_or_else(missing)?.id
                }
            };
            let user = on_behalf.user.map(|user| wish::user(&user, resource)).transpose()?;
            (Right::Operator { resource }, resource, user)
        }
        _ if on_behalf != OnBehalf::default() => {
            return Err(ApiError::forbidden(
                "Only the admin token may ask for another resource or user.",
            ));
        }
        Right::Key { resource, .. } => (right, resource, None),
        Right::Token(ref grant) => {
            let (resource, user) = (grant.resource, grant.user);
            (right, resource, Some(user))
        }
    })
}

/// A position must be of this log, and not older than what resuming reaches.
async fn check_position(shared: &Shared, after: &Position, log: &samband_store::LogEnd) -> Result<(), ApiError> {
    let expired = |why: String| {
        let message = format!("{why} List what you follow anew, and connect without a position.");
        ApiError::new(http::StatusCode::GONE, "PositionExpired", &message).with_target("after")
    };
    if after.epoch != log.epoch.0 || after.at > log.end {
        return Err(expired("The position is of another store.".to_owned()));
    }
    let next = shared.store.read(FirstAfter(after.at)).await;
    let next = next.map_err(|_| ApiError::unavailable())?;
    let oldest = shared.clock.now().0 - shared.window.as_millis() as i64;
    if next.is_some_and(|at| at.0 < oldest) {
        let hours = shared.window.as_secs_f64() / 3600.0;
        return Err(expired(format!(
            "What happened after the position is older than {hours} h."
        )));
    }
    Ok(())
}

/// What the server answers to the offered subprotocols: browsers close a socket that answers none.
fn subprotocol(parts: &Parts) -> Option<String> {
    let offered: Vec<&str> = offered_protocols(parts).collect();
    if offered.contains(&CLOUD_EVENTS) {
        return Some(CLOUD_EVENTS.to_owned());
    }
    offered
        .into_iter()
        .find(|protocol| protocol.starts_with(TOKEN_PROTOCOL))
        .map(str::to_owned)
}

pub fn offered_protocols(parts: &Parts) -> impl Iterator<Item = &str> {
    let values = parts.headers.get_all(http::header::SEC_WEBSOCKET_PROTOCOL).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}
