//! A request's way in and out: routed, its caller recognised, its rate checked, its body read,
//! served, counted, logged.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER,
};
use http::request::Parts;
use http::{Request as HttpRequest, Response};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use samband_core::{Clock, Stopwatch};
use samband_realtime::{Answer, Chunks, RealTime};
use samband_wire_core::request::Query;
use samband_wire_core::{ApiError, Auth, Envelope, Reply, Request};

use crate::auth::{Gate, Origin};
use crate::correlation::Correlation;
use crate::cors;
use crate::probes::Probes;
use crate::rates::Rates;

use crate::router::{Found, Router};
use crate::uploads::Uploads;

/// A body that has not arrived by then is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// A file takes its time on a narrow line.
const FILE_TIMEOUT: Duration = Duration::from_secs(180);

/// The open event stream.
const EVENTS: &str = "/_samband/v1/events";

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");

pub struct Front {
    pub router: Router,
    pub gate: Gate,
    pub rates: Option<Rates>,
    pub clock: Arc<dyn Clock>,
    pub probes: Probes,
    pub realtime: RealTime,
    /// For the files of uploads under way.
    pub uploads: Uploads,
    pub settings: Settings,
    /// Random at start: request ids of one run are this and a counter.
    pub run_id: u64,
    pub requests: AtomicU64,
}

pub struct Settings {
    pub max_body_bytes: usize,
    pub max_file_bytes: usize,
    pub strict_api_version: bool,
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<std::net::IpAddr>,
}

/// An error with what decides its envelope.
struct Failure {
    error: ApiError,
    envelope: Envelope,
    allow: Option<String>,
}

impl Front {
    pub async fn serve(self: Arc<Self>, origin: Arc<Origin>, http: HttpRequest<Incoming>) -> Answer {
        let watch = Stopwatch::start();
        let (mut parts, body) = http.into_parts();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let correlation = Correlation::of(&parts, self.run_id, number);
        let mut response = if cors::is_preflight(&parts) {
            respond(Reply::empty(204))
        } else if RealTime::serves(parts.uri.path()) {
            let base_url = self.base_url(&origin, &parts, host(&parts));
            self.realtime.answer(&mut parts, body, &base_url).await
        } else if parts.uri.path() == EVENTS {
            self.events(&origin, &mut parts).await
        } else {
            match self.probes.answer(&parts, &origin, &self.gate).await {
                Some(reply) => respond(reply),
                None => self.answer(&origin, &parts, body, &correlation, watch).await,
            }
        };
        if parts.headers.contains_key(ORIGIN) {
            cors::allow(&parts, response.headers_mut());
        }
        correlation.put(response.headers_mut());
        // A node that goes lets its clients go first: one that sends just when an idle connection is closed
        // would not know whether it was heard.
        let upgraded = response.status() == http::StatusCode::SWITCHING_PROTOCOLS;
        if self.probes.draining.load(Ordering::Relaxed) && parts.version < http::Version::HTTP_2 && !upgraded {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn events(&self, origin: &Origin, parts: &mut Parts) -> Answer {
        let host = host(parts);
        let named = self.gate.named_resource(origin, host);
        match self.gate.reader(parts, host, named).await {
            Ok(right) => self.realtime.events(parts, right).await,
            Err(error) => samband_realtime::refuse(&error),
        }
    }

    async fn answer(
        &self,
        origin: &Origin,
        parts: &Parts,
        body: Incoming,
        correlation: &Correlation,
        watch: Stopwatch,
    ) -> Answer {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let strict = self.settings.strict_api_version;
        let found = self.router.find(
            parts.method.as_str(),
            parts.uri.path(),
            query.get("api-version"),
            strict,
        );
        let found = match found {
            Ok(found) => found,
            Err(nowhere) => {
                let envelope = nowhere
                    .service
                    .map_or(Envelope::Nested, |service| (service.envelope)(nowhere.version));
                metrics::counter!("samband_requests_unrouted_total").increment(1);
                return refuse(Failure {
                    error: nowhere.error,
                    envelope,
                    allow: nowhere.allow,
                });
            }
        };
        if let Some(unknown) = found.unknown_version
            && found.route.meter.unknown_version(unknown)
        {
            let service = found.route.service.name;
            tracing::warn!(service, asked = %unknown, served = %found.version, "unknown api-version; told once");
        }
        let (meter, version, op) = (&found.route.meter, found.version, found.route.endpoint.op);
        let envelope = (found.route.service.envelope)(version);
        let (request_id, cv) = (correlation.request_id.as_str(), correlation.vector.as_str());
        let served = AssertUnwindSafe(self.call(origin, parts, body, query, found))
            .catch_unwind()
            .await;
        let outcome = served.unwrap_or_else(|_| {
            tracing::error!(operation = op, request_id, cv, "a handler panicked");
            let status = http::StatusCode::INTERNAL_SERVER_ERROR;
            Err(ApiError::new(
                status,
                "InternalServerError",
                "The server met an internal error.",
            ))
        });
        let response = match outcome {
            Ok(reply) => respond(reply),
            Err(error) => refuse(Failure {
                error,
                envelope,
                allow: None,
            }),
        };
        let status = response.status();
        let took = watch.elapsed();
        meter.record(version, status.as_u16(), took);
        // Success is silent at the default level: a line per request costs more than the request.
        let ms = took.as_secs_f64() * 1e3;
        if status.is_server_error() {
            tracing::warn!(
                operation = op,
                status = status.as_u16(),
                ms,
                request_id,
                cv,
                "request failed"
            );
        } else {
            tracing::debug!(operation = op, status = status.as_u16(), ms, request_id, cv, "request");
        }
        response
    }

    async fn call(
        &self,
        origin: &Origin,
        parts: &Parts,
        body: Incoming,
        query: Query,
        found: Found<'_>,
    ) -> Result<Reply, ApiError> {
        let host = host(parts);
        let named = self.gate.named_resource(origin, host);
        let auth = found.route.endpoint.auth;
        // Whoever has no right to call is told so before a body is read, where that can be known.
        let known = match auth {
            Auth::User(scopes) => Some(self.gate.user(parts, named.as_deref(), scopes).await?),
            Auth::Admin => Some(self.gate.admin(parts)?),
            Auth::Open => Some(self.gate.anyone(named.as_deref())),
            Auth::Key => None,
        };
        let takes_file = found.route.endpoint.takes_file;
        let (limit, patience) = match takes_file {
            true => (self.settings.max_file_bytes, FILE_TIMEOUT),
            false => (self.settings.max_body_bytes, BODY_TIMEOUT),
        };
        let announced = announced_length(parts);
        if let Some(length) = announced
            && length > limit as u64
        {
            return Err(too_large(&length.to_string(), limit));
        }
        // Held until the file is stored.
        let _room = match takes_file {
            true => Some(
                self.uploads
                    .take(announced.map_or(limit, |length| length as usize))
                    .await?,
            ),
            false => None,
        };
        let body = read_body(body, limit, patience).await?;
        let caller = match known {
            Some(caller) => caller,
            None => self.gate.key(parts, host, &body, named)?,
        };
        if let Some(rates) = &self.rates {
            let first = found.params.first().map_or("", String::as_str);
            rates.admit(&found.route.rates, &caller, first, self.clock.now())?;
        }
        let request = Request {
            caller,
            version: found.version,
            success: found.served.success,
            params: found.params,
            query,
            headers: parts.headers.clone(),
            body,
            path: parts.uri.path().to_owned(),
            base_url: self.base_url(origin, parts, host),
        };
        (found.route.handler)(request).await
    }

    /// How the client knows this server, for links in answers.
    fn base_url(&self, origin: &Origin, parts: &Parts, host: &str) -> String {
        if let Some(url) = &self.settings.public_url {
            return url.clone();
        }
        let mut scheme = if origin.tls { "https" } else { "http" };
        let mut host = host;
        if self.settings.trusted_proxies.contains(&origin.peer.ip()) {
            let forwarded = |name| {
                parts
                    .headers
                    .get(name)
                    .and_then(|value: &HeaderValue| value.to_str().ok())
            };
            scheme = match forwarded("x-forwarded-proto") {
                Some("https") => "https",
                Some("http") => "http",
                _ => scheme,
            };
            host = forwarded("x-forwarded-host").unwrap_or(host);
        }
        format!("{scheme}://{}", single_port(host))
    }
}

fn announced_length(parts: &Parts) -> Option<u64> {
    parts.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(met: &str, limit: usize) -> ApiError {
    let message = format!("The request body has {met} bytes; at most {limit} are allowed.");
    ApiError::too_large("RequestBodyTooLarge", message)
}

async fn read_body(body: Incoming, limit: usize, patience: Duration) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(patience, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large("more", limit)),
        Ok(Err(_)) => Err(ApiError::bad_request("The request body could not be read.")),
        Err(_) => {
            let status = http::StatusCode::REQUEST_TIMEOUT;
            Err(ApiError::new(
                status,
                "RequestTimeout",
                "The request body did not arrive in time.",
            ))
        }
    }
}

/// The literal Host, or `:authority` in HTTP/2.
fn host(parts: &Parts) -> &str {
    let header = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    header
        .or_else(|| parts.uri.authority().map(|authority| authority.as_str()))
        .unwrap_or_default()
}

/// `localhost:28444:28444`, as one generation of JavaScript clients sends it, is no host of a URL.
fn single_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((rest, port)) if rest.ends_with(port) && rest[..rest.len() - port.len()].ends_with(':') => rest,
        _ => host,
    }
}

pub fn respond(reply: Reply) -> Answer {
    let empty = reply.body.is_empty() && reply.pieces.is_none();
    let mut response = Response::new(match reply.pieces {
        Some(pieces) => Either::Right(Chunks::of(pieces.0)),
        None => Either::Left(Full::new(reply.body)),
    });
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    if !empty {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
    for (name, value) in reply.headers {
        headers.append(name, value);
    }
    response
}

fn refuse(failure: Failure) -> Answer {
    let Failure { error, envelope, allow } = failure;
    let mut reply = Reply::empty(error.status.as_u16()).header(ERROR_CODE, &error.code);
    if let Some(seconds) = error.retry_after {
        reply = reply.header(RETRY_AFTER, &seconds.to_string());
    }
    if let Some(allow) = allow {
        reply = reply.header(ALLOW, &allow);
    }
    reply.body = error.body(envelope).into();
    respond(reply)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_doubled_port_is_cut() {
        for (sent, url) in [
            ("localhost:28444:28444", "localhost:28444"),
            ("localhost:28444", "localhost:28444"),
            ("localhost", "localhost"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(super::single_port(sent), url);
        }
    }
}
