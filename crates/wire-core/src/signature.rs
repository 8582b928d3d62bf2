//! Requests signed with an access key (HMAC-SHA256), as every ACS client since 2020 signs them.
//!
//! The string to sign is `VERB \n path-and-query \n values`, the values being those of the headers
//! named in `SignedHeaders`, in that order, joined by `;`. Clients disagree about the form of the
//! path and query that they sign, so three forms of the one received are tried.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use samband_core::{KeySlot, Millis};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How far a request's date may be from the server's clock.
pub const CLOCK_SKEW_MS: i64 = 15 * Millis::MINUTE;

const SCHEME: &str = "HMAC-SHA256 ";
const CONTENT_HASH: &str = "x-ms-content-sha256";

/// A request as it came, before anything was decoded.
pub struct Signed<'a> {
    pub method: &'a str,
    /// Path and query as on the wire.
    pub target: &'a str,
    /// The literal Host (or `:authority`).
    pub host: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Malformed(&'static str),
    MissingHeader(String),
    /// The date cannot be read or is too far from the server's clock.
    Stale {
        server_time: Millis,
    },
    /// `x-ms-content-sha256` is not the hash of the body.
    Body,
    /// No key of the resource gives this signature.
    Mismatch,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "The Authorization header is malformed: {what}."),
            Self::MissingHeader(name) => {
                write!(f, "The signed header '{}' is missing.", crate::error::shorten(name))
            }
            Self::Stale { server_time } => write!(
                f,
                "The request's date is missing, malformed or more than {} minutes from the server's time, {server_time}.",
                CLOCK_SKEW_MS / Millis::MINUTE
            ),
            Self::Body => write!(f, "The header '{CONTENT_HASH}' is not the SHA-256 of the body."),
            Self::Mismatch => f.write_str("The signature does not match any access key of the resource."),
        }
    }
}

/// Whether an `Authorization` header is of this scheme.
pub fn is_signature(authorization: &str) -> bool {
    authorization
        .get(..SCHEME.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

impl Signed<'_> {
    /// Finds the key that signed the request.
    pub fn verify<'k>(
        &self,
        authorization: &str,
        keys: impl Iterator<Item = (KeySlot, &'k [u8])> + Clone,
        now: Millis,
    ) -> Result<KeySlot, Fault> {
        let (signed_headers, signature) = parse(authorization)?;
        let values = self.signed_values(signed_headers)?;
        self.check_date(now)?;
        self.check_body()?;
        for target in self.targets() {
            for (slot, key) in keys.clone() {
                let expected = sign(key, self.method, &target, &values);
                if bool::from(expected.ct_eq(&signature)) {
                    return Ok(slot);
                }
            }
        }
        Err(Fault::Mismatch)
    }

    fn header(&self, name: &str) -> Option<&str> {
        if name.eq_ignore_ascii_case("host") {
            return Some(self.host);
        }
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn signed_values(&self, names: &str) -> Result<String, Fault> {
        let names: Vec<_> = names.split(';').map(str::trim).collect();
        let is_signed = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        if !is_signed("host") || !is_signed(CONTENT_HASH) || !(is_signed("x-ms-date") || is_signed("date")) {
            return Err(Fault::Malformed(
                "SignedHeaders must name host, x-ms-content-sha256, and x-ms-date or date",
            ));
        }
        let values: Result<Vec<_>, _> = names
            .iter()
            .map(|name| {
                self.header(name)
                    .ok_or_else(|| Fault::MissingHeader((*name).to_owned()))
            })
            .collect();
        Ok(values?.join(";"))
    }

    fn check_date(&self, now: Millis) -> Result<(), Fault> {
        let stale = Fault::Stale { server_time: now };
        let text = self
            .header("x-ms-date")
            .or_else(|| self.header("date"))
            .ok_or(stale.clone())?;
        let date = httpdate::parse_http_date(text).map_err(|_| stale.clone())?;
        let since_epoch = date.duration_since(std::time::UNIX_EPOCH).map_err(|_| stale.clone())?;
        let skew = now.0.saturating_sub(since_epoch.as_millis() as i64).abs();
        if skew > CLOCK_SKEW_MS { Err(stale) } else { Ok(()) }
    }

    fn check_body(&self) -> Result<(), Fault> {
        let expected = BASE64.encode(Sha256::digest(self.body));
        match self.header(CONTENT_HASH) {
            Some(sent) if sent == expected => Ok(()),
            _ => Err(Fault::Body),
        }
    }

    /// The target as received; percent-decoded (asynchronous Python clients sign `unquote(url)`);
    /// and with the query form-encoded again (JavaScript signs `URLSearchParams.toString()`).
    fn targets(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let decoded = || {
            percent_decode_str(self.target)
                .decode_utf8()
                .ok()
                .filter(|text| *text != self.target)
        };
        let form = || {
            let (path, query) = self.target.split_once('?')?;
            let encoded = form_encode(query);
            (encoded != query).then(|| Cow::Owned(format!("{path}?{encoded}")))
        };
        std::iter::once(Cow::Borrowed(self.target))
            .chain(std::iter::once_with(decoded).flatten())
            .chain(std::iter::once_with(form).flatten())
    }
}

fn parse(authorization: &str) -> Result<(&str, Vec<u8>), Fault> {
    let rest = authorization.get(SCHEME.len()..).unwrap_or_default();
    let mut signed_headers = None;
    let mut signature = None;
    for part in rest.split('&') {
        match part.trim().split_once('=') {
            Some(("SignedHeaders", value)) => signed_headers = Some(value),
            Some(("Signature", value)) => signature = Some(value),
            _ => return Err(Fault::Malformed("expected SignedHeaders=...&Signature=...")),
        }
    }
    let signed_headers = signed_headers.ok_or(Fault::Malformed("SignedHeaders is missing"))?;
    let signature = signature.ok_or(Fault::Malformed("Signature is missing"))?;
    let signature = BASE64
        .decode(signature)
        .map_err(|_| Fault::Malformed("Signature is not Base64"))?;
    Ok((signed_headers, signature))
}

/// The raw HMAC of one form of the request.
pub fn sign(key: &[u8], method: &str, target: &str, values: &str) -> [u8; 32] {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length (RFC 2104)"),
    };
    for part in [method, "\n", target, "\n", values] {
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

/// `application/x-www-form-urlencoded` as the URL standard serialises it.
fn form_encode(query: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const FORM: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'*')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b' ');
    let encode = |text: &str| utf8_percent_encode(text, FORM).to_string().replace(' ', "+");
    let pairs = crate::request::Query::parse(query);
    let encoded: Vec<_> = pairs
        .pairs()
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    encoded.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a key";
    const NOW: Millis = Millis(1_700_000_000_000);

    fn request(signed: &str, target: &str, signed_target: &str, body: &[u8]) -> Result<KeySlot, Fault> {
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(NOW.0 as u64));
        let hash = BASE64.encode(Sha256::digest(body));
        let mut headers = HeaderMap::new();
        let date_header = if signed.contains("x-ms-date") {
            "x-ms-date"
        } else {
            "date"
        };
        headers.insert(date_header, date.parse().unwrap());
        headers.insert(CONTENT_HASH, hash.parse().unwrap());
        let host = "localhost:28444:28444";
        let values: Vec<_> = signed
            .split(';')
            .map(|name| match name {
                "host" => host,
                CONTENT_HASH => hash.as_str(),
                _ => date.as_str(),
            })
            .collect();
        let signature = BASE64.encode(sign(KEY, "POST", signed_target, &values.join(";")));
        let authorization = format!("HMAC-SHA256 SignedHeaders={signed}&Signature={signature}");
        let keys: [(KeySlot, &[u8]); 2] = [(KeySlot::Primary, b"another"), (KeySlot::Secondary, KEY)];
        Signed {
            method: "POST",
            target,
            host,
            headers: &headers,
            body,
        }
        .verify(&authorization, keys.into_iter(), NOW)
    }

    #[test]
    fn accepts_what_clients_of_every_year_sign() {
        let new = "x-ms-date;host;x-ms-content-sha256";
        let old = "date;host;x-ms-content-sha256";
        let path = "/identities/8%3Aacs%3Ax?api-version=2023-10-01";
        for (signed, target, signed_target) in [
            (new, path, path),
            (old, path, path),
            (new, path, "/identities/8:acs:x?api-version=2023-10-01"),
            (
                new,
                "/phoneNumbers?startTime=2020:01 x",
                "/phoneNumbers?startTime=2020%3A01+x",
            ),
        ] {
            assert_eq!(
                request(signed, target, signed_target, b"{}"),
                Ok(KeySlot::Secondary),
                "{target}"
            );
        }
    }

    #[test]
    fn refuses_another_target_and_too_few_headers() {
        assert_eq!(
            request("x-ms-date;host;x-ms-content-sha256", "/a", "/b", b""),
            Err(Fault::Mismatch)
        );
        assert!(matches!(
            request("x-ms-date;x-ms-content-sha256", "/a", "/a", b""),
            Err(Fault::Malformed(_))
        ));
    }
}
