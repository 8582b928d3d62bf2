//! `2024-03-07`: metadata on messages alone, no retention policies.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2024_03_15_preview;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2024, 3, 7),
    thread_metadata: false,
    participant_metadata: false,
    retention_policy: false,
    attachments_sent: false,
    ..v2024_03_15_preview::SHAPE
};
