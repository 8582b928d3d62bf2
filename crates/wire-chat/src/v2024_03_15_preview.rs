//! `2024-03-15-preview`: retention policies come, and images.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2024_06_05_preview;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2024, 3, 15, 0),
    ..v2024_06_05_preview::SHAPE
};
