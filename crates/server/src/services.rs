//! Every service that this server speaks, for the router and for the compatibility page.

use samband_wire_core::Service;

pub fn services() -> Vec<&'static Service> {
    vec![
        &samband_wire_identity::SERVICE,
        &samband_wire_identity::EXCHANGE,
        &samband_wire_chat::SERVICE,
        &samband_resources::http::SERVICE,
        &samband_identity::admin::SERVICE,
        &samband_realtime::admin::SERVICE,
        &crate::openapi::SERVICE,
    ]
}
