//! `2024-06-05-preview`: as the newest, and messages are sent with attachments. `policyViolation` and
//! `messagingPolicy` are answers that only a moderating service gives.

use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2025_03_15;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2024, 6, 5, 0),
    attachments_sent: true,
    ..v2025_03_15::SHAPE
};
