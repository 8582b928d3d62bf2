//! Requests that may be sent again, by two headers: `Repeatability-Request-ID` and
//! `Repeatability-First-Sent` (OASIS Repeatable Requests 1.0). Chat has the id alone and reads it itself.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderName;
use http::StatusCode;
use samband_core::Millis;
use uuid::Uuid;

use crate::error::{ApiError, shorten};
use crate::request::Request;

const ID: &str = "Repeatability-Request-ID";
const FIRST_SENT: &str = "Repeatability-First-Sent";
/// Answered `accepted` with whatever the first request of an id came to.
pub const RESULT: HeaderName = HeaderName::from_static("repeatability-result");

/// How long results are remembered. What was first sent before cannot be told from a new request.
pub const REMEMBERED_MS: i64 = 24 * Millis::HOUR;

/// The id of a repeatable request, if it is one.
pub fn request_id(request: &Request, now: Millis) -> Result<Option<Uuid>, ApiError> {
    let (id, first_sent) = match (request.header(ID), request.header(FIRST_SENT)) {
        (None, None) => return Ok(None),
        (Some(id), Some(first_sent)) => (id, first_sent),
        (Some(_), None) => return Err(missing(FIRST_SENT, ID)),
        (None, Some(_)) => return Err(missing(ID, FIRST_SENT)),
    };
    let Ok(id) = Uuid::try_parse(id) else {
        let message = format!("'{}' is not a UUID.", shorten(id));
        return Err(ApiError::bad_request(message).with_target(ID));
    };
    let Some(first_sent) = fixdate(first_sent) else {
        let message = format!(
            "'{}' is not an IMF-fixdate (RFC 9110, section 5.6.7), such as 'Sun, 06 Nov 1994 08:49:37 GMT'.",
            shorten(first_sent)
        );
        return Err(ApiError::bad_request(message).with_target(FIRST_SENT));
    };
    if first_sent.plus(REMEMBERED_MS) <= now {
        let message = "The request was first sent more than 24 hours ago, which is how long results are remembered.";
        let error = ApiError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message);
        return Err(error.with_target(FIRST_SENT));
    }
    Ok(Some(id))
}

fn missing(absent: &str, present: &str) -> ApiError {
    ApiError::bad_request(format!("'{present}' is sent with '{absent}' or not at all.")).with_target(absent)
}

fn fixdate(text: &str) -> Option<Millis> {
    let time = httpdate::parse_http_date(text).ok()?;
    // The parser also takes the two obsolete forms.
    if httpdate::fmt_http_date(time) != text {
        return None;
    }
    let since: Duration = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Millis(i64::try_from(since.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::with_headers;

    const UUID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    const SENT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NOW: Millis = Millis(784_111_777_000 + 1_000);

    fn outcome(headers: &[(&str, &str)], now: Millis) -> Result<Option<String>, (u16, Option<String>)> {
        request_id(&with_headers(headers), now)
            .map(|id| id.map(|id| id.to_string()))
            .map_err(|error| (error.status.as_u16(), error.target))
    }

    #[test]
    fn both_headers_or_neither() {
        assert_eq!(outcome(&[], NOW), Ok(None));
        assert_eq!(outcome(&[(ID, UUID), (FIRST_SENT, SENT)], NOW), Ok(Some(UUID.into())));
        assert_eq!(outcome(&[(ID, UUID)], NOW), Err((400, Some(FIRST_SENT.into()))));
        assert_eq!(outcome(&[(FIRST_SENT, SENT)], NOW), Err((400, Some(ID.into()))));
    }

    #[test]
    fn malformed_or_forgotten_ones_are_refused() {
        assert_eq!(
            outcome(&[(ID, "1"), (FIRST_SENT, SENT)], NOW),
            Err((400, Some(ID.into())))
        );
        for date in ["1994-11-06T08:49:37Z", "Sunday, 06-Nov-94 08:49:37 GMT", "soon"] {
            assert_eq!(
                outcome(&[(ID, UUID), (FIRST_SENT, date)], NOW),
                Err((400, Some(FIRST_SENT.into())))
            );
        }
        let late = NOW.plus(REMEMBERED_MS);
        assert_eq!(
            outcome(&[(ID, UUID), (FIRST_SENT, SENT)], late),
            Err((412, Some(FIRST_SENT.into())))
        );
    }
}
