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
use tokio::sync::watch;

use crate::keys::{SigningKey, SigningKeys};
use crate::model::{AccessToken, IdentityError};
use crate::store::ReadTokenState;

/// Tokens known at a time; the least used are verified anew when they come back.
const KNOWN_TOKENS: u64 = 100_000;
/// Users share these counters: a revocation makes only its neighbours look at the store again.
const EPOCHS: usize = 4_096;
/// The epoch of a grant for which the store was not asked yet; the counters begin after it.
const NEVER_ASKED: u32 = 0;
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

/// What a token grants, and what it rests on: as much as is needed to ask later whether it still
/// holds, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub resource: ResourceId,
    pub user: UserId,
    pub scopes: Scopes,
    pub expires: Millis,
    /// The key slot that it was issued under, and the slot's generation then.
    pub key: Option<(KeySlot, i64)>,
    /// The generation of the user's tokens then.
    pub generation: i64,
    pub issued: Millis,
    /// The user's epoch when the store was last asked; 0 = never.
    epoch: u32,
}

impl Grant {
    /// What is needed beside resource, user and expiry to see later that the token still holds.
    pub fn mark(&self) -> Vec<u8> {
        let (slot, key) = match self.key {
            None => (0, 0),
            Some((KeySlot::Primary, generation)) => (1, generation),
            Some((KeySlot::Secondary, generation)) => (2, generation),
        };
        let mut mark = vec![slot];
        for number in [key, self.generation, self.issued.0] {
            mark.extend_from_slice(&number.to_be_bytes());
        }
        mark
    }

    /// The grant that a mark was made of, without its scopes.
    pub fn from_mark(resource: ResourceId, user: UserId, expires: Millis, mark: &[u8]) -> Option<Self> {
        let (slot, numbers) = mark.split_first()?;
        let number = |index: usize| -> Option<i64> {
            Some(i64::from_be_bytes(
                numbers.get(index * 8..index * 8 + 8)?.try_into().ok()?,
            ))
        };
        let key = match slot {
            0 => None,
            1 => Some((KeySlot::Primary, number(0)?)),
            2 => Some((KeySlot::Secondary, number(0)?)),
            _ => return None,
        };
        let (generation, issued) = (number(1)?, Millis(number(2)?));
        Some(Self {
            resource,
            user,
            scopes: Scopes::NONE,
            expires,
            key,
            generation,
            issued,
            epoch: NEVER_ASKED,
        })
    }

    pub fn caller(&self) -> Caller {
        Caller {
            resource: self.resource,
            who: Who::User {
                id: self.user,
                scopes: self.scopes,
            },
        }
    }
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
    known: Cache<String, Arc<Grant>>,
    epochs: Box<[AtomicU32]>,
    hasher: RandomState,
    /// Counts revocations, for connections that outlive a request.
    revocations: watch::Sender<u64>,
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
        let epochs = (0..EPOCHS).map(|_| AtomicU32::new(NEVER_ASKED + 1)).collect();
        Self {
            store,
            keys,
            directory,
            known: Cache::new(KNOWN_TOKENS),
            epochs,
            hasher: RandomState::new(),
            revocations: watch::Sender::new(0),
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

    /// What a token grants.
    pub async fn verify(&self, token: &str, now: Millis) -> Result<Arc<Grant>, TokenFault> {
        let known = match self.known.get(token) {
            Some(known) => known,
            None => Arc::new(match self.read(token) {
                None => {
                    self.keys.look_again().await;
                    self.read(token).ok_or(TokenFault::Invalid)??
                }
                Some(read) => read?,
            }),
        };
        match self.check(&known, now).await {
            Ok(None) => Ok(known),
            Ok(Some(checked)) => {
                let checked = Arc::new(checked);
                self.known.insert(token.to_owned(), checked.clone());
                Ok(checked)
            }
            Err(fault) => {
                self.known.invalidate(token);
                Err(fault)
            }
        }
    }

    /// Whether a grant still holds. Where the store had to be asked, the grant that need not ask again.
    pub async fn check(&self, grant: &Grant, now: Millis) -> Result<Option<Grant>, TokenFault> {
        if grant.expires <= now {
            return Err(TokenFault::Expired);
        }
        let key_holds = grant
            .key
            .is_none_or(|(slot, generation)| self.directory.key_generation(grant.resource, slot) == Some(generation));
        if !key_holds || self.directory.get(grant.resource).is_none() {
            return Err(TokenFault::Revoked);
        }
        // Read before the store is asked: what is revoked in between is seen the next time.
        let epoch = self.epoch(grant.resource, grant.user).load(Ordering::Acquire);
        if grant.epoch == epoch {
            return Ok(None);
        }
        let query = ReadTokenState {
            resource: grant.resource,
            user: grant.user,
        };
        let state = self.store.read(query).await.map_err(|_| TokenFault::Unavailable)?;
        let holds = state.is_some_and(|state| state.generation == grant.generation && state.valid_from <= grant.issued);
        if holds {
            Ok(Some(Grant { epoch, ..grant.clone() }))
        } else {
            Err(TokenFault::Revoked)
        }
    }

    /// Verifies the signature and reads the claims; whether they still hold is to be checked. None if
    /// the key that signed it is not known.
    fn read(&self, token: &str) -> Option<Result<Grant, TokenFault>> {
        if token.len() > LONGEST_TOKEN {
            return Some(Err(TokenFault::Invalid));
        }
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        let Some(kid) = kid else {
            return Some(Err(TokenFault::Invalid));
        };
        let key = self.keys.by_kid(&kid)?;
        Some(read_signed(token, &key))
    }

    /// Makes every token of the user be looked up again. Called after the store knows, and before
    /// the caller is told.
    pub fn forget(&self, resource: ResourceId, user: UserId) {
        self.epoch(resource, user).fetch_add(1, Ordering::AcqRel);
        self.revoked();
    }

    /// Tells connections to check their grants: called after a key or a resource has gone, too.
    pub fn revoked(&self) {
        self.revocations.send_modify(|count| *count += 1);
    }

    /// Changes whenever something was revoked.
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.revocations.subscribe()
    }

    fn epoch(&self, resource: ResourceId, user: UserId) -> &AtomicU32 {
        let hash = self.hasher.hash_one((resource, user));
        &self.epochs[hash as usize % EPOCHS]
    }
}

fn read_signed(token: &str, key: &SigningKey) -> Result<Grant, TokenFault> {
    let invalid = |_| TokenFault::Invalid;
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
    Ok(Grant {
        resource,
        user,
        scopes: claims.acs_scope.parse().map_err(|_| TokenFault::Invalid)?,
        expires: Millis(claims.exp.saturating_mul(1000)),
        key,
        generation: claims.samband_gen.user,
        issued: Millis(claims.samband_gen.ms),
        epoch: NEVER_ASKED,
    })
}
