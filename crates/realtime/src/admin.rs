//! The admin API of real time: who is connected.

use std::sync::Arc;

use samband_core::Millis;
use samband_resources::Directory;
use samband_wire_core::{
    About, ApiError, Auth, Endpoint, Envelope, Field, Handler, Kind, Method, Object, Refusal, Reply, Request, Served,
    Service, handler,
};
use serde::Serialize;

use crate::hub::Hub;

/// What the handlers need.
pub struct Admin {
    pub directory: Arc<Directory>,
    pub hub: Hub,
}

pub static SERVICE: Service = Service {
    name: "realtime",
    versions: &[],
    envelope: |_| Envelope::Nested,
    endpoints: &[Endpoint::new(
        "ListConnectedEndpoints",
        Auth::Admin,
        &[Served::always(
            Method::Get,
            "/_samband/v1/admin/resources/{name}/endpoints",
            200,
        )],
    )],
    rates: &[],
    about: ABOUT,
};

static ABOUT: &[About] = &[About::of(
    "ListConnectedEndpoints",
    "Lists the users of a resource who are connected to this node for real time, by id, with their endpoints.",
)
.answers(&LIST)
.refuses(&[Refusal::new(404, "NotFound", "there is no such resource")])];

static LIST: Object = Object::new(
    "ConnectedUserList",
    "",
    &[Field::required("value", Kind::List(&USER), "")],
);
static USER: Object = Object::new(
    "ConnectedUser",
    "",
    &[
        Field::required("user", Kind::Text, "the user's id"),
        Field::required("endpoints", Kind::List(&ENDPOINT), "by age"),
    ],
);
static ENDPOINT: Object = Object::new(
    "ConnectedEndpoint",
    "",
    &[
        Field::required(
            "protocol",
            Kind::OneOf(&[
                "signalling-websocket",
                "signalling-polling",
                "events-websocket",
                "events-sse",
            ]),
            "how it is connected",
        ),
        Field::required("connectedOn", Kind::Time, "since when"),
    ],
);

pub fn handlers(admin: &Arc<Admin>) -> Vec<(&'static str, Handler)> {
    vec![("ListConnectedEndpoints", handler(admin, list_connected))]
}

#[derive(Serialize)]
struct List {
    value: Vec<ConnectedUser>,
}

#[derive(Serialize)]
struct ConnectedUser {
    user: String,
    endpoints: Vec<ConnectedEndpoint>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectedEndpoint {
    protocol: &'static str,
    connected_on: String,
}

/// The users with connected endpoints, by id.
async fn list_connected(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let missing = || ApiError::not_found("There is no such resource.").with_target("name");
    let resource = admin.directory.by_name(request.param(0)).ok_or_else(missing)?.id;
    let mut endpoints = admin.hub.endpoints(resource).await;
    endpoints.sort_by_key(|endpoint| (endpoint.user, endpoint.since));
    let users = endpoints.chunk_by(|one, other| one.user == other.user);
    let view = |since: Millis, protocol| ConnectedEndpoint {
        protocol,
        connected_on: since.to_string(),
    };
    let value = users
        .map(|of_user| ConnectedUser {
            user: of_user[0].user.raw_id(resource),
            endpoints: of_user
                .iter()
                .map(|endpoint| view(endpoint.since, endpoint.protocol))
                .collect(),
        })
        .collect();
    Ok(Reply::json(200, &List { value }))
}

#[cfg(test)]
mod tests {
    use samband_wire_core::about::testing::answer_faults;

    use super::*;
    use crate::session::Protocol;

    #[test]
    fn the_table_is_sound_and_the_types_are_as_told() {
        assert_eq!(SERVICE.faults(), Vec::<String>::new());
        let protocols = [
            Protocol::SignallingWebSocket,
            Protocol::SignallingPolling,
            Protocol::OpenWebSocket,
            Protocol::OpenServerSentEvents,
        ];
        let endpoint = |protocol: Protocol| ConnectedEndpoint {
            protocol: protocol.as_str(),
            connected_on: Millis(0).to_string(),
        };
        let user = ConnectedUser {
            user: "8:acs:x".into(),
            endpoints: protocols.map(endpoint).into(),
        };
        assert_eq!(answer_faults(&LIST, &List { value: vec![user] }), Vec::<String>::new());
    }
}
