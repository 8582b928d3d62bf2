//! As much of an HTTP/1.1 client as these tests need: one connection, kept while it works.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// An answer that takes longer will never come.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// An error means that nothing is known of what became of the request.
    pub async fn call(&mut self, method: &str, target: &str, token: &str, body: Option<Value>) -> Result<Answer> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, target, token, body)).await;
        let answer = answer.expect("every request is answered");
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn exchange(&mut self, method: &str, target: &str, token: &str, body: Option<Value>) -> Result<Answer> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                self.connection.insert(BufReader::new(stream))
            }
        };
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len(),
        );
        connection.write_all((head + &body).as_bytes()).await?;

        let malformed = || Error::from(ErrorKind::InvalidData);
        let status = line(connection).await?;
        let mut answer = Answer {
            status: status
                .split(' ')
                .nth(1)
                .and_then(|code| code.parse().ok())
                .ok_or_else(malformed)?,
            ..Answer::default()
        };
        loop {
            let line = line(connection).await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            answer.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let length = answer.header("content-length").map_or(Ok(0), str::parse);
        let mut bytes = vec![0; length.map_err(|_| malformed())?];
        connection.read_exact(&mut bytes).await?;
        answer.text = String::from_utf8(bytes).map_err(|_| malformed())?;
        answer.json = serde_json::from_str(&answer.text).unwrap_or_default();
        if answer
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        {
            self.connection = None;
        }
        Ok(answer)
    }
}

async fn line(connection: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line).await?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}
