//! Lists in pages: what a request asks for, and the link to the next page.
//!
//! `nextLink` is an absolute URL that SDKs fetch as it is, so it is built on the request's own
//! scheme, host, port and path, and keeps its parameters.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use samband_core::Millis;

use crate::error::{ApiError, shorten};
use crate::request::Request;

/// The parameter that carries the position inside `nextLink`.
const CONTINUATION: &str = "continuationToken";
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a list request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// How many items at most, already cut to what the operation gives.
    pub size: usize,
    /// Items to pass over, where the operation has `skip`.
    pub skip: usize,
    /// Only what is at or after this instant, where the operation has `startTime`.
    pub start: Option<Millis>,
    /// Where the page before ended, as [`Page::next`] said it.
    pub after: Option<Vec<u8>>,
}

impl PageQuery {
    /// `most` is both the default and the largest page: the contract calls the parameter `maxPageSize`.
    pub fn of(request: &Request, most: usize) -> Result<Self, ApiError> {
        let number = |name: &str| match request.query.get(name) {
            None => Ok(None),
            Some(text) => text.parse::<i32>().map(Some).map_err(|_| {
                let message = format!("'{}' is not a whole number.", shorten(text));
                ApiError::bad_request(message).with_target(name)
            }),
        };
        let size = match number("maxPageSize")? {
            None => most,
            Some(size @ 1..) => most.min(size as usize),
            Some(size) => {
                let message = format!("The page size is {size}; it must be at least 1.");
                return Err(ApiError::bad_request(message).with_target("maxPageSize"));
            }
        };
        let skip = match number("skip")? {
            None => 0,
            Some(skip @ 0..) => skip as usize,
            Some(skip) => {
                let message = format!("The number of items to skip is {skip}; it must be at least 0.");
                return Err(ApiError::bad_request(message).with_target("skip"));
            }
        };
        let start = match request.query.get("startTime").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(Millis::parse(text).ok_or_else(|| {
                let message = format!("'{}' is not an RFC 3339 date and time.", shorten(text));
                ApiError::bad_request(message).with_target("startTime")
            })?),
        };
        let after = match request.query.get(CONTINUATION) {
            None => None,
            Some(text) => Some(BASE64.decode(text).map_err(|_| bad_continuation())?),
        };
        Ok(Self {
            size,
            skip,
            start,
            after,
        })
    }

    /// The position as a number, where the operation's positions are numbers.
    pub fn after_number(&self) -> Result<Option<i64>, ApiError> {
        match &self.after {
            None => Ok(None),
            Some(bytes) => {
                let bytes: [u8; 8] = bytes.as_slice().try_into().map_err(|_| bad_continuation())?;
                Ok(Some(i64::from_be_bytes(bytes)))
            }
        }
    }
}

pub fn bad_continuation() -> ApiError {
    ApiError::bad_request("The continuation token is not one that this list gave out.").with_target(CONTINUATION)
}

/// A page of a list, and where it ended if there is more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<Vec<u8>>,
}

impl<T> Page<T> {
    /// Cuts what was read (one more than asked for) to the page, and names its end.
    pub fn cut(mut items: Vec<T>, size: usize, position: impl Fn(&T) -> Vec<u8>) -> Self {
        let more = items.len() > size;
        items.truncate(size);
        let next = if more { items.last().map(position) } else { None };
        Self { items, next }
    }

    /// The absolute URL of the next page.
    pub fn next_link(&self, request: &Request) -> Option<String> {
        let next = self.next.as_ref()?;
        let mut link = format!("{}{}?", request.base_url, request.path);
        for (name, value) in request.query.pairs() {
            if name != CONTINUATION && name != "skip" {
                push_pair(&mut link, name, value);
                link.push('&');
            }
        }
        push_pair(&mut link, CONTINUATION, &BASE64.encode(next));
        Some(link)
    }
}

fn push_pair(link: &mut String, name: &str, value: &str) {
    link.extend(utf8_percent_encode(name, KEPT));
    link.push('=');
    link.extend(utf8_percent_encode(value, KEPT));
}
