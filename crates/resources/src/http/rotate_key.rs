//! `POST /_samband/v1/admin/resources/{name}/keys/{slot}/:rotate`: the old key and the tokens made
//! with it stop working at once.

use std::sync::Arc;

use samband_core::KeySlot;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Admin, refusal};

pub(super) async fn serve(admin: Arc<Admin>, request: Request) -> Result<Reply, ApiError> {
    let slot: KeySlot = request
        .param(1)
        .parse()
        .map_err(|()| ApiError::bad_request("A key is 'primary' or 'secondary'.").with_target("slot"))?;
    let resource = admin
        .directory
        .rotate_key(request.param(0), slot)
        .await
        .map_err(refusal)?;
    admin.tell_of_change()?;
    Ok(Reply::json(200, &admin.keys(&resource)))
}
