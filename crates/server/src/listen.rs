//! Listeners: accept, TLS, HTTP/1.1 and 2, and an orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use samband_core::ResourceId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::auth::Origin;

/// A client that has not finished its handshake or its headers by then is let go.
const PATIENCE: Duration = Duration::from_secs(30);
const HEADER_BYTES: usize = 64 * 1024;
/// TLS handshakes at a time, and how long each counts. After a restart thousands of clients come at
/// once: their handshakes are half a millisecond of a core each, and requests must get in between.
const HANDSHAKES: usize = 16;
const HANDSHAKE_COUNTS: Duration = Duration::from_millis(100);

/// What answers requests. The floor of the load tool puts an echo in the place of the server.
pub trait Service: Send + Sync + 'static {
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;

    fn answer(
        self: Arc<Self>,
        origin: Arc<Origin>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Accepts connections until told to stop, and lets those under way finish.
pub struct Acceptor<S> {
    pub service: Arc<S>,
    /// None: plain HTTP.
    pub tls: Option<TlsAcceptor>,
    pub resource: Option<ResourceId>,
    pub stop: watch::Receiver<bool>,
    pub drain: Duration,
    pub handshakes: Handshakes,
}

/// Bounds the TLS handshakes of all listeners together.
#[derive(Clone)]
pub struct Handshakes(Arc<Semaphore>);

impl Default for Handshakes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(HANDSHAKES)))
    }
}

impl<S: Service> Acceptor<S> {
    pub async fn run(mut self, listener: TcpListener) {
        let graceful = GracefulShutdown::new();
        let open = metrics::gauge!("samband_connections");
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    let connection = self.connection(stream, peer, graceful.watcher());
                    let open = open.clone();
                    open.increment(1.0);
                    tokio::spawn(async move {
                        connection.await;
                        open.decrement(1.0);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end will free some.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(self.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were still busy at the end of the drain time");
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let service = self.service.clone();
        let tls = self.tls.clone();
        let handshakes = self.handshakes.clone();
        let origin = Arc::new(Origin {
            peer,
            tls: tls.is_some(),
            resource: self.resource,
        });
        async move {
            match tls {
                None => serve(service, origin, stream, watcher).await,
                Some(tls) => match tokio::time::timeout(PATIENCE, handshake(tls, stream, &handshakes)).await {
                    Ok(Ok(stream)) => serve(service, origin, stream, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%error, %peer, "TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
                },
            }
        }
    }
}

async fn handshake(
    tls: TlsAcceptor,
    stream: TcpStream,
    handshakes: &Handshakes,
) -> std::io::Result<TlsStream<TcpStream>> {
    // Whoever connects and says nothing holds nobody up.
    stream.readable().await?;
    let mut accept = tls.accept(stream);
    {
        let _one_of_few = handshakes.0.acquire().await;
        // The work is done when the first bytes are answered; the peer's own part may take its time.
        if let Ok(accepted) = tokio::time::timeout(HANDSHAKE_COUNTS, &mut accept).await {
            return accepted;
        }
    }
    accept.await
}

async fn serve<S: Service>(
    service: Arc<S>,
    origin: Arc<Origin>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    watcher: Watcher,
) {
    let answer = service_fn(move |request| {
        let (service, origin) = (service.clone(), origin.clone());
        async move { Ok::<_, Infallible>(service.answer(origin, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32);
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), answer)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, "connection ended");
    }
}
