//! `2021-01-27-preview4`: a thread needs participants, and what went wrong with some stands in `errors`.

use samband_wire_core::{ApiVersion, Detail};
use serde::Serialize;

use crate::shape::Shape;
use crate::v2021_03_01_preview5;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::preview(2021, 1, 27, 4),
    participants_required: true,
    invalid_in_errors: true,
    idempotency_header: Some("repeatability-request-id"),
    ..v2021_03_01_preview5::SHAPE
};

/// The answer to a creation or addition.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InErrors<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_thread: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Errors>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Errors {
    invalid_participants: Vec<Detail>,
}

impl<T> InErrors<T> {
    pub(crate) fn created(chat_thread: T, invalid: Vec<Detail>) -> Self {
        Self {
            chat_thread: Some(chat_thread),
            ..Self::added(invalid)
        }
    }
    pub(crate) fn added(invalid: Vec<Detail>) -> Self {
        let errors = (!invalid.is_empty()).then_some(Errors {
            invalid_participants: invalid,
        });
        Self {
            chat_thread: None,
            errors,
        }
    }
}
