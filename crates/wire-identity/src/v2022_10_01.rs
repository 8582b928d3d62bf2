//! `2022-10-01`: as 2023-08-01, which alone lets requests be repeated.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2023_08_01;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2022, 10, 1),
    repeatable: false,
    ..v2023_08_01::SHAPE
};
