//! An HTTP/1.1 client that does next to nothing: ready-made bytes go out, of the answer only the
//! status and the length are read.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where a server is.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Target {
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    pub fn tls(address: SocketAddr, ca: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(ca).with_context(|| format!("reading {}", ca.display()))?;
        roots.add(certificate).context("trusting the server's CA")?;
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            address,
            tls: Some(Arc::new(config)),
        })
    }

    pub async fn connect(&self) -> Result<Connection> {
        let connecting = || format!("connecting to {}", self.address);
        let stream = TcpStream::connect(self.address).await.with_context(connecting)?;
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let connector = TlsConnector::from(config.clone());
                Stream::Tls(Box::new(
                    connector.connect(name, stream).await.with_context(connecting)?,
                ))
            }
        };
        Ok(Connection {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Sends a request and reads its whole answer: the status.
    pub async fn call(&mut self, request: &[u8]) -> Result<u16> {
        self.send(request).await?;
        Ok(self.receive().await?.0)
    }

    /// As [`call`](Self::call), for an answer that must be good and whose body is wanted.
    pub async fn fetch(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.send(request).await?;
        let (status, body) = self.receive().await?;
        let body = self.buffer.get(body).unwrap_or_default();
        ensure!(
            (200..300).contains(&status),
            "the server answered {status}: {}",
            String::from_utf8_lossy(body)
        );
        Ok(body)
    }

    /// The body of the last answer, or all that was read of it.
    pub fn last(&self) -> String {
        let text = String::from_utf8_lossy(&self.buffer);
        text.split_once("\r\n\r\n")
            .map_or_else(|| text.to_string(), |(_, body)| body.to_owned())
    }

    async fn send(&mut self, request: &[u8]) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(request).await?,
            Stream::Tls(stream) => {
                stream.write_all(request).await?;
                stream.flush().await?;
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<(u16, Range<usize>)> {
        self.buffer.clear();
        loop {
            if let Some((status, body)) = head(&self.buffer)? {
                while self.buffer.len() < body.end {
                    self.buffer.reserve(body.end - self.buffer.len());
                    self.read().await?;
                }
                return Ok((status, body));
            }
            self.buffer.reserve(4 * 1024);
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<()> {
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await?,
            Stream::Tls(stream) => stream.read_buf(&mut self.buffer).await?,
        };
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

/// Status and place of the body, once the head is there.
fn head(buffer: &[u8]) -> Result<Option<(u16, Range<usize>)>> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, start) = (buffer.get(..end).unwrap_or_default(), end + 4);
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<usize>().ok();
    let status = head.get(9..12).and_then(number).context("the answer is not HTTP")?;
    let mut length = None;
    for line in head.split(|byte| *byte == b'\n') {
        const LENGTH: &[u8] = b"content-length:";
        if let Some((name, value)) = line.split_at_checked(LENGTH.len())
            && name.eq_ignore_ascii_case(LENGTH)
        {
            length = number(value);
        }
    }
    match length {
        Some(length) => Ok(Some((status as u16, start..start + length))),
        None if status == 204 => Ok(Some((204, start..start))),
        None => bail!("an answer of status {status} has no length"),
    }
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn reads_status_and_length() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(head(answer).unwrap(), Some((201, answer.len() - 2..answer.len())));
        assert_eq!(head(b"HTTP/1.1 201 Cre").unwrap(), None);
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
