//! `2021-03-07`, the first stable version: no metadata at all, identifiers without `kind`.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2024_03_07;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2021, 3, 7),
    identifier_kind: false,
    message_metadata: false,
    typing_body: false,
    ..v2024_03_07::SHAPE
};
