//! An HTTP/1.1 client that does next to nothing: ready-made bytes go out, of the answer only the
//! status and the length are read.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waking, Poll};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
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
        // Each client stands for a machine of its own: none knows another's session.
        config.resumption = Resumption::disabled();
        Ok(Self {
            address,
            tls: Some(Arc::new(config)),
        })
    }

    pub async fn connect(&self) -> Result<Connection> {
        self.connect_from(Ipv4Addr::LOCALHOST).await
    }

    /// From an address of the loopback net: one address alone has too few ports for many clients.
    pub async fn connect_from(&self, source: Ipv4Addr) -> Result<Connection> {
        let connecting = || format!("connecting to {}", self.address);
        let socket = TcpSocket::new_v4()?;
        if source != Ipv4Addr::LOCALHOST {
            socket
                .bind(SocketAddr::new(IpAddr::V4(source), 0))
                .with_context(connecting)?;
        }
        let stream = socket.connect(self.address).await.with_context(connecting)?;
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

/// What both kinds of target give.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Waking<'_>, to: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, to),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, to),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Waking<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Waking<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Waking<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

/// What a request for a stream brought.
pub enum Opened {
    /// The stream, and what of it came with the head.
    Stream(Stream, Vec<u8>),
    Refused(Refusal),
}

/// An answer that is not the wanted one.
pub struct Refusal {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: String,
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

    /// As [`fetch`](Self::fetch), where a refusal is one of the answers to expect.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Result<Vec<u8>, Refusal>> {
        self.send(request).await?;
        let (status, body) = self.receive().await?;
        if (200..300).contains(&status) {
            return Ok(Ok(self.buffer.get(body).unwrap_or_default().to_vec()));
        }
        Ok(Err(self.refusal()?))
    }

    /// Asks for something after whose head the connection is the caller's: an upgrade, a stream of events.
    pub async fn open(mut self, request: &[u8]) -> Result<Opened> {
        self.send(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
            self.buffer.reserve(1024);
            self.read().await?;
        };
        let stream = head.status == 101 || (head.status == 200 && head.length.is_none());
        if stream {
            let rest = self.buffer.split_off(head.end);
            return Ok(Opened::Stream(self.stream, rest));
        }
        self.complete(&head).await?;
        Ok(Opened::Refused(self.refusal()?))
    }

    fn refusal(&self) -> Result<Refusal> {
        let head = head(&self.buffer)?.context("an answer without a head")?;
        Ok(Refusal {
            status: head.status,
            retry_after: head.retry_after.map(Duration::from_secs),
            body: self.last(),
        })
    }

    async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        Ok(())
    }

    async fn receive(&mut self) -> Result<(u16, Range<usize>)> {
        self.buffer.clear();
        loop {
            if let Some(head) = head(&self.buffer)? {
                return Ok((head.status, self.complete(&head).await?));
            }
            self.buffer.reserve(4 * 1024);
            self.read().await?;
        }
    }

    /// Reads the rest of an answer: the place of its body.
    async fn complete(&mut self, head: &Head) -> Result<Range<usize>> {
        let length = match head.length {
            Some(length) => length,
            None if head.status == 204 => 0,
            None => bail!("an answer of status {} has no length", head.status),
        };
        let end = head.end + length;
        while self.buffer.len() < end {
            self.buffer.reserve(end - self.buffer.len());
            self.read().await?;
        }
        Ok(head.end..end)
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: Option<usize>,
    retry_after: Option<u64>,
    /// Where the body begins.
    end: usize,
}

/// The head of an answer, once it is there.
fn head(buffer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = buffer.get(..end).unwrap_or_default();
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<u64>().ok();
    let status = text.get(9..12).and_then(number).context("the answer is not HTTP")?;
    let field = |name: &[u8]| {
        let mut lines = text.split(|byte| *byte == b'\n');
        lines.find_map(|line| {
            let (start, value) = line.split_at_checked(name.len())?;
            start.eq_ignore_ascii_case(name).then_some(number(value)?)
        })
    };
    Ok(Some(Head {
        status: status as u16,
        length: field(b"content-length:").map(|length| length as usize),
        retry_after: if status < 400 { None } else { field(b"retry-after:") },
        end: end + 4,
    }))
}

#[cfg(test)]
mod tests {
    use super::{Head, head};

    #[test]
    fn reads_status_and_length() {
        let answer = b"HTTP/1.1 503 No\r\nContent-Length: 2\r\nretry-after: 7\r\nx: y\r\n\r\n{}";
        let expected = Head {
            status: 503,
            length: Some(2),
            retry_after: Some(7),
            end: answer.len() - 2,
        };
        assert_eq!(head(answer).unwrap(), Some(expected));
        assert_eq!(head(b"HTTP/1.1 201 Cre").unwrap(), None);
        assert_eq!(head(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().unwrap().length, None);
    }
}
