//! The floor: the server's own listeners with a service that reads JSON and answers JSON, and
//! nothing between. What a send costs above it is samband's own doing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use samband_server::Origin;
use samband_server::listen::{Acceptor, Service};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::args::FloorServer;
use crate::child::FloorInfo;
use crate::floor_sockets::Sockets;

struct Echo {
    page: Bytes,
    sockets: Arc<Sockets>,
}

/// The query of a send that goes to all sockets: as so many bytes.
pub const DELIVERY: &str = "delivery=";

/// A send's body, or a user's.
#[derive(Deserialize)]
struct Body {
    content: Option<String>,
}

#[derive(Serialize)]
struct Sent<'a> {
    id: &'a str,
}

impl Service for Echo {
    type Body = Full<Bytes>;

    async fn answer(self: Arc<Self>, _: Arc<Origin>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == Method::GET && request.headers().contains_key(UPGRADE) {
            return self.sockets.upgrade(request);
        }
        if request.method() == Method::GET {
            return answer(StatusCode::OK, self.page.clone());
        }
        let delivery: Option<usize> = request
            .uri()
            .query()
            .and_then(|query| query.strip_prefix(DELIVERY)?.parse().ok());
        let Ok(body) = request.into_body().collect().await else {
            return answer(StatusCode::BAD_REQUEST, Bytes::new());
        };
        let Ok(body) = serde_json::from_slice::<Body>(&body.to_bytes()) else {
            return answer(StatusCode::BAD_REQUEST, Bytes::new());
        };
        if let (Some(bytes), Some(content)) = (delivery, &body.content) {
            self.sockets.tell(content, bytes);
        }
        let id = body
            .content
            .as_deref()
            .and_then(|text| text.get(..13))
            .unwrap_or("1795262373788");
        let json = serde_json::to_vec(&Sent { id }).unwrap_or_default();
        answer(StatusCode::CREATED, json.into())
    }
}

/// With as many bytes of headers as a send's answer has.
fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    const LOCATION_VALUE: &str =
        "http://127.0.0.1:33541/chat/threads/19%3A01a1fdf9df3578ab8941cf540924ef89%40thread.v2/messages/1795262373788";
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "application/json; charset=utf-8"),
        (LOCATION, LOCATION_VALUE),
        (
            HeaderName::from_static("x-ms-request-id"),
            "1f32da7a-3179-f20e-0000-000000000002",
        ),
        (HeaderName::from_static("ms-cv"), "79f20e0000000000000002.0"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

pub async fn serve(args: FloorServer) -> Result<()> {
    samband_server::meter::install();
    let service = Arc::new(Echo {
        page: vec![b'x'; args.page_bytes].into(),
        sockets: Arc::default(),
    });
    let listen = || TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
    let (plain, tls) = (listen().await?, listen().await?);
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    std::fs::write(&args.certificate, made.cert.pem())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let info = FloorInfo {
        plain: plain.local_addr()?,
        tls: tls.local_addr()?,
    };
    let (stop, stopped) = watch::channel(false);
    let acceptor = |tls| Acceptor {
        handshakes: Default::default(),
        service: service.clone(),
        tls,
        resource: None,
        stop: stopped.clone(),
        drain: Duration::from_secs(1),
    };
    let plain = tokio::spawn(acceptor(None).run(plain));
    let tls = tokio::spawn(acceptor(Some(TlsAcceptor::from(Arc::new(config)))).run(tls));
    println!("{}", serde_json::to_string(&info)?);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    stop.send_replace(true);
    let _ = (plain.await, tls.await);
    Ok(())
}
