//! Browsers on pages of other origins. Nothing here is authenticated by cookies, so any origin may ask;
//! credentials are allowed because the SDKs of 2021 send their handshake with them.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method};

const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE,OPTIONS");
/// Named one by one: `*` does not cover Authorization.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization,content-type,x-skypetoken,x-ms-client-request-id,x-ms-return-client-request-id,x-ms-useragent,\
     repeatability-request-id,repeatability-first-sent,idempotency-token,last-event-id,image-filename",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "www-authenticate,x-trouter-skypetoken-deprecated,ms-cv,x-ms-request-id,x-ms-error-code,retry-after,location,etag",
);
const SECONDS: HeaderValue = HeaderValue::from_static("600");

/// Whether a browser asks beforehand what it may do.
pub fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a browser needs to let its page see an answer; on errors too.
pub fn allow(parts: &Parts, headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = parts.headers.get(ORIGIN) else {
        return;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    if is_preflight(parts) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, SECONDS);
    } else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
