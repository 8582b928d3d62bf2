//! `POST /_samband/v1/admin/resources`

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};
use serde::Deserialize;

use super::{Admin, refusal};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Body {
    name: String,
    port: Option<u16>,
    data_location: Option<String>,
}

pub(super) async fn serve(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let body: Body = request.json()?;
    let location = body.data_location.as_deref().unwrap_or("Local");
    let now = admin.clock.now();
    let resource = admin
        .directory
        .create(&body.name, body.port, location, now)
        .await
        .map_err(refusal)?;
    if let Err(error) = admin.tell_of_change() {
        // A resource whose port cannot be had would look usable and not be.
        admin.directory.delete(&body.name).await.map_err(refusal)?;
        return Err(error.with_target("port"));
    }
    Ok(Reply::json(201, &admin.view(&resource)))
}
