//! `2021-04-05-preview6`: metadata on messages and a body in typing notifications for the first time.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_09_07;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 4, 5, 6),
    ..v2021_09_07::SHAPE
};
