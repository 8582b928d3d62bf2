//! The wire of Identity: its endpoint table, its newest types, and what each api-version lacks.

mod shape;
mod table;
mod types;
mod v2020_07_20_preview2;
mod v2021_02_22_preview1;
mod v2021_03_07;
mod v2021_03_31_preview1;
mod v2021_10_31_preview;
mod v2022_06_01;
mod v2022_10_01;
mod v2023_08_01;
mod v2023_10_01;

pub use shape::Shape;
pub use table::{EXCHANGE, SERVICE};
pub use types::{
    AccessToken, CreateRequest, Identity, IdentityResult, IdentityToken, TeamsExchangeRequest, TokenRequest,
    UpdateRequest,
};

use samband_wire_core::ApiVersion;

/// Oldest first, one file each. A new api-version is a file and a line here.
const SHAPES: [&Shape; 9] = [
    &v2020_07_20_preview2::SHAPE,
    &v2021_02_22_preview1::SHAPE,
    &v2021_03_07::SHAPE,
    &v2021_03_31_preview1::SHAPE,
    &v2021_10_31_preview::SHAPE,
    &v2022_06_01::SHAPE,
    &v2022_10_01::SHAPE,
    &v2023_08_01::SHAPE,
    &v2023_10_01::SHAPE,
];

/// What an api-version looks like. Versions are resolved before, so the newest stands in for none.
pub fn shape(version: ApiVersion) -> &'static Shape {
    SHAPES
        .iter()
        .find(|shape| shape.version == version)
        .unwrap_or(&SHAPES[SHAPES.len() - 1])
}
