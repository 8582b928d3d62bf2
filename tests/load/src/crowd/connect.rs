//! The ways to a stream of events: the SDKs' signalling (allocation, Socket.IO handshake, WebSocket),
//! the open event stream as a WebSocket or as Server-Sent Events, and the floor's bare socket.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;

use super::frames::{self, Cut};
use crate::http::{Opened, Refusal, Stream, Target};

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
     sec-websocket-key: c2FtYmFuZC1sb2FkLXRvb2w=\r\n";
/// Ports of one loopback address are enough for so many clients, who take turns with the addresses.
const SOURCES: usize = 16;

/// What connected clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Socket.IO 0.9 on a WebSocket, as Microsoft's SDKs
    Signalling,
    /// The open event stream on a WebSocket
    Open,
    /// The open event stream as Server-Sent Events
    Sse,
    /// The floor's WebSocket, from which nothing is sent back
    #[value(skip)]
    Floor,
    /// The floor's WebSocket, with as many replies as in signalling
    #[value(skip)]
    FloorReplies,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::Signalling => "signalling",
            Self::Open => "open stream",
            Self::Sse => "open stream, SSE",
            Self::Floor | Self::FloorReplies => "floor",
        }
    }

    /// The floor that a figure is held against.
    pub fn floor(self) -> Self {
        match self {
            Self::Signalling | Self::FloorReplies => Self::FloorReplies,
            Self::Open | Self::Sse | Self::Floor => Self::Floor,
        }
    }

    pub fn cut(self) -> Cut {
        match self {
            Self::Sse => frames::chunks,
            _ => frames::web_socket,
        }
    }

    /// Whether a first frame says that one is connected; else the answer's head says it.
    pub fn greets(self) -> bool {
        !matches!(self, Self::Open | Self::Sse)
    }
}

/// Why there is no stream.
pub enum NoStream {
    /// The server has too much to do (503), and may have said when to come again.
    Busy(Option<Duration>),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for NoStream {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl NoStream {
    fn of(refusal: Refusal) -> Self {
        let Refusal {
            status,
            retry_after,
            body,
        } = refusal;
        match status {
            503 => Self::Busy(retry_after),
            _ => Self::Failed(anyhow::anyhow!("the server answered {status}: {body}")),
        }
    }
}

/// One client's way in.
pub struct Way<'a> {
    pub target: &'a Target,
    pub protocol: Protocol,
    pub token: &'a str,
    pub number: usize,
    /// Which of this client's connections it is.
    pub attempt: u32,
}

impl Way<'_> {
    /// A stream, and the first bytes of it.
    pub async fn open(&self) -> Result<(Stream, Vec<u8>), NoStream> {
        match self.protocol {
            Protocol::Signalling => self.signalling().await,
            Protocol::Open => self.stream("/_samband/v1/events", UPGRADE).await,
            Protocol::Sse => {
                self.stream("/_samband/v1/events", "accept: text/event-stream\r\n")
                    .await
            }
            Protocol::Floor => self.stream("/socket", UPGRADE).await,
            Protocol::FloorReplies => self.stream("/socket?push", UPGRADE).await,
        }
    }

    fn source(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, 0, 1 + (self.number % SOURCES) as u8)
    }

    fn get(&self, target: &str, headers: &str) -> Vec<u8> {
        let host = self.target.address;
        format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n").into_bytes()
    }

    async fn stream(&self, target: &str, headers: &str) -> Result<(Stream, Vec<u8>), NoStream> {
        let headers = format!("authorization: Bearer {}\r\n{headers}", self.token);
        self.socket(&self.get(target, &headers)).await
    }

    async fn socket(&self, request: &[u8]) -> Result<(Stream, Vec<u8>), NoStream> {
        let connection = self.target.connect_from(self.source()).await?;
        match connection.open(request).await? {
            Opened::Stream(stream, first) => Ok((stream, first)),
            Opened::Refused(refusal) => Err(NoStream::of(refusal)),
        }
    }

    /// As a browser does it: one connection for the requests, another for the socket.
    async fn signalling(&self) -> Result<(Stream, Vec<u8>), NoStream> {
        let mut requests = self.target.connect_from(self.source()).await?;
        let uuid = |kind: u32| format!("{kind:08x}-0000-4000-8000-{:012x}", self.number);
        let (session, epid) = (uuid(1), uuid(2));
        let said = format!("cor_id={session}&con_num=1700000000000_{}&epid={epid}", self.attempt);
        let token = self.token;
        let request = format!(
            "POST /v4/a?{said} HTTP/1.1\r\nhost: {}\r\nx-skypetoken: {token}\r\ncontent-type: text/plain\r\n\
             content-length: 0\r\n\r\n",
            self.target.address
        );
        let body = requests.ask(request.as_bytes()).await?.map_err(NoStream::of)?;
        let allocation: Allocation = serde_json::from_slice(&body).context("an allocation")?;

        let query = format!(
            "{}&v=v4&tc=%7B%22cv%22:%222024.14.01.55%22,%22ua%22:%22acs-chat-web%22,%22hr%22:%22%22,\
             %22v%22:%221.0.0%22%7D&timeout=40&auth=true&ccid={}&{said}",
            allocation.params()?,
            allocation.ccid
        );
        let target = format!("/socket.io/1/?{query}&t=1700000000000");
        let request = self.get(&target, &format!("x-skypetoken: {token}\r\n"));
        let body = requests.ask(&request).await?.map_err(NoStream::of)?;
        let handshake = String::from_utf8(body).context("a handshake")?;
        let sid = handshake.split(':').next().unwrap_or_default();
        drop(requests);
        let target = format!("/socket.io/1/websocket/{sid}?{query}");
        self.socket(&self.get(&target, UPGRADE)).await
    }
}

#[derive(Deserialize)]
struct Allocation {
    ccid: String,
    connectparams: serde_json::Map<String, serde_json::Value>,
}

impl Allocation {
    /// As they are, without encoding: so the SDKs copy them.
    fn params(&self) -> Result<String> {
        let mut pairs = Vec::new();
        for (name, value) in &self.connectparams {
            let Some(value) = value.as_str() else {
                bail!("connection parameter '{name}' is no text");
            };
            pairs.push(format!("{name}={value}"));
        }
        Ok(pairs.join("&"))
    }
}
