//! The keys that sign tokens: made on first start, kept, rotatable. The youngest signs; the older
//! ones verify what they signed.

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{DecodingKey, EncodingKey};
use samband_core::{Random, Secret, Stopwatch};
use samband_store::Store;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::model::IdentityError;
use crate::store::{AddSigningKey, SigningKeysStored, StoredKey};

pub(crate) struct SigningKey {
    pub kid: String,
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
    /// Coordinates of the public point, base64url (RFC 7518, section 6.2.1).
    x: String,
    y: String,
}

pub struct SigningKeys {
    store: Store,
    random: Arc<dyn Random>,
    keys: ArcSwap<Vec<Arc<SigningKey>>>,
    /// One reload at a time: what was read earlier must not replace what was read later.
    reloading: Mutex<Option<Stopwatch>>,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Serialize)]
pub struct Jwks {
    pub(crate) keys: Vec<Jwk>,
}

#[derive(Serialize)]
pub(crate) struct Jwk {
    pub(crate) kty: &'static str,
    pub(crate) crv: &'static str,
    #[serde(rename = "use")]
    pub(crate) usage: &'static str,
    pub(crate) alg: &'static str,
    pub(crate) kid: String,
    pub(crate) x: String,
    pub(crate) y: String,
}

impl SigningKeys {
    /// Reads the keys, and makes the first one where there is none.
    pub async fn load(store: Store, random: Arc<dyn Random>) -> Result<Self, IdentityError> {
        let keys = Self {
            store,
            random,
            keys: ArcSwap::default(),
            reloading: Mutex::default(),
        };
        keys.reload().await?;
        if keys.keys.load().is_empty() {
            keys.rotate().await?;
        }
        Ok(keys)
    }

    /// From now on tokens are signed with a new key.
    pub async fn rotate(&self) -> Result<String, IdentityError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| IdentityError::Unavailable)?;
        let der = pair.to_pkcs8v1().map_err(|_| IdentityError::Unavailable)?;
        let mut name = [0; 12];
        self.random.fill(&mut name);
        let kid = BASE64.encode(name);
        let stored = StoredKey {
            kid: kid.clone(),
            pkcs8: Secret::new(der.as_ref().to_vec()),
        };
        self.store
            .commit(AddSigningKey(stored))
            .await
            .map_err(|_| IdentityError::Unavailable)?;
        self.reload().await?;
        Ok(kid)
    }

    /// Reads the keys anew: another node may have made one.
    pub async fn reload(&self) -> Result<(), IdentityError> {
        let mut last = self.reloading.lock().await;
        *last = Some(Stopwatch::start());
        let stored = self
            .store
            .read(SigningKeysStored)
            .await
            .map_err(|_| IdentityError::Unavailable)?;
        let keys: Option<Vec<_>> = stored
            .into_iter()
            .map(|key| SigningKey::read(key).map(Arc::new))
            .collect();
        self.keys.store(Arc::new(keys.ok_or(IdentityError::Unavailable)?));
        Ok(())
    }

    /// For a token whose key is not known: of another node's, which this one has not read yet. Anybody
    /// can name a key that does not exist, so not at each of their wishes.
    pub(crate) async fn look_again(&self) {
        const EACH: std::time::Duration = std::time::Duration::from_millis(200);
        let lately = self.reloading.lock().await.is_some_and(|last| last.elapsed() < EACH);
        if self.store.is_shared() && !lately {
            // Without the store nothing is known of the key, and the token is refused.
            let _ = self.reload().await;
        }
    }

    pub(crate) fn signer(&self) -> Option<Arc<SigningKey>> {
        self.keys.load().first().cloned()
    }

    pub(crate) fn by_kid(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.keys.load().iter().find(|key| key.kid == kid).cloned()
    }

    pub fn jwks(&self) -> Jwks {
        let keys = self.keys.load();
        let jwk = |key: &Arc<SigningKey>| Jwk {
            kty: "EC",
            crv: "P-256",
            usage: "sig",
            alg: "ES256",
            kid: key.kid.clone(),
            x: key.x.clone(),
            y: key.y.clone(),
        };
        Jwks {
            keys: keys.iter().map(jwk).collect(),
        }
    }
}

impl SigningKey {
    /// `None` if what is stored is no such key.
    fn read(stored: StoredKey) -> Option<Self> {
        let der = stored.pkcs8.reveal();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        // Uncompressed point (SEC 1, section 2.3.3): 0x04, x, y.
        let point = pair.public_key().as_ref();
        let (x, y) = (BASE64.encode(point.get(1..33)?), BASE64.encode(point.get(33..65)?));
        let decoding = DecodingKey::from_ec_components(&x, &y).ok()?;
        Some(Self {
            kid: stored.kid,
            encoding: EncodingKey::from_ec_der(der),
            decoding,
            x,
            y,
        })
    }
}
