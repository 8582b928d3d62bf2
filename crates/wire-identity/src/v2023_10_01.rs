//! `2023-10-01`, the newest: the `join` scopes.

use samband_core::Scope;
use samband_wire_core::ApiVersion;

use crate::shape::Shape;

pub const SHAPE: Shape = Shape {
    version: ApiVersion::stable(2023, 10, 1),
    scopes: &Scope::ALL,
    ignored_scopes: &[],
    expires_in_minutes: true,
    repeatable: false,
    exchange_names_user: true,
    flat: false,
};
