//! `2022-10-01`: tokens may say how long they live; two scopes.

use samband_core::Scope;
use samband_wire_core::ApiVersion;

use crate::shape::Shape;
use crate::v2023_10_01;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2022, 10, 1),
    scopes: &[Scope::Chat, Scope::Voip],
    ..v2023_10_01::SHAPE
};
