//! `2025-03-15`, the newest: metadata on threads and participants, retention policies. Attachments are shown, and no
//! longer sent.

use samband_wire_core::ApiVersion;

use crate::attachments::Attachments;
use crate::shape::{Dialect, Shape};

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2025, 3, 15),
    dialect: Dialect::Participants,
    identifier_kind: true,
    message_metadata: true,
    thread_metadata: true,
    participant_metadata: true,
    retention_policy: true,
    role_ids: false,
    participants_required: false,
    invalid_in_errors: false,
    attachments: Attachments::Known,
    attachments_sent: false,
    typing_body: true,
    idempotency_header: Some("repeatability-request-id"),
};
