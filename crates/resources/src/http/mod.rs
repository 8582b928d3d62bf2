//! The admin API of resources and their keys.

mod about;
mod create_resource;
mod delete_resource;
mod list_keys;
mod list_resources;
mod rotate_key;

use std::sync::Arc;

use http::StatusCode;
use samband_core::{Clock, KeySlot};
use samband_wire_core::{ApiError, Auth, Endpoint, Envelope, Handler, Method, Served, Service, handler};
use serde::Serialize;

use crate::directory::{Directory, ResourceError};
use crate::model::Resource;

/// Says why the server could not follow a change, if it could not.
pub type OnChange = dyn Fn() -> Result<(), String> + Send + Sync;
pub type EndpointOf = dyn Fn(&Resource) -> String + Send + Sync;

/// What the handlers need.
pub struct Admin {
    pub directory: Arc<Directory>,
    pub clock: Arc<dyn Clock>,
    /// Told of every resource made or deleted and of every key replaced: ports open and close, and
    /// connections made with what is gone end.
    pub changed: Box<OnChange>,
    /// The endpoint of a resource as its clients should use it.
    pub endpoint: Box<EndpointOf>,
}

pub static SERVICE: Service = Service {
    name: "resources",
    versions: &[],
    envelope: |_| Envelope::Nested,
    endpoints: &[
        Endpoint::new(
            "ListResources",
            Auth::Admin,
            &[Served::always(Method::Get, "/_samband/v1/admin/resources", 200)],
        ),
        Endpoint::new(
            "CreateResource",
            Auth::Admin,
            &[Served::always(Method::Post, "/_samband/v1/admin/resources", 201)],
        ),
        Endpoint::new(
            "DeleteResource",
            Auth::Admin,
            &[Served::always(
                Method::Delete,
                "/_samband/v1/admin/resources/{name}",
                204,
            )],
        ),
        Endpoint::new(
            "ListKeys",
            Auth::Admin,
            &[Served::always(
                Method::Get,
                "/_samband/v1/admin/resources/{name}/keys",
                200,
            )],
        ),
        Endpoint::new(
            "RotateKey",
            Auth::Admin,
            &[Served::always(
                Method::Post,
                "/_samband/v1/admin/resources/{name}/keys/{slot}/:rotate",
                200,
            )],
        ),
    ],
    rates: &[],
    about: about::ABOUT,
};

pub fn handlers(admin: &Arc<Admin>) -> Vec<(&'static str, Handler)> {
    vec![
        ("ListResources", handler(admin, list_resources::serve)),
        ("CreateResource", handler(admin, create_resource::serve)),
        ("DeleteResource", handler(admin, delete_resource::serve)),
        ("ListKeys", handler(admin, list_keys::serve)),
        ("RotateKey", handler(admin, rotate_key::serve)),
    ]
}

/// A resource as the admin API shows it; keys only where they are asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceView {
    name: String,
    is_default: bool,
    immutable_resource_id: String,
    arm_id: String,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    data_location: String,
    created_on: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeysView {
    primary_key: String,
    secondary_key: String,
    primary_connection_string: String,
    secondary_connection_string: String,
}

impl Admin {
    fn view(&self, resource: &Resource) -> ResourceView {
        ResourceView {
            name: resource.name.clone(),
            is_default: resource.is_default,
            immutable_resource_id: resource.id.to_string(),
            arm_id: resource.arm_id(),
            endpoint: (self.endpoint)(resource),
            port: resource.port,
            data_location: resource.data_location.clone(),
            created_on: resource.created.to_string(),
        }
    }

    fn keys(&self, resource: &Resource) -> KeysView {
        let endpoint = (self.endpoint)(resource);
        let key = |slot| resource.key(slot).base64();
        let connection_string = |slot| format!("endpoint={endpoint}/;accesskey={}", key(slot));
        KeysView {
            primary_key: key(KeySlot::Primary),
            secondary_key: key(KeySlot::Secondary),
            primary_connection_string: connection_string(KeySlot::Primary),
            secondary_connection_string: connection_string(KeySlot::Secondary),
        }
    }

    fn find(&self, name: &str) -> Result<Arc<Resource>, ApiError> {
        self.directory
            .by_name(name)
            .ok_or_else(|| refusal(ResourceError::NotFound))
    }

    fn tell_of_change(&self) -> Result<(), ApiError> {
        (self.changed)().map_err(|reason| {
            ApiError::new(
                StatusCode::CONFLICT,
                "ListenerFailed",
                format!("The listener could not be opened: {reason}."),
            )
        })
    }
}

/// The one table from refusal to status and code.
fn refusal(error: ResourceError) -> ApiError {
    let message = error.to_string();
    match error {
        ResourceError::BadName(_) => ApiError::bad_request(message).with_target("name"),
        ResourceError::NameTaken => ApiError::conflict("NameTaken", message).with_target("name"),
        ResourceError::NotFound => ApiError::not_found(message),
        ResourceError::Unavailable => ApiError::unavailable(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sound() {
        assert_eq!(super::SERVICE.faults(), Vec::<String>::new());
    }
}
