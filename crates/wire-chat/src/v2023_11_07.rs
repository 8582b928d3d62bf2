//! `2023-11-07`: stable, so without the previews' metadata on threads and participants.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2023_11_15_preview;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2023, 11, 7),
    thread_metadata: false,
    participant_metadata: false,
    ..v2023_11_15_preview::SHAPE
};
