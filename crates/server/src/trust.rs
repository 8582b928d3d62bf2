//! What clients need to find this server and trust it: the variables of `run` and of the env file,
//! the certificate bundles, and the file by which the command line finds a running server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use p12_keystore::{Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::app::ServerInfo;
use crate::files;

pub const SERVER_FILE: &str = "server.json";
const BUNDLE_FILE: &str = "ca-bundle.pem";
const TRUST_STORE_FILE: &str = "truststore.p12";
/// Java wants one; it protects nothing, as the store holds public certificates alone.
const TRUST_STORE_PASSWORD: &str = "changeit";

/// Where systems keep the roots that they trust.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// The variables that make the SDKs of each language use this server and trust it.
pub fn variables(info: &ServerInfo) -> Result<Vec<(String, String)>> {
    let mut variables = vec![
        ("SAMBAND_ENDPOINT", info.endpoint.clone()),
        ("SAMBAND_ACCESS_KEY", info.access_key.clone()),
        ("SAMBAND_CONNECTION_STRING", info.connection_string.clone()),
        ("SAMBAND_ADMIN_TOKEN", info.admin_token.clone()),
        ("SAMBAND_RESOURCE_ID", info.resource_id.clone()),
        (
            "COMMUNICATION_SERVICES_CONNECTION_STRING",
            info.connection_string.clone(),
        ),
    ];
    if let Some(ca) = &info.ca_file {
        let directory = ca.parent().unwrap_or(Path::new("."));
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let bundle = write_bundle(ca, &directory.join(BUNDLE_FILE))?;
        let store = write_trust_store(&bundle, &directory.join(TRUST_STORE_FILE))?;
        variables.extend([
            ("SAMBAND_CA_FILE", text(ca)),
            ("NODE_EXTRA_CA_CERTS", text(ca)),
            ("REQUESTS_CA_BUNDLE", text(&bundle)),
            ("SSL_CERT_FILE", text(&bundle)),
            ("CURL_CA_BUNDLE", text(&bundle)),
            (
                "JAVA_TOOL_OPTIONS",
                format!(
                    "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStoreType=PKCS12 \
                     -Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}",
                    text(&store)
                ),
            ),
        ]);
    }
    Ok(variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

/// For `. FILE` in a shell: `NAME='value'` lines.
pub fn write_env_file(path: &Path, variables: &[(String, String)]) -> Result<()> {
    let quote = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let lines: String = variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quote(value)))
        .collect();
    files::write_private(path, lines.as_bytes())
}

/// The system's roots plus ours: these variables replace a client's own list.
fn write_bundle(ca: &Path, bundle: &Path) -> Result<PathBuf> {
    let mut roots = Vec::new();
    if let Some(system) = SYSTEM_BUNDLES.iter().find(|path| Path::new(path).exists()) {
        roots = std::fs::read(system).with_context(|| format!("reading {system}"))?;
        roots.push(b'\n');
    }
    roots.extend(std::fs::read(ca).with_context(|| format!("reading {}", ca.display()))?);
    files::write(bundle, &roots)?;
    Ok(bundle.to_owned())
}

fn write_trust_store(bundle: &Path, store: &Path) -> Result<PathBuf> {
    let mut keystore = KeyStore::new();
    for (index, root) in CertificateDer::pem_file_iter(bundle)
        .context("reading the bundle")?
        .enumerate()
    {
        let Ok(root) = root else { continue };
        // A root that this library cannot read is one that Java had better not be given either.
        if let Ok(certificate) = Certificate::from_der(&root) {
            keystore.add_entry(&format!("root-{index}"), KeyStoreEntry::Certificate(certificate));
        }
    }
    let written = keystore
        .writer(TRUST_STORE_PASSWORD)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .encryption_iterations(1_000)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        .mac_iterations(1_000)
        .write()
        .context("writing the Java trust store")?;
    files::write(store, &written)?;
    Ok(store.to_owned())
}
