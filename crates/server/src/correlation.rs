//! By which a request is found again: our own id, the correlation vector, and the client's id. The log
//! and the answer carry the same.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_VECTOR: HeaderName = HeaderName::from_static("ms-cv");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-return-client-request-id");

/// A vector that came longer than this is not extended.
const LONGEST_VECTOR: usize = 120;

pub struct Correlation {
    pub request_id: String,
    pub vector: String,
    client: Option<HeaderValue>,
}

impl Correlation {
    /// `run` is random for each start of the server, `number` counts its requests.
    pub fn of(parts: &Parts, run: u64, number: u64) -> Self {
        let request_id = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            run >> 32,
            (run >> 16) & 0xffff,
            run & 0xffff,
            number >> 48,
            number & 0xffff_ffff_ffff
        );
        // A base of 22 characters and a counter; where a vector came, it is extended.
        let came = parts
            .headers
            .get(&CORRELATION_VECTOR)
            .and_then(|value| value.to_str().ok());
        let vector = match came.filter(|vector| vector.len() <= LONGEST_VECTOR) {
            Some(base) => format!("{base}.0"),
            None => format!("{:010x}{number:012x}.0", run & 0xff_ffff_ffff),
        };
        let wanted = parts
            .headers
            .get(RETURN_CLIENT_REQUEST_ID)
            .is_some_and(|value| value == "true");
        let client = parts.headers.get(CLIENT_REQUEST_ID).filter(|_| wanted).cloned();
        Self {
            request_id,
            vector,
            client,
        }
    }

    pub fn put(self, headers: &mut HeaderMap) {
        let values = [(REQUEST_ID, self.request_id), (CORRELATION_VECTOR, self.vector)];
        for (name, text) in values {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        if let Some(client) = self.client {
            headers.insert(CLIENT_REQUEST_ID, client);
        }
    }
}
