//! `samband run -- COMMAND`: a command beside a throw-away server, with everything it needs to
//! find the server in its environment.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use samband_server::config::{Config, Layers};
use samband_server::{DevelopmentKey, ServerInfo, trust};
use tokio::process::Command;
use toml::Value;

use crate::args::{LimitsProfile, RunArgs};
use crate::{client, logs, serve};

pub async fn run(args: RunArgs) -> Result<ExitCode> {
    let profile = match args.limits {
        Some(LimitsProfile::Acs) => "acs",
        Some(LimitsProfile::Default) | None => "default",
    };
    let text = |text: &Option<String>| Value::String(text.clone().unwrap_or_default());
    // What is the server's own goes with it, whatever it keeps elsewhere.
    let own = tempfile::Builder::new().prefix("samband-").tempdir()?;
    let flags = vec![
        ("server.listen", Value::String("127.0.0.1:0".into())),
        ("store.memory", Value::Boolean(args.store.is_none())),
        ("store.url", text(&args.store)),
        ("store.data", Value::String(own.path().to_string_lossy().into_owned())),
        ("bus.url", text(&args.bus)),
        ("limits.profile", Value::String(profile.into())),
        ("log.level", Value::String(args.log_level.clone())),
    ];
    let config = Config::load(Layers {
        file: None,
        environment: Vec::new(),
        flags,
    })?;
    logs::start(&config.log)?;
    let running = serve::start(config, Some(DevelopmentKey::Random)).await?;
    let outcome = beside(&running.info, &args).await;
    running.stop().await;
    outcome
}

async fn beside(info: &ServerInfo, args: &RunArgs) -> Result<ExitCode> {
    let mut variables = trust::variables(info)?;
    for set in &args.set {
        variables.push(extra(info, set).await?);
    }
    let Some((program, arguments)) = args.command.split_first() else {
        bail!("there is no command to run")
    };
    let mut child = Command::new(program)
        .args(arguments)
        .envs(variables)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("running {program}"))?;
    // Ctrl-C reaches the command too, being of the same group: its end is ours.
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.with_context(|| format!("running {program}"))?,
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let code = status.code().unwrap_or_else(|| {
        // As shells have it: 128 and the signal.
        128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0)
    });
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

async fn extra(info: &ServerInfo, set: &str) -> Result<(String, String)> {
    let Some((name, what)) = set.split_once('=') else {
        bail!("--set takes NAME=connection-string, endpoint, key or token; '{set}' has no '='");
    };
    let value = match what {
        "connection-string" => info.connection_string.clone(),
        "endpoint" => info.endpoint.clone(),
        "key" => info.access_key.clone(),
        "token" => client::Client::of(info)?.user_token(&info.resource_name).await?,
        _ => bail!("--set {name}: '{what}' is none of connection-string, endpoint, key, token"),
    };
    Ok((name.to_owned(), value))
}
