//! `2023-07-01-preview`: metadata on threads and participants for the first time.

use samband_wire_core::ApiVersion;

use crate::attachments::Attachments;
use crate::shape::Shape;
use crate::v2023_11_07;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2023, 7, 1, 0),
    attachments: Attachments::OfTeams,
    thread_metadata: true,
    participant_metadata: true,
    ..v2023_11_07::SHAPE
};
