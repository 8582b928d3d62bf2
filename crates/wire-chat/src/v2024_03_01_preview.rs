//! `2024-03-01-preview`: metadata on threads and participants, as in its neighbours that are previews.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2024_03_07;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2024, 3, 1, 0),
    thread_metadata: true,
    participant_metadata: true,
    ..v2024_03_07::SHAPE
};
