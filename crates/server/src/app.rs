//! The server put together: store, rooms, front, listeners, jobs; started and stopped.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use rustls::server::ResolvesServerCert;
use samband_bus::Bus;
use samband_chat::http::Chat;
use samband_core::{Clock, KeySlot, Note, Random, ResourceId, Secret};
use samband_identity::{SharedSecret, SigningKeys, Tokens, Users};
use samband_realtime::{Hub, RealTime};
use samband_resources::{AccessKey, Directory, NewResource, Resource, ResourceError};
use samband_store::transfer::UnfinishedTransfer;
use samband_store::{Outdated, Store, postgres, sqlite};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::auth::{Gate, Origin};
use crate::config::Config;
use crate::front::{Front, Settings};
use crate::jobs::Jobs;
use crate::listen::{Acceptor, Handshakes, Service};
use crate::probes::Probes;
use crate::rates::Rates;
use crate::rooms::migrations;
use crate::router::Router;
use crate::tls::{CA_FILE, CertificateFiles, DevelopmentCa, server_config};
use crate::{files, meter, openapi, trust};

/// The development resource is the same everywhere, so that tests and examples can name it.
const DEVELOPMENT_RESOURCE: [u8; 16] = *b"samband-dev-0001";
const DEVELOPMENT_NAME: &str = "dev";
const DEFAULT_NAME: &str = "default";
/// Not a secret: published, and refused on any address but a loopback one.
const DEVELOPMENT_KEY: &[u8; 64] = b"samband development access key - published, so it is not secret!";
const ADMIN_TOKEN_FILE: &str = "admin-token";

/// The access key of the development resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DevelopmentKey {
    /// The published one.
    Fixed,
    Random,
    /// Base64.
    Given(String),
}

/// What a server is started from.
pub struct Start {
    pub config: Config,
    /// A development server, with its own resource; none in production.
    pub development: Option<DevelopmentKey>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub weakness: Weakness,
}

/// What a server does worse than it could: for tests that show that they would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weakness {
    #[default]
    None,
    /// Answers before PostgreSQL has committed.
    AcknowledgesEarly,
}

/// How clients reach a running server; also the content of its file in the data directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    pub endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_endpoint: Option<String>,
    pub access_key: String,
    pub connection_string: String,
    pub admin_token: String,
    /// None where the operator's own certificate is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The default resource's ARM id.
    pub resource_id: String,
    pub resource_name: String,
    pub pid: u32,
}

/// A server that listens.
pub struct Running {
    pub info: ServerInfo,
    front: Arc<Front>,
    store: Store,
    bus: Bus,
    /// How long others may take to notice that this node goes; none where there are no others.
    notice: Duration,
    stop: watch::Sender<bool>,
    listeners: Arc<Listeners>,
    jobs: JoinHandle<()>,
    server_file: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Start {
    /// Boxed, as is [`Running::stop`]: so the whole server is compiled here, and not again in each program that
    /// starts one.
    pub fn run(self) -> BoxFuture<'static, Result<Running>> {
        Box::pin(self.start())
    }

    async fn start(self) -> Result<Running> {
        meter::install();
        let Self {
            config,
            development,
            clock,
            random,
            weakness,
        } = self;
        let (directory, temporary) = data_directory(&config)?;

        let (store, bus) = store_and_bus(&config, weakness, &directory, clock.clone(), &*random).await?;
        // Nodes that share a store share its time.
        let clock = store.clock().unwrap_or(clock);

        let directory_of_resources = Arc::new(Directory::load(store.clone(), random.clone()).await?);
        let default = ensure_default(&directory_of_resources, development.as_ref(), &*random, &*clock).await?;
        let keys = Arc::new(SigningKeys::load(store.clone(), random.clone()).await?);
        let tokens = Arc::new(Tokens::new(store.clone(), keys.clone(), directory_of_resources.clone()));
        let admin_token = admin_token(&config, &directory, &store, &*random).await?;
        let secret = shared_secret(&store, "connection-parameters", &*random).await?;

        let main = bind(config.server.listen)?;
        let address = main.local_addr().context("the listener's address")?;
        let plain = match config.http_listen()? {
            Some(address) => Some(bind(address)?),
            None => None,
        };
        let http_endpoint = plain
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
            .map(|at| url("http", at));
        let endpoint = match config.server.public_url.trim_end_matches('/') {
            "" => url("https", address),
            public => public.to_owned(),
        };

        let tls = tls(
            &config,
            &directory,
            address,
            directory_of_resources.clone(),
            clock.clone(),
        )?;
        let (stop, stopped) = watch::channel(false);
        let listeners = Arc::new(Listeners {
            tls: TlsAcceptor::from(Arc::new(server_config(tls.resolver))),
            address,
            drain: Duration::from_secs(config.server.drain_seconds),
            handshakes: Handshakes::default(),
            stop: stopped.clone(),
            directory: directory_of_resources.clone(),
            service: Mutex::default(),
            own: Mutex::default(),
            tasks: Mutex::default(),
        });

        let limits = config.limits();
        let users = Arc::new(Users {
            store: store.clone(),
            tokens: tokens.clone(),
            clock: clock.clone(),
            random: random.clone(),
        });
        let chat = Arc::new(Chat {
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            limits: limits.clone(),
            bus: bus.clone(),
            typing: Default::default(),
            workshop: Default::default(),
        });
        let hub = Hub::start(store.clone(), &bus);
        let router = router(&RoomParts {
            chat: &chat,
            hub: &hub,
            directory: &directory_of_resources,
            users: &users,
            keys: &keys,
            listeners: &listeners,
            endpoint: &endpoint,
            base_domain: &config.server.base_domain,
        })?;
        let realtime = RealTime::new(samband_realtime::Settings {
            clock: clock.clone(),
            random: random.clone(),
            store: store.clone(),
            tokens: tokens.clone(),
            directory: directory_of_resources.clone(),
            chat,
            hub,
            bus: bus.clone(),
            secret,
            window: Duration::from_secs(3600 * u64::from(config.events.window_hours)),
            connects_per_second: config.realtime.connects_per_second,
            stop: stopped.clone(),
            drain: Duration::from_secs(config.server.drain_seconds),
        });
        let mut run_id = [0; 8];
        random.fill(&mut run_id);
        let front = Arc::new(Front {
            router,
            gate: Gate {
                directory: directory_of_resources.clone(),
                store: store.clone(),
                tokens: tokens.clone(),
                clock: clock.clone(),
                admin_token: admin_token.clone(),
                base_domain: config.server.base_domain.clone(),
            },
            realtime,
            uploads: Default::default(),
            rates: limits.rates.then(Rates::default),
            clock: clock.clone(),
            probes: Probes {
                store: store.clone(),
                bus: bus.clone(),
                draining: AtomicBool::new(false),
            },
            settings: Settings {
                max_body_bytes: config.server.max_body_bytes,
                max_file_bytes: limits.image_bytes,
                strict_api_version: config.server.strict_api_version,
                public_url: Some(config.server.public_url.trim_end_matches('/').to_owned())
                    .filter(|url| !url.is_empty()),
                trusted_proxies: config.server.trusted_proxies.clone(),
            },
            run_id: u64::from_be_bytes(run_id),
            requests: AtomicU64::new(0),
        });

        listeners.start(front.clone(), main, plain)?;
        listeners.follow_resources().map_err(anyhow::Error::msg)?;
        if let Some(outdated) = store.outdated() {
            let others = Others {
                directory: directory_of_resources.clone(),
                keys: keys.clone(),
                tokens,
                listeners: listeners.clone(),
            };
            tokio::spawn(others.follow(outdated));
        }
        let jobs = Jobs {
            store: store.clone(),
            clock,
            front: front.clone(),
            certificates: tls.files,
            stop: stopped,
        };
        let jobs = tokio::spawn(jobs.run());

        let access_key = default.key(KeySlot::Primary).base64();
        let info = ServerInfo {
            connection_string: format!("endpoint={endpoint}/;accesskey={access_key}"),
            endpoint,
            http_endpoint,
            access_key,
            admin_token: admin_token.into_inner(),
            ca_file: tls.ca_file,
            resource_id: default.arm_id(),
            resource_name: default.name.clone(),
            pid: std::process::id(),
        };
        let server_file = directory.join(trust::SERVER_FILE);
        files::write_private(&server_file, &serde_json::to_vec_pretty(&info)?)?;
        if !config.server.env_file.is_empty() {
            trust::write_env_file(Path::new(&config.server.env_file), &trust::variables(&info)?)?;
        }
        Ok(Running {
            info,
            front,
            notice: match store.is_shared() {
                true => Duration::from_secs(config.server.notice_seconds),
                false => Duration::ZERO,
            },
            store,
            bus,
            stop,
            listeners,
            jobs,
            server_file,
            _temporary: temporary,
        })
    }
}

impl Running {
    /// Takes nothing new, lets what is under way finish, and closes the store.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        Box::pin(self.finish())
    }

    async fn finish(self) {
        self.front.probes.draining.store(true, Ordering::Relaxed);
        tokio::time::sleep(self.notice).await;
        let _ = self.stop.send(true);
        tokio::join!(self.listeners.finish(), self.front.realtime.finished());
        let _ = self.jobs.await;
        self.store.close().await;
        self.bus.close().await;
        let _ = std::fs::remove_file(&self.server_file);
    }
}

impl Service for Front {
    type Body = samband_realtime::Body;

    async fn answer(self: Arc<Self>, origin: Arc<Origin>, request: Request<Incoming>) -> Response<Self::Body> {
        self.serve(origin, request).await
    }
}

/// Where files are kept; a directory that goes with the process if nothing is to be kept.
fn data_directory(config: &Config) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    if config.store.memory {
        let temporary = tempfile::Builder::new()
            .prefix("samband-")
            .tempdir()
            .context("a temporary directory")?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    }
    let directory = &config.store.data;
    std::fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    let directory = directory
        .canonicalize()
        .with_context(|| format!("finding {}", directory.display()))?;
    Ok((directory, None))
}

/// The store, and the bus that it publishes to.
async fn store_and_bus(
    config: &Config,
    weakness: Weakness,
    directory: &Path,
    clock: Arc<dyn Clock>,
    random: &dyn Random,
) -> Result<(Store, Bus)> {
    let migrations = migrations();
    let bus = match config.bus.url.as_str() {
        "" => Bus::in_process(),
        url => Bus::nats(url, &node_name(random)).await?,
    };
    let doorbell = bus.clone();
    let publish = Arc::new(move |notes: Vec<Note>| {
        for note in notes {
            let concerns = match doorbell.is_shared() {
                true => samband_realtime::newcomers(&note),
                false => Vec::new(),
            };
            doorbell.publish(note, &concerns);
        }
    });
    let store = match config.store.url.as_str() {
        "" => {
            let options = match config.store.memory {
                true => sqlite::Options::in_memory(),
                false => sqlite::Options::in_directory(directory),
            };
            Store::open_sqlite_heard(options, &migrations, clock, publish)?
        }
        url => {
            let options = postgres::Options {
                lanes: config.store.lanes,
                readers: config.store.readers,
                acknowledge_early: weakness == Weakness::AcknowledgesEarly,
                ..postgres::Options::at(url)
            };
            Store::open_postgres(options, &migrations, publish).await?
        }
    };
    if store.read(UnfinishedTransfer).await?.is_some() {
        bail!(
            "a transfer to this store was begun and not finished, so it may hold a part alone; \
             run the same `samband migrate store` again to finish it"
        );
    }
    if store.is_shared() && !bus.is_shared() {
        tracing::info!("no bus: other nodes of this store would not hear what happens here");
    }
    Ok((store, bus))
}

/// Tells this process from the other nodes.
fn node_name(random: &dyn Random) -> String {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What all nodes of a store share, made by the first of them.
async fn shared_secret(store: &Store, name: &'static str, random: &dyn Random) -> Result<Secret<Vec<u8>>> {
    let mut bytes = vec![0; 32];
    random.fill(&mut bytes);
    let proposed = Secret::new(bytes);
    let kept = store.commit(SharedSecret { name, proposed }).await;
    kept.map_err(|_| anyhow::anyhow!("the store did not keep a secret: it is unavailable"))
}

/// Keeps up with what other nodes change of what this one has in memory.
struct Others {
    directory: Arc<Directory>,
    keys: Arc<SigningKeys>,
    tokens: Arc<Tokens>,
    listeners: Arc<Listeners>,
}

impl Others {
    async fn follow(self, mut outdated: mpsc::Receiver<Outdated>) {
        while let Some(what) = outdated.recv().await {
            // Until it is read, what is in memory is wrong.
            while !self.read(what).await {
                tracing::warn!("what another node changed could not be read yet");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// False if the store could not be asked.
    async fn read(&self, what: Outdated) -> bool {
        match what {
            Outdated::Tokens { resource, user } => {
                self.tokens.forget(resource, user);
                true
            }
            Outdated::Resources => {
                let read = self.directory.reload().await.is_ok();
                // A key or a resource may have gone: connections made with it are to be looked at.
                self.tokens.revoked();
                if let Err(error) = self.listeners.follow_resources() {
                    tracing::warn!(error, "a resource's port could not be opened here");
                }
                read
            }
            Outdated::SigningKeys => self.keys.reload().await.is_ok(),
        }
    }
}

/// There is always one resource: the one of requests that name none.
async fn ensure_default(
    directory: &Directory,
    development: Option<&DevelopmentKey>,
    random: &dyn Random,
    clock: &dyn Clock,
) -> Result<Arc<Resource>> {
    let key = match development {
        None => None,
        Some(DevelopmentKey::Fixed) => Some(Secret::new(DEVELOPMENT_KEY.to_vec())),
        Some(DevelopmentKey::Random) => Some(AccessKey::generate(random)),
        Some(DevelopmentKey::Given(text)) => Some(Secret::new(
            BASE64.decode(text).context("the access key is not Base64")?,
        )),
    };
    if let Some(existing) = directory.default_resource() {
        return Ok(match key {
            // The key asked for at this start, not the one of an earlier one.
            Some(key) if existing.key(KeySlot::Primary).secret != key => {
                directory.set_key(&existing.name, KeySlot::Primary, key).await?
            }
            _ => existing,
        });
    }
    let Some(primary) = key else {
        let created = directory.create(DEFAULT_NAME, None, "Local", clock.now()).await;
        return or_anothers(directory, created).await;
    };
    let new = NewResource {
        name: DEVELOPMENT_NAME.to_owned(),
        port: None,
        data_location: "Local".to_owned(),
        primary,
        secondary: AccessKey::generate(random),
    };
    let created = directory
        .create_as(ResourceId::from_bytes(DEVELOPMENT_RESOURCE), new)
        .await;
    or_anothers(directory, created).await
}

/// Of nodes that start at once, one makes the default resource; the others take that.
async fn or_anothers(directory: &Directory, created: Result<Arc<Resource>, ResourceError>) -> Result<Arc<Resource>> {
    match created {
        Ok(created) => Ok(created),
        Err(error) => {
            directory.reload().await?;
            Ok(directory.default_resource().ok_or(error)?)
        }
    }
}

async fn admin_token(config: &Config, directory: &Path, store: &Store, random: &dyn Random) -> Result<Secret<String>> {
    if !config.admin.token.is_empty() {
        return Ok(Secret::new(config.admin.token.clone()));
    }
    if store.is_shared() {
        let shared = shared_secret(store, "admin-token", random).await?;
        return Ok(Secret::new(URL_SAFE_NO_PAD.encode(shared.reveal())));
    }
    let file = directory.join(ADMIN_TOKEN_FILE);
    if let Ok(kept) = std::fs::read_to_string(&file) {
        return Ok(Secret::new(kept.trim().to_owned()));
    }
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let token = URL_SAFE_NO_PAD.encode(bytes);
    files::write_private(&file, token.as_bytes())?;
    Ok(Secret::new(token))
}

/// Connections that the kernel keeps until they are accepted: after a restart all come at once, and
/// one that finds no room tries again only after a second.
const BACKLOG: u32 = 4_096;

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // As everybody does: a port is free again at once after its last server has ended.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("listening on {address}"))
}

/// An address as clients on this machine would write it.
fn url(scheme: &str, address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => format!("{scheme}://localhost:{}", address.port()),
        _ => format!("{scheme}://{address}"),
    }
}

struct TlsParts {
    resolver: Arc<dyn ResolvesServerCert>,
    files: Option<Arc<CertificateFiles>>,
    ca_file: Option<PathBuf>,
}

fn tls(
    config: &Config,
    directory: &Path,
    address: SocketAddr,
    resources: Arc<Directory>,
    clock: Arc<dyn Clock>,
) -> Result<TlsParts> {
    if !config.tls.certificate.is_empty() {
        let files = CertificateFiles::open(config.tls.certificate.clone().into(), config.tls.key.clone().into())?;
        let files = Arc::new(files);
        return Ok(TlsParts {
            resolver: files.clone(),
            files: Some(files),
            ca_file: None,
        });
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.ip().is_loopback() && !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    if let Some(host) = public_host(&config.server.public_url) {
        names.push(host.to_owned());
    }
    let is_resource = Box::new(move |name: &str| resources.by_name(name).is_some());
    let ca = DevelopmentCa::open(directory, &names, config.server.base_domain.clone(), clock, is_resource)?;
    Ok(TlsParts {
        resolver: Arc::new(ca),
        files: None,
        ca_file: Some(directory.join(CA_FILE)),
    })
}

/// The host of a URL, for the certificate; an IPv6 literal without its brackets.
fn public_host(url: &str) -> Option<&str> {
    let authority = url.split("://").nth(1)?.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next().filter(|host| !host.is_empty()),
    }
}

struct RoomParts<'a> {
    chat: &'a Arc<Chat>,
    hub: &'a Hub,
    directory: &'a Arc<Directory>,
    users: &'a Arc<Users>,
    keys: &'a Arc<SigningKeys>,
    listeners: &'a Arc<Listeners>,
    endpoint: &'a str,
    base_domain: &'a str,
}

fn router(parts: &RoomParts<'_>) -> Result<Router> {
    let (listeners, tokens) = (parts.listeners.clone(), parts.users.tokens.clone());
    let (main, base_domain) = (parts.endpoint.to_owned(), parts.base_domain.to_owned());
    let default = parts.directory.default_resource().map(|resource| resource.id);
    let resources = Arc::new(samband_resources::http::Admin {
        directory: parts.directory.clone(),
        clock: parts.users.clock.clone(),
        changed: Box::new(move || {
            // A key or a resource may have gone: connections made with it are to be looked at.
            tokens.revoked();
            listeners.follow_resources()
        }),
        endpoint: Box::new(move |resource| resource_endpoint(resource, default, &main, &base_domain)),
    });
    let realtime = Arc::new(samband_realtime::admin::Admin {
        directory: parts.directory.clone(),
        hub: parts.hub.clone(),
    });
    let identity = Arc::new(samband_identity::admin::Admin {
        users: parts.users.clone(),
        keys: parts.keys.clone(),
        directory: parts.directory.clone(),
    });
    let mut identity_handlers = samband_identity::http::handlers(parts.users);
    let exchange_ops: Vec<_> = samband_wire_identity::EXCHANGE
        .endpoints
        .iter()
        .map(|endpoint| endpoint.op)
        .collect();
    let exchange = identity_handlers
        .extract_if(.., |(op, _)| exchange_ops.contains(op))
        .collect();
    let services = vec![
        (&samband_wire_identity::SERVICE, identity_handlers),
        (&samband_wire_identity::EXCHANGE, exchange),
        (&samband_wire_chat::SERVICE, samband_chat::http::handlers(parts.chat)),
        (
            &samband_resources::http::SERVICE,
            samband_resources::http::handlers(&resources),
        ),
        (
            &samband_identity::admin::SERVICE,
            samband_identity::admin::handlers(&identity),
        ),
        (
            &samband_realtime::admin::SERVICE,
            samband_realtime::admin::handlers(&realtime),
        ),
        (&openapi::SERVICE, openapi::handlers()),
    ];
    Router::new(services).map_err(anyhow::Error::msg)
}

/// The default resource is reached at the server's own address, others by port or by name.
fn resource_endpoint(resource: &Resource, default: Option<ResourceId>, main: &str, base_domain: &str) -> String {
    if Some(resource.id) == default {
        return main.to_owned();
    }
    let (scheme, authority) = main.split_once("://").unwrap_or(("https", main));
    let port = authority
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| port.parse::<u16>().is_ok());
    let host = match port {
        Some(port) => authority.trim_end_matches(port).trim_end_matches(':'),
        None => authority,
    };
    match (resource.port, port) {
        (Some(own), _) => format!("{scheme}://{host}:{own}"),
        (None, Some(port)) => format!("{scheme}://{}.{base_domain}:{port}", resource.name),
        (None, None) => format!("{scheme}://{}.{base_domain}", resource.name),
    }
}

/// The listeners of the server and of the resources that have a port of their own.
struct Listeners {
    tls: TlsAcceptor,
    address: SocketAddr,
    drain: Duration,
    handshakes: Handshakes,
    stop: watch::Receiver<bool>,
    directory: Arc<Directory>,
    service: Mutex<Option<Arc<Front>>>,
    own: Mutex<HashMap<ResourceId, (u16, watch::Sender<bool>)>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Listeners {
    fn start(&self, front: Arc<Front>, main: TcpListener, plain: Option<TcpListener>) -> Result<()> {
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = Some(front.clone());
        self.accept(front.clone(), main, Some(self.tls.clone()), None, self.stop.clone())?;
        if let Some(plain) = plain {
            self.accept(front, plain, None, None, self.stop.clone())?;
        }
        Ok(())
    }

    fn accept(
        &self,
        service: Arc<Front>,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        resource: Option<ResourceId>,
        stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let acceptor = Acceptor {
            service,
            tls,
            resource,
            stop,
            drain: self.drain,
            handshakes: self.handshakes.clone(),
        };
        let task = tokio::spawn(acceptor.run(listener));
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
        Ok(())
    }

    /// Opens the ports of new resources and closes those of resources that are gone.
    fn follow_resources(&self) -> Result<(), String> {
        let Some(front) = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return Ok(());
        };
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let resources = self.directory.all();
        own.retain(|id, (_, stop)| {
            let stays = resources.iter().any(|resource| resource.id == *id);
            if !stays {
                let _ = stop.send(true);
            }
            stays
        });
        for resource in resources {
            let Some(port) = resource.port.filter(|_| !own.contains_key(&resource.id)) else {
                continue;
            };
            let ip: IpAddr = self.address.ip();
            let listener = bind(SocketAddr::new(ip, port)).map_err(|error| format!("{error:#}"))?;
            let (stop, stopped) = watch::channel(false);
            self.accept(
                front.clone(),
                listener,
                Some(self.tls.clone()),
                Some(resource.id),
                stopped,
            )
            .map_err(|error| format!("{error:#}"))?;
            own.insert(resource.id, (port, stop));
        }
        Ok(())
    }

    async fn finish(&self) {
        for (_, (_, stop)) in self.own.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            let _ = stop.send(true);
        }
        let tasks: Vec<_> = self
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        for task in tasks {
            let _ = task.await;
        }
        // What refers to this refers to the front too: the circle ends here.
        self.service.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
