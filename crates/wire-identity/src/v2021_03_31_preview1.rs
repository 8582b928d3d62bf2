//! `2021-03-31-preview1`: the exchange of Teams tokens for the first time.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_10_31_preview;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 3, 31, 1),
    ..v2021_10_31_preview::SHAPE
};
