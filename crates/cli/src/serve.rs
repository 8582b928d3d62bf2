//! `samband dev` and `samband serve`.

use std::sync::Arc;

use anyhow::{Result, bail};
use samband_core::{SystemClock, SystemRandom};
use samband_server::{Config, DevelopmentKey, Running, ServerInfo, Start, Weakness};

use crate::args::{DevArgs, ServeArgs};
use crate::logs;

pub async fn dev(args: DevArgs) -> Result<()> {
    let config = args.source.load(args.server.layer())?;
    logs::start(&config.log)?;
    let key = match (args.key, args.random_key) {
        (Some(key), _) => DevelopmentKey::Given(key),
        (None, true) => DevelopmentKey::Random,
        (None, false) => DevelopmentKey::Fixed,
    };
    let open = |address: std::net::SocketAddr| !address.ip().is_loopback();
    let beyond_loopback = open(config.server.listen) || config.http_listen()?.is_some_and(open);
    if key == DevelopmentKey::Fixed && beyond_loopback {
        bail!(
            "the development key is published, so it is for loopback addresses alone; \
             give --random-key or --key to listen on {}",
            config.server.listen
        );
    }
    let running = start(config, Some(key)).await?;
    greet(&running.info);
    until_told(running).await
}

pub async fn serve(args: ServeArgs) -> Result<()> {
    let config = args.source.load(args.server.layer())?;
    logs::start(&config.log)?;
    let running = start(config, None).await?;
    tracing::info!(endpoint = running.info.endpoint, "listening");
    until_told(running).await
}

pub async fn start(config: Config, development: Option<DevelopmentKey>) -> Result<Running> {
    Start {
        config,
        development,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        weakness: Weakness::None,
    }
    .run()
    .await
}

/// Serves until SIGINT or SIGTERM, then stops in order; a second signal ends it at once.
async fn until_told(running: Running) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut told = async || {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    told().await;
    tracing::info!("stopping");
    tokio::select! {
        () = running.stop() => {}
        () = told() => tracing::warn!("stopped at once"),
    }
    Ok(())
}

fn greet(info: &ServerInfo) {
    let ServerInfo {
        endpoint,
        connection_string,
        admin_token,
        ..
    } = info;
    println!("samband {} is ready.\n", env!("CARGO_PKG_VERSION"));
    println!("  Endpoint           {endpoint}");
    if let Some(plain) = &info.http_endpoint {
        println!("  Without TLS        {plain}");
    }
    println!("  Connection string  {connection_string}");
    println!("  Admin token        {admin_token}");
    if let Some(ca) = &info.ca_file {
        let ca = ca.display();
        println!("  CA file            {ca}\n");
        println!("Try it (pip install azure-communication-identity):\n");
        println!("  export REQUESTS_CA_BUNDLE='{ca}' SSL_CERT_FILE='{ca}' NODE_EXTRA_CA_CERTS='{ca}'");
    }
    println!("  export COMMUNICATION_SERVICES_CONNECTION_STRING='{connection_string}'");
    println!(
        "  python3 -c 'import os; from azure.communication.identity import CommunicationIdentityClient as C; \
         print(C.from_connection_string(os.environ[\"COMMUNICATION_SERVICES_CONNECTION_STRING\"]).create_user().raw_id)'\n"
    );
    println!("Stop with Ctrl-C.");
}
