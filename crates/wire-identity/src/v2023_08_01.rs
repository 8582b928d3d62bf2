//! `2023-08-01`: two scopes, and requests that may be repeated, here alone.

use samband_core::Scope;
use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2023_10_01;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2023, 8, 1),
    scopes: &[Scope::Chat, Scope::Voip],
    repeatable: true,
    ..v2023_10_01::SHAPE
};
