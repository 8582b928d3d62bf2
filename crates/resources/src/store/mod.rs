//! The stored side of resources: changes and queries; their SQL is in `sqlite`.

mod sqlite;

use samband_core::{KeySlot, ResourceId, Secret, StreamId};
use samband_store::{Change, EngineError, Migration, Query, Stop, sqlite as engine};

use crate::model::{NewResource, Resource};

pub const MIGRATIONS: &[Migration] = &[Migration {
    room: "resources",
    number: 1,
    sqlite: include_str!("0001_resources.sql"),
}];

#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    NameTaken,
    NotFound,
}

pub struct CreateResource {
    pub id: ResourceId,
    pub new: NewResource,
}

impl Change for CreateResource {
    type Out = ();
    type Refusal = Refused;
    fn stream(&self) -> StreamId {
        self.id.into()
    }
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<Refused>> {
        if sqlite::name_exists(tx, &self.new.name)? || sqlite::id_exists(tx, self.id)? {
            return Err(Stop::Refused(Refused::NameTaken));
        }
        sqlite::insert(tx, self.id, &self.new, tx.cx().now)?;
        Ok(())
    }
}

pub struct DeleteResource(pub ResourceId);

impl Change for DeleteResource {
    type Out = ();
    type Refusal = Refused;
    fn stream(&self) -> StreamId {
        self.0.into()
    }
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<Refused>> {
        if sqlite::mark_deleted(tx, self.0, tx.cx().now)? {
            Ok(())
        } else {
            Err(Stop::Refused(Refused::NotFound))
        }
    }
}

pub struct SetKey {
    pub resource: ResourceId,
    pub slot: KeySlot,
    pub secret: Secret<Vec<u8>>,
}

impl Change for SetKey {
    type Out = ();
    type Refusal = Refused;
    fn stream(&self) -> StreamId {
        self.resource.into()
    }
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<(), Stop<Refused>> {
        if sqlite::replace_key(tx, self.resource, self.slot, &self.secret)? {
            Ok(())
        } else {
            Err(Stop::Refused(Refused::NotFound))
        }
    }
}

/// Every resource that is not deleted.
pub struct AllResources;

impl Query for AllResources {
    type Out = Vec<Resource>;
    fn sqlite(&self, db: &engine::Reader<'_>) -> Result<Vec<Resource>, EngineError> {
        Ok(sqlite::all(db)?)
    }
}
