//! Events of every kind, encoded fast and told again slowly.

mod events;
mod open;
mod payload;
