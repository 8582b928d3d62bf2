//! Logs on standard error: text for eyes, JSON for machines.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use samband_server::config::Log;
use tracing_subscriber::EnvFilter;

pub fn start(config: &Log) -> Result<()> {
    // rustls warns of what any client may send, such as an address for a name: that would fill logs.
    let level = match config.level.contains("rustls") {
        true => config.level.clone(),
        false => format!("rustls=error,{}", config.level),
    };
    let filter = EnvFilter::builder()
        .parse(level)
        .with_context(|| format!("log.level '{}'", config.level))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if config.format == "json" {
        builder.json().flatten_event(true).init();
    } else {
        builder
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .init();
    }
    Ok(())
}
