//! What a reader asks for in the query: threads, types, a position to go on from.

use samband_core::{ThreadId, UserId};
use samband_wire_core::ApiError;
use samband_wire_core::error::shorten;
use samband_wire_realtime::open::{Level, Position, types};
use samband_wire_realtime::query::Query;

/// Parameters in one query, at most.
const MOST: usize = 64;

/// The events that a reader wants. Empty lists leave nothing out.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    threads: Vec<ThreadId>,
    types: Vec<&'static str>,
}

impl Filter {
    pub fn lets(&self, thread: ThreadId, type_name: &str) -> bool {
        (self.threads.is_empty() || self.threads.contains(&thread))
            && (self.types.is_empty() || self.types.contains(&type_name))
    }
}

/// For whom an operator asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnBehalf {
    pub resource: Option<String>,
    pub user: Option<String>,
}

impl OnBehalf {
    pub fn parse(query: &str) -> Self {
        let query = Query::parse(query);
        Self {
            resource: query.get("resource").map(str::to_owned),
            user: query.get("user").map(str::to_owned),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Wish {
    pub filter: Filter,
    pub after: Option<Position>,
}

impl Wish {
    /// `last_event_id` is the header of that name: a browser sends it by itself when it connects
    /// again, with the address as it was, so it wins over `after`.
    pub fn parse(query: &str, last_event_id: Option<&str>, level: Level) -> Result<Self, ApiError> {
        if query.split('&').count() > MOST {
            let message = format!("At most {MOST} parameters are read.");
            return Err(ApiError::bad_request(message));
        }
        let mut wish = Self::default();
        let mut after = None;
        let query = Query::parse(query);
        for (name, value) in query.pairs() {
            match name {
                "thread" => wish.filter.threads.push(thread(value)?),
                "type" => wish.filter.types.push(type_name(value, level)?),
                "after" => after = Some((value, "after")),
                // These say on whose behalf an operator asks.
                "resource" | "user" | "api-version" => {}
                unknown => {
                    let message = format!(
                        "'{}' is not a parameter of this operation (thread, type, after).",
                        shorten(unknown)
                    );
                    return Err(ApiError::bad_request(message));
                }
            }
        }
        let after = last_event_id.map(|id| (id, "Last-Event-ID")).or(after);
        wish.after = match after {
            Some((text, target)) if !text.is_empty() => Some(Position::decode(text).ok_or_else(|| {
                let message = format!("'{}' is not a position of this stream.", shorten(text));
                ApiError::bad_request(message).with_target(target)
            })?),
            _ => None,
        };
        Ok(wish)
    }
}

fn thread(text: &str) -> Result<ThreadId, ApiError> {
    text.parse()
        .map_err(|error: samband_core::IdError| ApiError::bad_request(error.to_string()).with_target("thread"))
}

fn type_name(text: &str, level: Level) -> Result<&'static str, ApiError> {
    let known = types(level).iter().find(|known| **known == text);
    known.copied().ok_or_else(|| {
        let message = format!(
            "'{}' is not a type of this stream's events: {}.",
            shorten(text),
            types(level).join(", ")
        );
        ApiError::bad_request(message).with_target("type")
    })
}

/// A raw id of a communication user of this resource.
pub fn user(text: &str, resource: samband_core::ResourceId) -> Result<UserId, ApiError> {
    match samband_core::Identifier::from_raw_id(text) {
        samband_core::Identifier::CommunicationUser { resource: of, user } if of == resource => Ok(user),
        _ => {
            let message = format!("'{}' is not a communication user of this resource.", shorten(text));
            Err(ApiError::bad_request(message).with_target("user"))
        }
    }
}
