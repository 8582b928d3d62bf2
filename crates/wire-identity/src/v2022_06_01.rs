//! `2022-06-01`: every token lives for a day.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2022_10_01;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2022, 6, 1),
    expires_in_minutes: false,
    ..v2022_10_01::SHAPE
};
