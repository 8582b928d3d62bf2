//! The stored side of identity: changes and queries; their SQL is in `sqlite`.

mod postgres;
mod sqlite;

use std::collections::HashSet;

use samband_core::{Millis, ResourceId, Secret, StreamId, UserId};
use samband_store::transfer::{Column, ColumnKind, Table};
use samband_store::{Change, EngineError, Migration, Outdated, Query, Stop, Transaction};
use serde::{Deserialize, Serialize};

pub const MIGRATIONS: &[Migration] = &[
    Migration {
        room: "identity",
        number: 1,
        sqlite: include_str!("sqlite/0001_identity.sql"),
        postgres: include_str!("postgres/0001_identity.sql"),
    },
    Migration {
        room: "identity",
        number: 2,
        sqlite: include_str!("sqlite/0002_secret.sql"),
        postgres: include_str!("postgres/0002_secret.sql"),
    },
];

/// What is carried from one store to another.
pub const TABLES: &[Table] = &[
    Table {
        name: "identity",
        columns: &[
            Column::id("resource"),
            Column::id("user"),
            Column::int("created_ms"),
            Column::int("token_generation"),
            Column::int("tokens_valid_from"),
            Column::int("deleted_ms").nullable(),
        ],
        key: &["resource", "user"],
    },
    Table {
        name: "signing_key",
        columns: &[
            Column::new("number", ColumnKind::Serial),
            Column::text("kid"),
            Column::bytes("pkcs8"),
            Column::int("created_ms"),
        ],
        key: &["number"],
    },
    Table {
        name: "secret",
        columns: &[Column::text("name"), Column::bytes("value")],
        key: &["name"],
    },
];

/// There is no such user, or it was deleted.
#[derive(Debug, PartialEq, Eq)]
pub struct NoSuchUser;

/// What decides whether a user's tokens hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenState {
    pub generation: i64,
    pub valid_from: Millis,
}

pub struct CreateUser {
    pub resource: ResourceId,
    pub user: UserId,
}

/// A repeated request gets the first one's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedUser {
    pub user: [u8; 16],
    pub at_ms: i64,
}

impl Change for CreateUser {
    type Out = CreatedUser;
    type Refusal = ();
    fn stream(&self) -> StreamId {
        self.user.into()
    }
    fn weight(&self) -> usize {
        64
    }
    samband_store::apply_on_every_engine!();
}

impl CreateUser {
    async fn apply(&self, tx: &mut impl Transaction<Db: Identities>) -> Result<CreatedUser, Stop<()>> {
        let now = tx.cx().now;
        tx.db().insert(self.resource, self.user, now).await?;
        Ok(CreatedUser {
            user: *self.user.as_bytes(),
            at_ms: now.0,
        })
    }
}

/// Makes the user's tokens invalid: all issued so far, or those issued before a moment.
pub struct RevokeTokens {
    pub resource: ResourceId,
    pub user: UserId,
    pub issued_before: Option<Millis>,
}

impl Change for RevokeTokens {
    type Out = ();
    type Refusal = NoSuchUser;
    fn stream(&self) -> StreamId {
        self.user.into()
    }
    samband_store::apply_on_every_engine!();
}

impl RevokeTokens {
    async fn apply(&self, tx: &mut impl Transaction<Db: Identities>) -> Result<(), Stop<NoSuchUser>> {
        let found = match self.issued_before {
            None => tx.db().raise_generation(self.resource, self.user).await?,
            Some(moment) => tx.db().raise_valid_from(self.resource, self.user, moment).await?,
        };
        if !found {
            return Err(Stop::Refused(NoSuchUser));
        }
        let (resource, user) = (self.resource, self.user);
        Ok(tx.outdate(Outdated::Tokens { resource, user }).await?)
    }
}

pub struct DeleteUser {
    pub resource: ResourceId,
    pub user: UserId,
}

impl Change for DeleteUser {
    type Out = ();
    type Refusal = NoSuchUser;
    fn stream(&self) -> StreamId {
        self.user.into()
    }
    samband_store::apply_on_every_engine!();
}

impl DeleteUser {
    async fn apply(&self, tx: &mut impl Transaction<Db: Identities>) -> Result<(), Stop<NoSuchUser>> {
        if !tx.db().mark_deleted(self.resource, self.user, tx.cx().now).await? {
            return Err(Stop::Refused(NoSuchUser));
        }
        let (resource, user) = (self.resource, self.user);
        Ok(tx.outdate(Outdated::Tokens { resource, user }).await?)
    }
}

/// `None` for a user that does not exist or was deleted.
pub struct ReadTokenState {
    pub resource: ResourceId,
    pub user: UserId,
}

impl Query for ReadTokenState {
    type Out = Option<TokenState>;
    samband_store::answer_on_every_engine!();
}

impl ReadTokenState {
    async fn answer(&self, db: &impl Identities) -> Result<Option<TokenState>, EngineError> {
        db.token_state(self.resource, self.user).await
    }
}

#[derive(Debug, Clone)]
pub struct StoredKey {
    pub kid: String,
    pub pkcs8: Secret<Vec<u8>>,
}

pub struct AddSigningKey(pub StoredKey);

impl Change for AddSigningKey {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        StreamId([0; 16])
    }
    samband_store::apply_on_every_engine!();
}

impl AddSigningKey {
    async fn apply(&self, tx: &mut impl Transaction<Db: Identities>) -> Result<(), Stop<()>> {
        tx.db().insert_signing_key(&self.0, tx.cx().now).await?;
        Ok(tx.outdate(Outdated::SigningKeys).await?)
    }
}

/// Youngest first.
pub struct SigningKeysStored;

impl Query for SigningKeysStored {
    type Out = Vec<StoredKey>;
    samband_store::answer_on_every_engine!();
}

impl SigningKeysStored {
    async fn answer(&self, db: &impl Identities) -> Result<Vec<StoredKey>, EngineError> {
        db.signing_keys().await
    }
}

/// Something that all nodes share: what the first of them proposed.
pub struct SharedSecret {
    pub name: &'static str,
    pub proposed: Secret<Vec<u8>>,
}

impl Change for SharedSecret {
    type Out = Secret<Vec<u8>>;
    type Refusal = ();
    fn stream(&self) -> StreamId {
        StreamId([0; 16])
    }
    samband_store::apply_on_every_engine!();
}

impl SharedSecret {
    async fn apply(&self, tx: &mut impl Transaction<Db: Identities>) -> Result<Secret<Vec<u8>>, Stop<()>> {
        let kept = tx.db().keep_secret(self.name, self.proposed.reveal()).await?;
        Ok(Secret::new(kept))
    }
}

/// The statements of identity, written for each engine.
trait Identities: UsersKnown {
    async fn insert(&self, resource: ResourceId, user: UserId, now: Millis) -> Result<(), EngineError>;
    async fn token_state(&self, resource: ResourceId, user: UserId) -> Result<Option<TokenState>, EngineError>;
    async fn raise_generation(&self, resource: ResourceId, user: UserId) -> Result<bool, EngineError>;
    async fn raise_valid_from(&self, resource: ResourceId, user: UserId, from: Millis) -> Result<bool, EngineError>;
    async fn mark_deleted(&self, resource: ResourceId, user: UserId, now: Millis) -> Result<bool, EngineError>;
    async fn insert_signing_key(&self, key: &StoredKey, now: Millis) -> Result<(), EngineError>;
    async fn signing_keys(&self) -> Result<Vec<StoredKey>, EngineError>;
    /// What is kept under a name: what is proposed, unless something is there.
    async fn keep_secret(&self, name: &str, proposed: &[u8]) -> Result<Vec<u8>, EngineError>;
}

/// What other rooms' changes ask of identity.
#[allow(
    async_fn_in_trait,
    reason = "asked on one task, and each engine checks that it can be"
)]
pub trait UsersKnown {
    /// Those of some users that exist and are not deleted.
    async fn existing(&self, resource: ResourceId, users: &[UserId]) -> Result<HashSet<UserId>, EngineError>;
}
