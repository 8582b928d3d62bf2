//! `2021-03-07`: two scopes, and every token lives for a day.

use samband_core::Scope;
use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2023_10_01;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2021, 3, 7),
    scopes: &[Scope::Chat, Scope::Voip],
    expires_in_minutes: false,
    ..v2023_10_01::SHAPE
};
