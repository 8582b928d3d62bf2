//! The server: configuration, listeners, the way of a request, assembly, background jobs, shutdown.

mod app;
mod auth;
pub mod config;
mod correlation;
mod cors;
pub mod files;
mod front;
mod jobs;
pub mod listen;
pub mod meter;
mod openapi;
mod probes;
mod rates;
pub mod rooms;
mod router;
mod services;
mod tls;
pub mod trust;
mod uploads;

pub use app::{DevelopmentKey, Running, ServerInfo, Start, Weakness};
pub use auth::Origin;
pub use config::Config;
pub use services::services;
