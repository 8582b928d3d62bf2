//! The stored side of identity: changes and queries; their SQL is in `sqlite`.

mod sqlite;

use samband_core::{Millis, ResourceId, Secret, StreamId, UserId};
use samband_store::{Change, EngineError, Migration, Query, Stop, sqlite as engine};

pub use sqlite::user_exists as user_exists_sqlite;

pub const MIGRATIONS: &[Migration] = &[Migration {
    room: "identity",
    number: 1,
    sqlite: include_str!("0001_identity.sql"),
}];

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

impl Change for CreateUser {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        self.user.into()
    }
    fn weight(&self) -> usize {
        64
    }
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<()>> {
        Ok(sqlite::insert(tx, self.resource, self.user, tx.cx().now)?)
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
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<NoSuchUser>> {
        let found = match self.issued_before {
            None => sqlite::raise_generation(tx, self.resource, self.user)?,
            Some(moment) => sqlite::raise_valid_from(tx, self.resource, self.user, moment)?,
        };
        if found { Ok(()) } else { Err(Stop::Refused(NoSuchUser)) }
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
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<NoSuchUser>> {
        if sqlite::mark_deleted(tx, self.resource, self.user, tx.cx().now)? {
            Ok(())
        } else {
            Err(Stop::Refused(NoSuchUser))
        }
    }
}

/// `None` for a user that does not exist or was deleted.
pub struct ReadTokenState {
    pub resource: ResourceId,
    pub user: UserId,
}

impl Query for ReadTokenState {
    type Out = Option<TokenState>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Option<TokenState>, EngineError> {
        Ok(sqlite::token_state(db, self.resource, self.user)?)
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
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<()>> {
        Ok(sqlite::insert_signing_key(tx, &self.0, tx.cx().now)?)
    }
}

/// Youngest first.
pub struct SigningKeysStored;

impl Query for SigningKeysStored {
    type Out = Vec<StoredKey>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Vec<StoredKey>, EngineError> {
        Ok(sqlite::signing_keys(db)?)
    }
}
