//! The command line's way to a running server.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Certificate, Method, StatusCode};
use samband_server::ServerInfo;
use samband_server::trust::SERVER_FILE;
use serde_json::{Value, json};

use crate::args::{Connection, ReadyArgs};

pub struct Client {
    http: reqwest::Client,
    /// For answers without an end.
    stream: reqwest::Client,
    endpoint: String,
    admin_token: String,
    /// Of the server on this machine; otherwise asked for.
    default_resource: Option<String>,
}

impl Client {
    pub fn of(info: &ServerInfo) -> Result<Self> {
        Ok(Self {
            http: http(info.ca_file.as_deref(), Answers::End)?,
            stream: http(info.ca_file.as_deref(), Answers::GoOn)?,
            endpoint: info.endpoint.clone(),
            admin_token: info.admin_token.clone(),
            default_resource: Some(info.resource_name.clone()),
        })
    }

    pub fn connect(connection: &Connection) -> Result<Self> {
        let running = read_server_file(&connection.data);
        let Some(endpoint) = connection
            .endpoint
            .clone()
            .or_else(|| Some(running.as_ref()?.endpoint.clone()))
        else {
            bail!(
                "no server found: there is no {SERVER_FILE} in {}; start one, or give --endpoint and --admin-token \
                 (or SAMBAND_ENDPOINT and SAMBAND_ADMIN_TOKEN)",
                connection.data.display()
            );
        };
        let token = connection
            .admin_token
            .clone()
            .or_else(|| Some(running.as_ref()?.admin_token.clone()));
        let ca_file = connection.ca_file.clone().or_else(|| running.as_ref()?.ca_file.clone());
        Ok(Self {
            http: http(ca_file.as_deref(), Answers::End)?,
            stream: http(ca_file.as_deref(), Answers::GoOn)?,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            admin_token: token.context("the admin token is not known: give --admin-token or SAMBAND_ADMIN_TOKEN")?,
            default_resource: None,
        })
    }

    /// Calls the admin API; the answer's JSON, null where there is none.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let url = format!("{}/_samband/v1/admin/{path}", self.endpoint);
        let mut request = self.http.request(method, &url).bearer_auth(&self.admin_token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("calling {}", self.endpoint))?;
        let status = response.status();
        let text = response
            .text()
            .await
            .with_context(|| format!("calling {}", self.endpoint))?;
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if !status.is_success() {
            let message = answer["error"]["message"]
                .as_str()
                .unwrap_or("the server gave no reason");
            bail!("{message} ({status})");
        }
        Ok(answer)
    }

    /// Opens the event stream.
    pub async fn events(&self, query: &str, position: Option<&str>) -> Result<reqwest::Response> {
        let url = format!("{}/_samband/v1/events?{query}", self.endpoint);
        let mut request = self.stream.get(&url).bearer_auth(&self.admin_token);
        if let Some(position) = position {
            request = request.header("last-event-id", position);
        }
        request
            .send()
            .await
            .with_context(|| format!("calling {}", self.endpoint))
    }

    /// The resource named, or the server's default one.
    pub async fn resource(&self, named: Option<&str>) -> Result<String> {
        if let Some(name) = named {
            return Ok(segment(name));
        }
        if let Some(name) = &self.default_resource {
            return Ok(segment(name));
        }
        let list = self.call(Method::GET, "resources", None).await?;
        let name = list["value"][0]["name"]
            .as_str()
            .context("the server has no resource")?;
        Ok(segment(name))
    }

    /// A token of a new user, for `run --set NAME=token`.
    pub async fn user_token(&self, resource: &str) -> Result<String> {
        let resource = segment(resource);
        let user = self
            .call(Method::POST, &format!("resources/{resource}/users"), None)
            .await?;
        let id = segment(user["id"].as_str().context("the server gave no id")?);
        let path = format!("resources/{resource}/users/{id}/:issueAccessToken");
        let token = self
            .call(Method::POST, &path, Some(json!({ "scopes": ["chat", "voip"] })))
            .await?;
        Ok(token["token"].as_str().context("the server gave no token")?.to_owned())
    }
}

/// A name or id as one segment of a path.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn read_server_file(data: &Path) -> Option<ServerInfo> {
    serde_json::from_slice(&std::fs::read(data.join(SERVER_FILE)).ok()?).ok()
}

enum Answers {
    End,
    GoOn,
}

fn http(ca_file: Option<&Path>, answers: Answers) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(10));
    let mut builder = match answers {
        Answers::End => builder.timeout(Duration::from_secs(30)),
        // The server says something at least every 15 s.
        Answers::GoOn => builder.read_timeout(Duration::from_secs(45)),
    };
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let ca = Certificate::from_pem(&pem).with_context(|| format!("{} is no certificate", path.display()))?;
        builder = builder.tls_certs_only([ca]);
    }
    builder.build().context("preparing HTTPS")
}

/// `samband ready`: 0 when the server is ready, 1 when not.
pub async fn ready(args: ReadyArgs) -> Result<ExitCode> {
    let tries = if args.wait {
        args.timeout.saturating_mul(10).max(1)
    } else {
        1
    };
    let mut reason = String::new();
    for attempt in 0..tries {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        match probe(&args.connection).await {
            Ok(()) => return Ok(ExitCode::SUCCESS),
            Err(error) => reason = format!("{error:#}"),
        }
    }
    eprintln!("samband: not ready: {reason}");
    Ok(ExitCode::FAILURE)
}

async fn probe(connection: &Connection) -> Result<()> {
    let running = read_server_file(&connection.data);
    let endpoint = connection
        .endpoint
        .clone()
        .or_else(|| Some(running.as_ref()?.endpoint.clone()));
    let endpoint = endpoint.with_context(|| format!("no {SERVER_FILE} in {}", connection.data.display()))?;
    let ca_file = connection.ca_file.clone().or_else(|| running.as_ref()?.ca_file.clone());
    let response = http(ca_file.as_deref(), Answers::End)?
        .get(format!("{}/readyz", endpoint.trim_end_matches('/')))
        .send()
        .await?;
    if response.status() == StatusCode::OK {
        Ok(())
    } else {
        bail!("{}", response.text().await?.trim().to_owned())
    }
}
