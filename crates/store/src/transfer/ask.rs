//! What a transfer asks of a store, and changes in it.

use samband_core::StreamId;

use super::table::{self, Order, Row, Table, Value};
use crate::change::{Change, Query, Stop, Transaction};
use crate::error::EngineError;
use crate::log::Epoch;

/// A column as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RealColumn {
    pub table: String,
    pub name: String,
    pub declared: String,
    pub nullable: bool,
}

/// Rows counted at a time, so that no question takes long.
pub(crate) const SLICE: u64 = 50_000;

/// A slice of a table counted, and where the next one begins.
pub(crate) struct Counted {
    pub rows: u64,
    pub next: Option<Vec<Value>>,
}

/// Tables as each engine reads and writes them.
#[allow(
    async_fn_in_trait,
    reason = "asked on one task, and each engine checks that it can be"
)]
pub(crate) trait Rows {
    /// Every column of every table.
    async fn real_columns(&self) -> Result<Vec<RealColumn>, EngineError>;
    /// The type of a kind of columns.
    fn type_of(kind: table::ColumnKind) -> &'static str;
    async fn count(&self, table: &Table, after: Option<&[Value]>) -> Result<Counted, EngineError>;
    /// The rows after one, in this engine's order: at most so many, about as many bytes, but at least
    /// one if there is one.
    async fn chunk(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<Row>, EngineError>;
    /// Where the row stands that was written last, in the order of the store that the rows come from.
    async fn last(&self, table: &Table, order: Order) -> Result<Option<Vec<Value>>, EngineError>;
    /// Rows that are there already stay as they are.
    async fn insert(&self, table: &Table, order: Order, rows: &[Row]) -> Result<(), EngineError>;
    /// What the engine numbers itself goes on after the highest number.
    async fn go_on_after(&self, table: &Table) -> Result<(), EngineError>;
    async fn mark(&self) -> Result<Option<Epoch>, EngineError>;
    async fn set_mark(&self, source: Option<Epoch>) -> Result<(), EngineError>;
}

/// The log that a transfer to this store was begun from and not finished.
pub struct UnfinishedTransfer;

impl UnfinishedTransfer {
    async fn answer(&self, db: &impl Rows) -> Result<Option<Epoch>, EngineError> {
        db.mark().await
    }
}

impl Query for UnfinishedTransfer {
    type Out = Option<Epoch>;
    crate::answer_on_every_engine!();
}

/// Where the tables are not as declared.
pub(super) struct Differences {
    pub tables: Vec<Table>,
    /// Tables that nobody declares count too, but these.
    pub besides: Option<&'static [&'static str]>,
}

impl Differences {
    async fn answer<D: Rows>(&self, db: &D) -> Result<Vec<String>, EngineError> {
        let mut real = db.real_columns().await?;
        let mut found = Vec::new();
        for table in &self.tables {
            for column in table.columns {
                let place = format!("{}.{}", table.name, column.name);
                let Some(at) = real
                    .iter()
                    .position(|real| real.table == table.name && real.name == column.name)
                else {
                    found.push(format!("{place} is missing"));
                    continue;
                };
                let real = real.swap_remove(at);
                let (declared, nullable) = (D::type_of(column.kind), column.nullable);
                if (real.declared.as_str(), real.nullable) != (declared, nullable) {
                    found.push(format!(
                        "{place} is {} (nullable: {}), not {declared} (nullable: {nullable})",
                        real.declared, real.nullable
                    ));
                }
            }
        }
        let known = |name: &str| self.tables.iter().any(|table| table.name == name);
        let counts = |name: &str| match self.besides {
            Some(besides) => !besides.contains(&name),
            None => known(name),
        };
        real.retain(|real| counts(&real.table));
        found.extend(
            real.iter()
                .map(|real| format!("{}.{} is not known", real.table, real.name)),
        );
        Ok(found)
    }
}

impl Query for Differences {
    type Out = Vec<String>;
    crate::answer_on_every_engine!();
}

pub(super) struct CountSlice {
    pub table: Table,
    pub after: Option<Vec<Value>>,
}

impl CountSlice {
    async fn answer(&self, db: &impl Rows) -> Result<Counted, EngineError> {
        db.count(&self.table, self.after.as_deref()).await
    }
}

impl Query for CountSlice {
    type Out = Counted;
    crate::answer_on_every_engine!();
}

pub(super) struct Chunk {
    pub table: Table,
    pub after: Option<Vec<Value>>,
    pub most: usize,
}

/// About how many bytes are carried at a time.
const CHUNK_BYTES: usize = 1 << 20;

impl Chunk {
    async fn answer(&self, db: &impl Rows) -> Result<Vec<Row>, EngineError> {
        db.chunk(&self.table, self.after.as_deref(), self.most, CHUNK_BYTES)
            .await
    }
}

impl Query for Chunk {
    type Out = Vec<Row>;
    crate::answer_on_every_engine!();
}

pub(super) struct Last {
    pub table: Table,
    pub order: Order,
}

impl Last {
    async fn answer(&self, db: &impl Rows) -> Result<Option<Vec<Value>>, EngineError> {
        db.last(&self.table, self.order).await
    }
}

impl Query for Last {
    type Out = Option<Vec<Value>>;
    crate::answer_on_every_engine!();
}

pub(super) struct Insert {
    pub table: Table,
    /// Of the store that the rows come from.
    pub order: Order,
    pub rows: Vec<Row>,
}

impl Insert {
    async fn apply(&self, tx: &mut impl Transaction<Db: Rows>) -> Result<(), Stop<()>> {
        Ok(tx.db().insert(&self.table, self.order, &self.rows).await?)
    }
}

impl Change for Insert {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        StreamId([0; 16])
    }
    fn weight(&self) -> usize {
        self.rows.iter().map(table::size).sum()
    }
    crate::apply_on_every_engine!();
}

/// Notes that a transfer was begun.
pub(super) struct Begin(pub Epoch);

impl Begin {
    async fn apply(&self, tx: &mut impl Transaction<Db: Rows>) -> Result<(), Stop<()>> {
        Ok(tx.db().set_mark(Some(self.0)).await?)
    }
}

impl Change for Begin {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        StreamId([0; 16])
    }
    crate::apply_on_every_engine!();
}

/// Makes a store whose tables are all there usable.
pub(super) struct Finish(pub Vec<Table>);

impl Finish {
    async fn apply(&self, tx: &mut impl Transaction<Db: Rows>) -> Result<(), Stop<()>> {
        for table in &self.0 {
            tx.db().go_on_after(table).await?;
        }
        Ok(tx.db().set_mark(None).await?)
    }
}

impl Change for Finish {
    type Out = ();
    type Refusal = ();
    fn stream(&self) -> StreamId {
        StreamId([0; 16])
    }
    crate::apply_on_every_engine!();
}
