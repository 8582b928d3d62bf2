//! `2021-03-01-preview5`: another name for the header by which creation is repeated.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_03_07;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 3, 1, 5),
    idempotency_header: Some("idempotency-token"),
    ..v2021_03_07::SHAPE
};
