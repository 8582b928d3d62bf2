//! `2021-09-07`: as 2023-04-01-preview, which adds only attachments.

use samband_wire_core::ApiVersion;

use crate::attachments::Attachments;
use crate::shape::Shape;
use crate::v2023_04_01_preview;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2021, 9, 7),
    attachments: Attachments::Unknown,
    ..v2023_04_01_preview::SHAPE
};
