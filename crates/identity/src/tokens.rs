//! User access tokens: JWTs with ACS's claims and two of our own.
//!
//! A token holds while its signature, its expiry, the generation of the key slot that it was
//! issued under, and the generation of its user's tokens all hold. A signature is verified once;
//! afterwards the token is known, and only what can be revoked is looked at.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::{Algorithm, Header, Validation};
use moka::sync::Cache;
use samband_core::{Caller, KeySlot, Millis, ResourceId, Scopes, Secret, UserId, Who};
use samband_resources::Directory;
use samband_store::Store;
use serde::{Deserialize, Serialize};

use crate::keys::SigningKeys;
use crate::model::{AccessToken, IdentityError};
use crate::store::ReadTokenState;

/// Tokens known at a time; the least used are verified anew when they come back.
const KNOWN_TOKENS: u64 = 100_000;
/// Users share these counters: a revocation makes only its neighbours look at the store again.
const EPOCHS: usize = 4_096;
/// A JWT of ours has some 700 bytes; anything much longer is not one.
const LONGEST_TOKEN: usize = 4_096;

/// ACS's claims in ACS's order, then samband's.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// `acs:<resource>_<user>`; the SDK's realtime library reads it.
    skypeid: String,
    scp: u32,
    /// Issue time in seconds, as a string.
    csi: String,
    exp: i64,
    #[serde(rename = "acsScope")]
    acs_scope: String,
    #[serde(rename = "resourceId")]
    resource_id: String,
    iat: i64,
    /// The public https base URL, from which samband's own clients find the rest.
    samband: String,
    samband_gen: Generations,
}

#[derive(Serialize, Deserialize)]
struct Generations {
    /// The key slot that asked for it, with its generation; none when an operator did.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<i64>,
    user: i64,
    /// Issue time in ms: seconds are too coarse for "revoked, then issued anew".
    ms: i64,
}

/// What a token was found to say.
#[derive(Debug, Clone)]
struct Known {
    resource: ResourceId,
    user: UserId,
    scopes: Scopes,
    expires: Millis,
    key: Option<(KeySlot, i64)>,
    /// The user's epoch when the store was last asked.
    epoch: u32,
}

/// Why a token is not accepted. All of them are 401; the message tells which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("The access token is malformed or was not issued by this server.")]
    Invalid,
    #[error("The access token has expired.")]
    Expired,
    #[error("The access token has been revoked.")]
    Revoked,
    #[error("The access token is of another resource.")]
    OtherResource,
    #[error("The store is unavailable.")]
    Unavailable,
}

pub struct Tokens {
    store: Store,
    keys: Arc<SigningKeys>,
    directory: Arc<Directory>,
    known: Cache<String, Arc<Known>>,
    epochs: Box<[AtomicU32]>,
    hasher: RandomState,
}

/// What a token is issued for.
pub struct Issue<'a> {
    pub resource: ResourceId,
    pub user: UserId,
    pub scopes: Scopes,
    pub lifetime_minutes: i64,
    /// The caller; a key slot ties the token to the key.
    pub by: Who,
    pub base_url: &'a str,
    pub now: Millis,
}

impl Tokens {
    pub fn new(store: Store, keys: Arc<SigningKeys>, directory: Arc<Directory>) -> Self {
        let epochs = (0..EPOCHS).map(|_| AtomicU32::new(0)).collect();
        Self {
            store,
            keys,
            directory,
            known: Cache::new(KNOWN_TOKENS),
            epochs,
            hasher: RandomState::new(),
        }
    }

    pub async fn issue(&self, issue: Issue<'_>) -> Result<AccessToken, IdentityError> {
        let query = ReadTokenState {
            resource: issue.resource,
            user: issue.user,
        };
        let state = self.store.read(query).await.map_err(|_| IdentityError::Unavailable)?;
        let generation = state.ok_or(IdentityError::UserNotFound)?.generation;
        self.issue_at_generation(issue, generation)
    }

    /// For a user whose generation is known, such as one just created.
    pub(crate) fn issue_at_generation(&self, issue: Issue<'_>, user: i64) -> Result<AccessToken, IdentityError> {
        let slot = match issue.by {
            Who::Key(slot) => Some(slot),
            Who::User { .. } | Who::Operator => None,
        };
        let key = slot.and_then(|slot| self.directory.key_generation(issue.resource, slot));
        let expires = Millis((issue.now.seconds() + issue.lifetime_minutes * 60) * 1000);
        let raw_id = issue.user.raw_id(issue.resource);
        let claims = Claims {
            skypeid: raw_id.trim_start_matches("8:").to_owned(),
            scp: 1792,
            csi: issue.now.seconds().to_string(),
            exp: expires.seconds(),
            acs_scope: issue.scopes.to_string(),
            resource_id: issue.resource.to_string(),
            iat: issue.now.seconds(),
            samband: issue.base_url.to_owned(),
            samband_gen: Generations {
                slot: slot.map(|slot| slot.as_str().to_owned()),
                key,
                user,
                ms: issue.now.0,
            },
        };
        let signer = self.keys.signer().ok_or(IdentityError::Unavailable)?;
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(signer.kid.clone());
        let token = jsonwebtoken::encode(&header, &claims, &signer.encoding).map_err(|_| IdentityError::Unavailable)?;
        Ok(AccessToken {
            token: Secret::new(token),
            expires,
        })
    }

    /// Who a token stands for, and until when.
    pub async fn verify(&self, token: &str, now: Millis) -> Result<(Caller, Millis), TokenFault> {
        let known = match self.known.get(token) {
            Some(known) => known,
            None => Arc::new(self.read(token)?),
        };
        if known.expires <= now {
            self.known.invalidate(token);
            return Err(TokenFault::Expired);
        }
        let key_holds = known
            .key
            .is_none_or(|(slot, generation)| self.directory.key_generation(known.resource, slot) == Some(generation));
        if !key_holds || self.directory.get(known.resource).is_none() {
            return Err(TokenFault::Revoked);
        }
        // Read before the store is asked: what is revoked in between is seen the next time.
        let epoch = self.epoch(known.resource, known.user).load(Ordering::Acquire);
        if known.epoch != epoch {
            self.ask_store(token, &known, epoch).await?;
        }
        let who = Who::User {
            id: known.user,
            scopes: known.scopes,
        };
        Ok((
            Caller {
                resource: known.resource,
                who,
            },
            known.expires,
        ))
    }

    async fn ask_store(&self, token: &str, known: &Known, epoch: u32) -> Result<(), TokenFault> {
        let claims = claims_of_verified(token).ok_or(TokenFault::Invalid)?;
        let query = ReadTokenState {
            resource: known.resource,
            user: known.user,
        };
        let state = self.store.read(query).await.map_err(|_| TokenFault::Unavailable)?;
        let generations = claims.samband_gen;
        let holds =
            state.is_some_and(|state| state.generation == generations.user && state.valid_from.0 <= generations.ms);
        if !holds {
            self.known.invalidate(token);
            return Err(TokenFault::Revoked);
        }
        self.known
            .insert(token.to_owned(), Arc::new(Known { epoch, ..known.clone() }));
        Ok(())
    }

    /// Verifies the signature and reads the claims. The epoch is one that never is, so that the
    /// store is asked next.
    fn read(&self, token: &str) -> Result<Known, TokenFault> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenFault::Invalid);
        }
        let invalid = |_| TokenFault::Invalid;
        let kid = jsonwebtoken::decode_header(token)
            .map_err(invalid)?
            .kid
            .ok_or(TokenFault::Invalid)?;
        let key = self.keys.by_kid(&kid).ok_or(TokenFault::Invalid)?;
        // Expiry is ours to decide, by our clock.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let claims: Claims = jsonwebtoken::decode(token, &key.decoding, &validation)
            .map_err(invalid)?
            .claims;

        let samband_core::Identifier::CommunicationUser { resource, user } =
            samband_core::Identifier::from_raw_id(&format!("8:{}", claims.skypeid))
        else {
            return Err(TokenFault::Invalid);
        };
        let key = match (claims.samband_gen.slot, claims.samband_gen.key) {
            (Some(slot), Some(generation)) => Some((slot.parse().map_err(|()| TokenFault::Invalid)?, generation)),
            _ => None,
        };
        let scopes = claims.acs_scope.parse().map_err(|_| TokenFault::Invalid)?;
        let epoch = self.epoch(resource, user).load(Ordering::Acquire).wrapping_sub(1);
        Ok(Known {
            resource,
            user,
            scopes,
            expires: Millis(claims.exp.saturating_mul(1000)),
            key,
            epoch,
        })
    }

    /// Makes every token of the user be looked up again. Called after the store knows, and before
    /// the caller is told.
    pub(crate) fn forget(&self, resource: ResourceId, user: UserId) {
        self.epoch(resource, user).fetch_add(1, Ordering::AcqRel);
    }

    fn epoch(&self, resource: ResourceId, user: UserId) -> &AtomicU32 {
        let hash = self.hasher.hash_one((resource, user));
        &self.epochs[hash as usize % EPOCHS]
    }
}

/// The claims of a token whose signature was verified when it was first seen.
fn claims_of_verified(token: &str) -> Option<Claims> {
    jsonwebtoken::dangerous::insecure_decode_claims(token).ok()
}
