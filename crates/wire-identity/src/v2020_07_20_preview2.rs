//! `2020-07-20-preview2`, the administration package: flat answers, and a `pstn` scope that the
//! service never gave a meaning.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_02_22_preview1;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2020, 7, 20, 2),
    ignored_scopes: &["pstn"],
    flat: true,
    ..v2021_02_22_preview1::SHAPE
};
