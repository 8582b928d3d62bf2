//! Connections: where the server is, how it is spoken to, and whether it keeps what it acknowledges.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use samband_core::Clock;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{EngineError, OpenError};

/// How PostgreSQL is reached and used.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user:password@host:port/database?…` as libpq reads it, several hosts included;
    /// `sslmode` is disable, prefer or require, and `sslrootcert` a PEM file of the CAs to trust
    /// instead of the system's.
    pub url: String,
    /// Connections that changes are made on. Half of them, rounded up, are for changes of which many share
    /// a transaction: the fewer these are, the more do.
    pub lanes: usize,
    /// Connections that answer queries.
    pub readers: usize,
    /// Refuse a server that may lose what it acknowledged (fsync, full_page_writes or
    /// synchronous_commit off).
    pub check_durability: bool,
    /// The schema of the tables instead of the first in the search path; made where it is missing.
    pub schema: Option<String>,
    /// Refuse a database in which samband keeps nothing yet.
    pub existing: bool,
    /// Instead of the database's time.
    pub clock: Option<Arc<dyn Clock>>,
    /// Answers before the COMMIT, and so loses what it acknowledged: for tests that show that they
    /// would notice.
    #[doc(hidden)]
    pub acknowledge_early: bool,
}

impl Options {
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            lanes: 4,
            readers: 12,
            check_durability: true,
            schema: None,
            existing: false,
            clock: None,
            acknowledge_early: false,
        }
    }
}

/// Without the password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("server", &shown(&self.url))
            .finish_non_exhaustive()
    }
}

/// A URL without its password, wherever that stands.
pub(super) fn shown(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

/// How long a connection may take to be made.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// A session that holds locks and says nothing belongs to a node that stands still: PostgreSQL ends it.
const IDLE_IN_TRANSACTION: &str = "2s";
/// No statement of ours takes so long, but one that waits for a lock.
const STATEMENT: &str = "10s";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Changes,
    Questions,
}

impl Use {
    fn name(self) -> &'static str {
        match self {
            Self::Changes => "samband lane",
            Self::Questions => "samband reader",
        }
    }

    /// Changes find rows by their keys, in tables of any size: a plan made while a table was small must
    /// not read all of it once it is large.
    fn settings(self) -> &'static str {
        match self {
            Self::Changes => " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off",
            Self::Questions => "",
        }
    }
}

/// A pool of connections, none made yet.
pub(super) fn pool(options: &Options, size: usize, use_: Use) -> Result<Pool, OpenError> {
    let failed = |reason: String| OpenError::Postgres {
        server: shown(&options.url),
        reason,
    };
    let (url, roots) = root_certificates(&options.url).map_err(failed)?;
    let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        failed(format!("{error}{}", cause.unwrap_or_default()))
    })?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    config.application_name(use_.name());
    config.keepalives_idle(Duration::from_secs(5));
    config.tcp_user_timeout(Duration::from_secs(5));
    let schema = options
        .schema
        .as_ref()
        .map(|schema| format!(" -c search_path={schema}"));
    let own = format!(
        "-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION} -c statement_timeout={STATEMENT} \
         -c plan_cache_mode=force_generic_plan -c jit=off -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5{}{}",
        use_.settings(),
        schema.unwrap_or_default()
    );
    let given = config.get_options().unwrap_or_default().to_owned();
    config.options(format!("{own} {given}"));

    let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
    let recycle = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = match config.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(config, NoTls, recycle),
        _ => Manager::from_config(config, MakeRustlsConnect::new(tls(roots).map_err(failed)?), recycle),
    };
    let timeouts = Timeouts {
        wait: Some(Duration::from_secs(5)),
        // Each host may be silent.
        create: Some(CONNECT * hosts + Duration::from_secs(1)),
        recycle: Some(CONNECT),
    };
    let check = options.check_durability;
    Pool::builder(manager)
        .max_size(size)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .post_create(Hook::async_fn(move |client, _| {
            Box::pin(async move {
                match check {
                    true => durable(client).await.map_err(HookError::message),
                    false => Ok(()),
                }
            })
        }))
        .build()
        .map_err(|error| failed(error.to_string()))
}

/// Whether the server keeps what it acknowledges. Asked of each new connection, as after a failover
/// it is another server.
async fn durable(client: &deadpool_postgres::ClientWrapper) -> Result<(), String> {
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let row = client.query_one("SELECT current_setting($1)", &[&setting]).await;
        let value: String = row.and_then(|row| row.try_get(0)).map_err(|error| error.to_string())?;
        if value == "off" {
            return Err(format!(
                "{setting} is off: what was acknowledged could be lost. Turn it on."
            ));
        }
    }
    Ok(())
}

/// Who else uses the database that a URL names: samband's connections to it, by the machines that they
/// come from.
pub async fn others(url: &str) -> Result<Vec<String>, OpenError> {
    let options = Options {
        check_durability: false,
        ..Options::at(url)
    };
    let failed = |error: EngineError| OpenError::Postgres {
        server: shown(url),
        reason: error.to_string(),
    };
    let client = pool(&options, 1, Use::Questions)?.get().await;
    let client = client.map_err(|error| failed(error.into()))?;
    let rows = client
        .query(
            "SELECT coalesce(host(client_addr), 'this machine') || ' (' || count(*) || ')' FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE 'samband %' AND pid <> pg_backend_pid()
             GROUP BY client_addr ORDER BY client_addr",
            &[],
        )
        .await
        .map_err(|error| failed(error.into()))?;
    let read = rows.iter().map(|row| row.try_get(0));
    read.collect::<Result<_, _>>()
        .map_err(|error: tokio_postgres::Error| failed(error.into()))
}

/// The URL without `sslrootcert`, which tokio-postgres does not know, and the file that it names.
fn root_certificates(url: &str) -> Result<(String, Option<PathBuf>), String> {
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), None));
    };
    let (own, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| pair.starts_with("sslrootcert="));
    let file = own
        .first()
        .and_then(|pair| pair.split_once('='))
        .map(|(_, file)| PathBuf::from(file));
    let separator = if rest.is_empty() { "" } else { "?" };
    Ok((format!("{base}{separator}{}", rest.join("&")), file))
}

/// The server's certificate is verified whenever TLS is spoken.
fn tls(roots: Option<PathBuf>) -> Result<ClientConfig, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(file) => {
            let unreadable = |error: rustls_pki_types::pem::Error| format!("{}: {error}", file.display());
            for certificate in CertificateDer::pem_file_iter(&file).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                store
                    .add(certificate)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

impl From<deadpool_postgres::PoolError> for EngineError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => Self::Postgres(error),
            error => Self::Pool(error.to_string()),
        }
    }
}
