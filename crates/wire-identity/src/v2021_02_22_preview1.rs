//! `2021-02-22-preview1`: as 2021-03-07.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_03_07;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 2, 22, 1),
    ..v2021_03_07::SHAPE
};
