//! The stored side of resources: changes and queries; their SQL is in `sqlite`.

mod postgres;
mod sqlite;

use samband_core::{KeySlot, Millis, ResourceId, Secret, StreamId};
use samband_store::transfer::{Column, ColumnKind, Table};
use samband_store::{Change, EngineError, Migration, Outdated, Query, Stop, Transaction};

use crate::model::{NewResource, Resource};

pub const MIGRATIONS: &[Migration] = &[Migration {
    room: "resources",
    number: 1,
    sqlite: include_str!("sqlite/0001_resources.sql"),
    postgres: include_str!("postgres/0001_resources.sql"),
}];

/// What is carried from one store to another.
pub const TABLES: &[Table] = &[
    Table {
        name: "resource",
        columns: &[
            Column::id("resource"),
            Column::text("name"),
            Column::new("port", ColumnKind::Medium).nullable(),
            Column::text("data_location"),
            Column::new("is_default", ColumnKind::Bool),
            Column::int("created_ms"),
            Column::int("deleted_ms").nullable(),
        ],
        key: &["resource"],
    },
    Table {
        name: "access_key",
        columns: &[
            Column::id("resource"),
            Column::text("slot"),
            Column::bytes("secret"),
            Column::int("generation"),
        ],
        key: &["resource", "slot"],
    },
];

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
    samband_store::apply_on_every_engine!();
}

impl CreateResource {
    async fn apply(&self, tx: &mut impl Transaction<Db: Resources>) -> Result<(), Stop<Refused>> {
        if tx.db().name_exists(&self.new.name).await? || tx.db().id_exists(self.id).await? {
            return Err(Stop::Refused(Refused::NameTaken));
        }
        tx.db().insert(self.id, &self.new, tx.cx().now).await?;
        Ok(tx.outdate(Outdated::Resources).await?)
    }
}

pub struct DeleteResource(pub ResourceId);

impl Change for DeleteResource {
    type Out = ();
    type Refusal = Refused;
    fn stream(&self) -> StreamId {
        self.0.into()
    }
    samband_store::apply_on_every_engine!();
}

impl DeleteResource {
    async fn apply(&self, tx: &mut impl Transaction<Db: Resources>) -> Result<(), Stop<Refused>> {
        if !tx.db().mark_deleted(self.0, tx.cx().now).await? {
            return Err(Stop::Refused(Refused::NotFound));
        }
        Ok(tx.outdate(Outdated::Resources).await?)
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
    samband_store::apply_on_every_engine!();
}

impl SetKey {
    async fn apply(&self, tx: &mut impl Transaction<Db: Resources>) -> Result<(), Stop<Refused>> {
        if !tx.db().replace_key(self.resource, self.slot, &self.secret).await? {
            return Err(Stop::Refused(Refused::NotFound));
        }
        Ok(tx.outdate(Outdated::Resources).await?)
    }
}

/// Every resource that is not deleted.
pub struct AllResources;

impl Query for AllResources {
    type Out = Vec<Resource>;
    samband_store::answer_on_every_engine!();
}

impl AllResources {
    async fn answer(&self, db: &impl Resources) -> Result<Vec<Resource>, EngineError> {
        db.all().await
    }
}

/// The statements of resources, written for each engine.
trait Resources {
    /// Names differ by more than their case.
    async fn name_exists(&self, name: &str) -> Result<bool, EngineError>;
    /// Deleted ones too: an id never comes back, or it would bring its users and threads with it.
    async fn id_exists(&self, id: ResourceId) -> Result<bool, EngineError>;
    /// The first becomes the one that requests belong to which name none.
    async fn insert(&self, id: ResourceId, new: &NewResource, now: Millis) -> Result<(), EngineError>;
    /// False if there is none; the next oldest becomes the default where the default goes.
    async fn mark_deleted(&self, id: ResourceId, now: Millis) -> Result<bool, EngineError>;
    async fn replace_key(&self, id: ResourceId, slot: KeySlot, secret: &Secret<Vec<u8>>) -> Result<bool, EngineError>;
    async fn all(&self) -> Result<Vec<Resource>, EngineError>;
}
