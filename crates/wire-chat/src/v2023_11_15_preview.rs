//! `2023-11-15-preview`: as 2024-03-01-preview.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2024_03_01_preview;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2023, 11, 15, 0),
    ..v2024_03_01_preview::SHAPE
};
