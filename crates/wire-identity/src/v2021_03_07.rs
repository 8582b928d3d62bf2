//! `2021-03-07`, the first stable version.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_03_31_preview1;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2021, 3, 7),
    ..v2021_03_31_preview1::SHAPE
};
