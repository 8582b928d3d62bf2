//! `2021-10-31-preview`: as 2022-06-01 but for the exchange of Teams tokens, which is refused in both.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2022_06_01;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 10, 31, 0),
    ..v2022_06_01::SHAPE
};
