//! Certificates: a CA of samband's own, made on first start and kept, with leaves for each name;
//! or the operator's files, read again when they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use samband_core::{Clock, Millis};

const DAY_MS: i64 = 24 * Millis::HOUR;
/// A CA that people have put into their trust stores should not end while they use it.
const CA_DAYS: i64 = 3_650;
/// Clients refuse leaves of more than 825 days.
const LEAF_DAYS: i64 = 397;

pub const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca-key.pem";

/// Makes what rustls needs of a certificate source. HTTP/2 and HTTP/1.1.
pub fn server_config(resolver: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// samband's own CA, and the leaves that it has issued in this run.
pub struct DevelopmentCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    base_domain: String,
    clock: Arc<dyn Clock>,
    /// For `localhost`, the loopback addresses and the listen address.
    default: Arc<CertifiedKey>,
    leaves: Mutex<HashMap<String, Arc<CertifiedKey>>>,
    /// Whether `<name>.<base domain>` is a resource's.
    is_resource: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl std::fmt::Debug for DevelopmentCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevelopmentCa").finish_non_exhaustive()
    }
}

impl DevelopmentCa {
    /// Reads the CA of a directory, or makes one there.
    pub fn open(
        directory: &Path,
        names: &[String],
        base_domain: String,
        clock: Arc<dyn Clock>,
        is_resource: Box<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> Result<Self> {
        let (certificate_file, key_file) = (directory.join(CA_FILE), directory.join(CA_KEY_FILE));
        if !certificate_file.exists() || !key_file.exists() {
            create(&certificate_file, &key_file, clock.now())?;
        }
        let certificate = CertificateDer::from_pem_file(&certificate_file)
            .with_context(|| format!("reading {}", certificate_file.display()))?;
        let key = std::fs::read_to_string(&key_file).with_context(|| format!("reading {}", key_file.display()))?;
        let key = KeyPair::from_pem(&key).with_context(|| format!("reading {}", key_file.display()))?;
        // An issuer is its name and its key, and the name is always the same.
        let issuer = Issuer::new(ca_params(clock.now()), key);
        let default = leaf(&issuer, &certificate, names, clock.now())?;
        let leaves = Mutex::default();
        Ok(Self {
            issuer,
            certificate,
            base_domain,
            clock,
            default,
            leaves,
            is_resource,
        })
    }

    fn leaf_for(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let resource = name.strip_suffix(&self.base_domain)?.strip_suffix('.')?;
        if !(self.is_resource)(resource) {
            return None;
        }
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(name) {
            return Some(leaf.clone());
        }
        let made = leaf(&self.issuer, &self.certificate, &[name.to_owned()], self.clock.now()).ok()?;
        leaves.insert(name.to_owned(), made.clone());
        Some(made)
    }
}

impl ResolvesServerCert for DevelopmentCa {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One name each: clients refuse a wildcard under a single label.
        let named = hello.server_name().and_then(|name| self.leaf_for(name));
        Some(named.unwrap_or_else(|| self.default.clone()))
    }
}

fn create(certificate_file: &Path, key_file: &Path, now: Millis) -> Result<()> {
    let key = KeyPair::generate().context("making the CA's key")?;
    let params = ca_params(now);
    let certificate = params.self_signed(&key).context("making the CA's certificate")?;
    crate::files::write_private(key_file, key.serialize_pem().as_bytes())?;
    crate::files::write(certificate_file, certificate.pem().as_bytes())
}

fn ca_params(now: Millis) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "samband development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.not_before = date(now.plus(-DAY_MS));
    params.not_after = date(now.plus(CA_DAYS * DAY_MS));
    params
}

fn leaf(
    issuer: &Issuer<'static, KeyPair>,
    ca: &CertificateDer<'static>,
    names: &[String],
    now: Millis,
) -> Result<Arc<CertifiedKey>> {
    let key = KeyPair::generate().context("making a certificate's key")?;
    let mut params = CertificateParams::new(names.to_vec()).context("naming a certificate")?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, names.first().cloned().unwrap_or_default());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date(now.plus(-DAY_MS));
    params.not_after = date(now.plus(LEAF_DAYS * DAY_MS));
    let certificate = params.signed_by(&key, issuer).context("signing a certificate")?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    certified(vec![certificate.der().clone(), ca.clone()], &key)
}

fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<Arc<CertifiedKey>> {
    let key = any_supported_type(key).context("the private key is of no supported type")?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

/// Days are precise enough for a certificate.
fn date(time: Millis) -> time::OffsetDateTime {
    let start = time::OffsetDateTime::UNIX_EPOCH;
    start.checked_add(time::Duration::milliseconds(time.0)).unwrap_or(start)
}

/// The operator's files.
#[derive(Debug)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    read_at: Mutex<[Option<SystemTime>; 2]>,
}

impl CertificateFiles {
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<Self> {
        let current = ArcSwap::new(read(&certificate, &key)?);
        let read_at = Mutex::new([modified(&certificate), modified(&key)]);
        Ok(Self {
            certificate,
            key,
            current,
            read_at,
        })
    }

    /// Reads the files again if they have changed; keeps the old ones if the new do not fit.
    pub fn reload(&self) {
        let now = [modified(&self.certificate), modified(&self.key)];
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        if *read_at == now {
            return;
        }
        match read(&self.certificate, &self.key) {
            Ok(fresh) => {
                self.current.store(fresh);
                *read_at = now;
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "the new certificate is not usable; the old one stays"
            ),
        }
    }
}

impl ResolvesServerCert for CertificateFiles {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
        .with_context(|| format!("reading {}", certificate.display()))?
        .collect();
    let chain = chain.with_context(|| format!("reading {}", certificate.display()))?;
    anyhow::ensure!(!chain.is_empty(), "{} holds no certificate", certificate.display());
    let key_der = PrivateKeyDer::from_pem_file(key).with_context(|| format!("reading {}", key.display()))?;
    let certified = certified(chain, &key_der)?;
    certified.keys_match().context("the key is not the certificate's")?;
    Ok(certified)
}
