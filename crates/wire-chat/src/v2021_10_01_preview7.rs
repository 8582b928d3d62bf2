//! `2021-10-01-preview7`: participants have roles, here alone; attachments are not known yet.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2021_09_07;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 10, 1, 7),
    role_ids: true,
    ..v2021_09_07::SHAPE
};
