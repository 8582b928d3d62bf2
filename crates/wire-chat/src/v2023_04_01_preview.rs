//! `2023-04-01-preview`: identifiers without `kind`.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2023_07_01_preview;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2023, 4, 1, 0),
    identifier_kind: false,
    thread_metadata: false,
    participant_metadata: false,
    ..v2023_07_01_preview::SHAPE
};
