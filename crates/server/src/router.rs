//! Finds the endpoint of a request from the endpoint tables of all services.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use samband_wire_core::{ApiError, ApiVersion, Endpoint, Handler, Method, Rate, Served, Service};

use crate::meter::Meter;

/// An endpoint with what serves it.
pub struct Route {
    pub service: &'static Service,
    pub endpoint: &'static Endpoint,
    pub handler: Handler,
    pub rates: Vec<&'static Rate>,
    pub meter: Meter,
}

/// All that is served at one path.
#[derive(Default)]
struct Place {
    served: Vec<(&'static Served, usize)>,
}

pub struct Router {
    routes: Vec<Route>,
    paths: matchit::Router<Place>,
    /// By the first segment of their paths, for errors at paths that are nobody's.
    services: HashMap<&'static str, &'static Service>,
}

/// Where a request leads.
pub struct Found<'a> {
    pub route: &'a Route,
    pub served: &'static Served,
    pub params: Vec<String>,
    pub version: ApiVersion,
    /// The version asked for, where it is not one that is known.
    pub unknown_version: Option<ApiVersion>,
}

/// What a request looks like before it has led anywhere: enough to answer an error in its envelope.
pub struct NotFound {
    pub error: ApiError,
    pub service: Option<&'static Service>,
    pub version: ApiVersion,
    pub allow: Option<String>,
}

impl Router {
    /// Every endpoint must have a handler, and every path be unambiguous.
    pub fn new(services: Vec<(&'static Service, Vec<(&'static str, Handler)>)>) -> Result<Self, String> {
        let mut routes = Vec::new();
        let mut places: HashMap<&'static str, Place> = HashMap::new();
        let mut of_segment = HashMap::new();
        for (service, handlers) in services {
            let mut handlers: HashMap<_, _> = handlers.into_iter().collect();
            for endpoint in service.endpoints {
                let handler = handlers
                    .remove(endpoint.op)
                    .ok_or_else(|| format!("{} has no handler", endpoint.op))?;
                let index = routes.len();
                let rates = service.rates.iter().filter(|rate| rate.op == endpoint.op).collect();
                let meter = Meter::new(service.name, endpoint.op);
                routes.push(Route {
                    service,
                    endpoint,
                    handler,
                    rates,
                    meter,
                });
                for served in endpoint.history {
                    of_segment.entry(first_segment(served.path)).or_insert(service);
                    places.entry(served.path).or_default().served.push((served, index));
                }
            }
            if let Some(op) = handlers.keys().next() {
                return Err(format!("{op} has a handler and no endpoint"));
            }
        }
        let mut paths = matchit::Router::new();
        for (path, place) in places {
            paths.insert(path, place).map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(Self {
            routes,
            paths,
            services: of_segment,
        })
    }

    /// `path` is as on the wire: parameters are decoded after matching, so that an encoded `/`
    /// stays inside its segment.
    pub fn find(
        &self,
        method: &str,
        path: &str,
        asked: Option<&str>,
        strict: bool,
    ) -> Result<Found<'_>, Box<NotFound>> {
        let refuse = |error, service, version, allow| {
            Box::new(NotFound {
                error,
                service,
                version,
                allow,
            })
        };
        let matched = match self.paths.at(path) {
            Ok(matched) => matched,
            Err(_) => {
                let service = self.services.get(first_segment(path)).copied();
                let versioned = service.filter(|service| !service.versions.is_empty());
                let version = versioned.map_or(ApiVersion::NONE, |service| {
                    samband_wire_core::version::resolve(asked, service.versions, strict)
                        .map_or_else(|_| newest(service), |resolved| resolved.served)
                });
                let error = ApiError::not_found("There is nothing at this path.");
                return Err(refuse(error, service, version, None));
            }
        };
        let place = matched.value;
        let service = place.served.first().map(|(_, index)| self.routes[*index].service);
        let (version, unknown_version) = match service {
            Some(service) if !service.versions.is_empty() => {
                let resolved = samband_wire_core::version::resolve(asked, service.versions, strict)
                    .map_err(|error| refuse(error, Some(service), newest(service), None))?;
                (resolved.served, resolved.unknown)
            }
            _ => (ApiVersion::NONE, None),
        };
        let served_now = || place.served.iter().filter(|(served, _)| served.covers(version));
        let found = served_now().find(|(served, _)| served.method.as_str() == method);
        let Some((served, index)) = found else {
            let mut methods: Vec<_> = served_now().map(|(served, _)| Method::as_str(served.method)).collect();
            methods.dedup();
            let (error, allow) = if methods.is_empty() {
                let message = format!("This operation is not part of api-version {version}.");
                (ApiError::not_found(message), None)
            } else {
                let allow = methods.join(", ");
                let message = format!("The method {} is not allowed here; allowed: {allow}.", shown(method));
                let status = http::StatusCode::METHOD_NOT_ALLOWED;
                (ApiError::new(status, "MethodNotAllowed", message), Some(allow))
            };
            return Err(refuse(error, service, version, allow));
        };
        let params = matched
            .params
            .iter()
            .map(|(_, value)| decode(value))
            .collect::<Result<Vec<_>, _>>();
        let params = params.map_err(|error| refuse(error, service, version, None))?;
        Ok(Found {
            route: &self.routes[*index],
            served,
            params,
            version,
            unknown_version,
        })
    }
}

fn first_segment(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

fn newest(service: &Service) -> ApiVersion {
    service.versions.last().copied().unwrap_or(ApiVersion::NONE)
}

fn shown(method: &str) -> Cow<'_, str> {
    if method.len() <= 10 {
        Cow::Borrowed(method)
    } else {
        Cow::Borrowed("used")
    }
}

fn decode(segment: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(segment).decode_utf8();
    text.map(Cow::into_owned)
        .map_err(|_| ApiError::bad_request("The path is not percent-encoded UTF-8."))
}
