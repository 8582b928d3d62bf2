//! The wire of Identity: its endpoint table, its newest types, and what each api-version lacks.

mod about;
mod shape;
mod table;
mod types;

pub use shape::Shape;
pub use table::{EXCHANGE, SERVICE};
pub use types::{
    AccessToken, CreateRequest, Identity, IdentityResult, IdentityToken, TeamsExchangeRequest, TokenRequest,
    UpdateRequest,
};

use samband_wire_core::ApiVersion;

// Oldest first, one file each. A new api-version is a file and a row here.
samband_wire_core::versions! {
    v2020_07_20_preview2,
    v2021_02_22_preview1,
    v2021_03_07,
    v2021_03_31_preview1,
    v2021_10_31_preview,
    v2022_06_01,
    v2022_10_01,
    v2023_08_01,
    v2023_10_01,
}

/// What an api-version looks like. Versions are resolved before, so the newest stands in for none.
pub fn shape(version: ApiVersion) -> &'static Shape {
    SHAPES
        .iter()
        .find(|shape| shape.version == version)
        .unwrap_or(&SHAPES[SHAPES.len() - 1])
}
