//! `2021-03-07`, the first stable version: no metadata at all, and typing without a body.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_04_05_preview6;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2021, 3, 7),
    message_metadata: false,
    typing_body: false,
    ..v2021_04_05_preview6::SHAPE
};
