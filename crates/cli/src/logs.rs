//! Logs on standard error: text for eyes, JSON for machines.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use samband_server::config::Log;
use tracing_subscriber::EnvFilter;

pub fn start(config: &Log) -> Result<()> {
    // rustls warns of what any client may send, such as an address for a name: that would fill logs.
    // The clients of NATS and PostgreSQL tell at info what the server tells itself where it matters.
    let quiet = [("rustls", "error"), ("async_nats", "warn"), ("tokio_postgres", "warn")];
    let mut level = config.level.clone();
    for (target, least) in quiet {
        if !config.level.contains(target) {
            level = format!("{target}={least},{level}");
        }
    }
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
