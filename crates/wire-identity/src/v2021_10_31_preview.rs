//! `2021-10-31-preview`: as 2022-06-01 but for the exchange of Teams tokens, which names nobody yet.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2022_06_01;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 10, 31, 0),
    exchange_names_user: false,
    ..v2022_06_01::SHAPE
};
