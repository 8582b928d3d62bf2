//! `DELETE /_samband/v1/admin/resources/{name}`: its keys and tokens stop working at once.

use std::sync::Arc;

use samband_wire_core::{ApiError, Reply, Request};

use super::{Admin, refusal};

pub(super) async fn serve(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let name = request.param(0);
    let is_default = |resource: &crate::Resource| resource.name.eq_ignore_ascii_case(name);
    if admin
        .directory
        .default_resource()
        .is_some_and(|resource| is_default(&resource))
    {
        let message = "The default resource, which requests that name none belong to, cannot be deleted.";
        return Err(ApiError::conflict("DefaultResource", message));
    }
    admin.directory.delete(name).await.map_err(refusal)?;
    admin.tell_of_change()?;
    Ok(Reply::empty(204))
}
