//! `GET /_samband/v1/admin/resources`

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::{Admin, ResourceView};

#[derive(serde::Serialize)]
pub(super) struct List {
    pub(super) value: Vec<ResourceView>,
}

pub(super) async fn serve(admin: Arc<Admin>, _: Request) -> Result<Reply, ApiError> {
    let resources = admin.directory.all();
    let value = resources.iter().map(|resource| admin.view(resource)).collect();
    Ok(Reply::json(200, &List { value }))
}
