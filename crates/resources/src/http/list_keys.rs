//! `GET /_samband/v1/admin/resources/{name}/keys`

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::Admin;

pub(super) async fn serve(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let resource = admin.find(request.param(0))?;
    Ok(Reply::json(200, &admin.keys(&resource)))
}
