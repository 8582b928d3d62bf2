//! A server for one test, and a client that signs as the SDKs do.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Certificate, Method, RequestBuilder};
use samband_core::{Clock, ManualClock, Millis, SystemClock, SystemRandom};
use samband_server::config::Layers;
use samband_server::{Config, DevelopmentKey, Running, ServerInfo, Start};
use samband_wire_core::signature;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use toml::Value as Toml;

pub const CHAT: &str = "2024-03-07";
pub const IDENTITY: &str = "2023-10-01";

pub struct Server {
    pub info: ServerInfo,
    pub clock: Arc<ManualClock>,
    pub http: reqwest::Client,
    running: Option<Running>,
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub token: String,
}

/// A response, read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
    pub text: String,
}

impl Answer {
    /// The error's code in the envelope of all versions but the first.
    pub fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }
    pub fn message(&self) -> &str {
        self.json["error"]["message"].as_str().unwrap_or_default()
    }
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
    /// An error of this status and code, in the envelope, with a message.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        assert!(!self.message().is_empty(), "{}", self.text);
        assert_eq!(self.headers["x-ms-error-code"], code);
        self
    }
}

pub async fn server() -> Server {
    server_with(&[]).await
}

pub async fn server_with(flags: &[(&'static str, Toml)]) -> Server {
    server_as(DevelopmentKey::Random, flags).await
}

/// With a key that stays the same from one start to the next, where there is a next.
pub async fn server_as(key: DevelopmentKey, flags: &[(&'static str, Toml)]) -> Server {
    // Installed once for the process; every further try is refused, and that is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut all = vec![
        ("server.listen", Toml::String("127.0.0.1:0".into())),
        ("server.http_listen", Toml::String("127.0.0.1:0".into())),
        ("store.memory", Toml::Boolean(true)),
    ];
    all.extend(flags.iter().cloned());
    let config = Config::load(Layers {
        file: None,
        environment: Vec::new(),
        flags: all,
    })
    .expect("a configuration");
    // Real time at the start, because certificates are checked by the real clock.
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let start = Start {
        config,
        development: Some(key),
        clock: clock.clone(),
        random: Arc::new(SystemRandom),
        weakness: samband_server::Weakness::None,
    };
    let running = start.run().await.expect("the server starts");
    let info = running.info.clone();
    let ca = std::fs::read(info.ca_file.as_ref().expect("a CA")).expect("readable");
    let http = reqwest::Client::builder()
        .tls_certs_only([Certificate::from_pem(&ca).expect("a certificate")])
        .build()
        .expect("a client");
    Server {
        info,
        clock,
        http,
        running: Some(running),
    }
}

impl Server {
    pub async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            json,
            text,
        }
    }

    /// A chat request of a user.
    pub async fn chat(&self, user: &User, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.chat_in(CHAT, user, method, path, body).await
    }

    pub async fn chat_in(&self, version: &str, user: &User, method: &str, path: &str, body: Option<Value>) -> Answer {
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}/chat/{path}{separator}api-version={version}", self.info.endpoint);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, url).bearer_auth(&user.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    /// A request signed with the resource's primary key.
    pub async fn signed(&self, method: &str, target: &str, body: Option<Value>) -> Answer {
        let key = BASE64.decode(&self.info.access_key).expect("a key");
        self.signed_with(&key, &self.info.endpoint, method, target, body).await
    }

    pub async fn signed_with(
        &self,
        key: &[u8],
        endpoint: &str,
        method: &str,
        target: &str,
        body: Option<Value>,
    ) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.send(self.sign(key, endpoint, method, target, body)).await
    }

    /// A request without a body, signed with the resource's primary key.
    pub fn signed_request(&self, method: &str, target: &str) -> RequestBuilder {
        let key = BASE64.decode(&self.info.access_key).expect("a key");
        self.sign(&key, &self.info.endpoint, method, target, String::new())
    }

    fn sign(&self, key: &[u8], endpoint: &str, method: &str, target: &str, body: String) -> RequestBuilder {
        let host = endpoint.split("://").nth(1).expect("a URL");
        let date = http_date(self.now());
        let hash = BASE64.encode(Sha256::digest(body.as_bytes()));
        let signature = signature::sign(key, method, target, &format!("{date};{host};{hash}"));
        let signed = format!(
            "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={}",
            BASE64.encode(signature)
        );
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http
            .request(method, format!("{endpoint}{target}"))
            .header("x-ms-date", date)
            .header("x-ms-content-sha256", hash)
            .header("authorization", signed)
            .header("content-type", "application/json")
            .body(body)
    }

    pub async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/_samband/v1/admin/{path}", self.info.endpoint);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, url).bearer_auth(&self.info.admin_token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    pub async fn user(&self) -> User {
        self.user_with(&["chat"]).await
    }

    pub async fn user_with(&self, scopes: &[&str]) -> User {
        let body = json!({ "createTokenWithScopes": scopes });
        let made = self
            .signed("POST", &format!("/identities?api-version={IDENTITY}"), Some(body))
            .await
            .expect(201);
        User {
            id: made.json["identity"]["id"].as_str().expect("an id").to_owned(),
            token: made.json["accessToken"]["token"].as_str().expect("a token").to_owned(),
        }
    }

    /// A new thread of the user with others in it; its path below `/chat/`.
    pub async fn thread(&self, creator: &User, others: &[&User]) -> String {
        let participants: Vec<_> = others.iter().map(|user| participant(&user.id)).collect();
        let body = json!({ "topic": "test", "participants": participants });
        let made = self.chat(creator, "POST", "threads", Some(body)).await.expect(201);
        format!(
            "threads/{}",
            encode(made.json["chatThread"]["id"].as_str().expect("an id"))
        )
    }

    /// Sends a text; the message's id.
    pub async fn say(&self, user: &User, thread: &str, text: &str) -> String {
        let sent = self
            .chat(
                user,
                "POST",
                &format!("{thread}/messages"),
                Some(json!({ "content": text })),
            )
            .await;
        sent.expect(201).json["id"].as_str().expect("an id").to_owned()
    }

    /// The texts that a user sees in a thread, oldest first.
    pub async fn texts(&self, user: &User, thread: &str) -> Vec<String> {
        let list = self
            .chat(user, "GET", &format!("{thread}/messages"), None)
            .await
            .expect(200);
        let mut texts: Vec<_> = list.json["value"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|message| message["content"]["message"].as_str().map(str::to_owned))
            .collect();
        texts.reverse();
        texts
    }
}

pub fn participant(id: &str) -> Value {
    json!({ "communicationIdentifier": { "rawId": id, "communicationUser": { "id": id } } })
}

pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub fn http_date(time: Millis) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(time.0 as u64))
}
