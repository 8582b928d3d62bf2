//! What the rooms keep, together.

use samband_store::Migration;
use samband_store::transfer::Table;

/// The steps of every room's schema.
pub fn migrations() -> Vec<Migration> {
    [
        samband_resources::MIGRATIONS,
        samband_identity::MIGRATIONS,
        samband_chat::MIGRATIONS,
    ]
    .concat()
}

/// Every room's tables that are carried from one store to another.
pub const TABLES: &[&[Table]] = &[
    samband_resources::TABLES,
    samband_identity::TABLES,
    samband_chat::TABLES,
];
