//! A node that acknowledges before PostgreSQL has committed, and so loses what it acknowledged when the
//! server is killed. It exists to show that the tests of a cluster notice. Configured by `SAMBAND__…`.

use std::sync::Arc;

use samband_core::{SystemClock, SystemRandom};
use samband_server::config::{Config, Layers};
use samband_server::{Start, Weakness};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load(Layers {
        environment: std::env::vars().collect(),
        ..Layers::default()
    })?;
    let start = Start {
        config,
        development: None,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        weakness: Weakness::AcknowledgesEarly,
    };
    let running = start.run().await?;
    signal(SignalKind::terminate())?.recv().await;
    running.stop().await;
    Ok(())
}
