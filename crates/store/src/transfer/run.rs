//! A transfer from its beginning to its end: copied in chunks, each of them whole or not at all, in the
//! order of a key. So it needs no notes of how far it is: whoever begins it again goes on after the last
//! row that is there. In the end both sides are read wholly and compared.

use std::ops::ControlFlow;

use super::ask::{Begin, Chunk, CountSlice, Differences, Finish, Insert, Last, UnfinishedTransfer};
use super::sum::Sum;
use super::table::{Order, Row, Table, Value};
use crate::Store;
use crate::log::{Epoch, LogState};
use samband_core::ResourceId;

/// Rows that are carried at a time, unless they are large.
const CHUNK_ROWS: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Source,
    Destination,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Destination => "destination",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("the {side} failed: {reason}")]
    Store { side: Side, reason: String },
    #[error("the {side}'s tables are not as this samband knows them: {differences}")]
    Tables { side: Side, differences: String },
    #[error("source and destination are the same store, or one is a copy of the other")]
    Same,
    #[error("the source is itself the destination of a transfer that was not finished")]
    SourceUnfinished,
    #[error("the destination is not empty: there is something in its table {0} already")]
    NotEmpty(&'static str),
    #[error("a transfer from another store was begun to this destination; take an empty one")]
    OtherSource,
    #[error("stopped; the same again goes on from here")]
    Stopped,
}

/// What is being done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Copying,
    Verifying,
}

/// Told after each chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub work: Work,
    pub table: &'static str,
    /// How many rows of the table are done.
    pub rows: u64,
    /// Whether this was the table's last chunk.
    pub whole: bool,
}

/// Whether to go on.
pub type Halt = ControlFlow<()>;

/// A table on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    pub table: &'static str,
    pub source: Sum,
    pub destination: Sum,
}

impl Compared {
    pub fn is_same(&self) -> bool {
        self.source == self.destination
    }
}

/// Everything that is in some tables, on its way from one store to another.
pub struct Transfer {
    from: Store,
    to: Store,
    tables: Vec<Table>,
    chunk_rows: usize,
}

impl Transfer {
    /// Begins a transfer to an empty store, or takes up one that was begun and not finished. The rooms'
    /// tables, to which the engine's own are added.
    pub async fn begin(from: Store, to: Store, rooms: &[&[Table]]) -> Result<Self, TransferError> {
        let tables = all_tables(rooms);
        let transfer = Self {
            from,
            to,
            tables,
            chunk_rows: CHUNK_ROWS,
        };
        for side in [Side::Source, Side::Destination] {
            transfer.check(side).await?;
        }
        let source = transfer.epoch(Side::Source).await?;
        if source == transfer.epoch(Side::Destination).await? {
            return Err(TransferError::Same);
        }
        if transfer.mark(Side::Source).await?.is_some() {
            return Err(TransferError::SourceUnfinished);
        }
        match transfer.mark(Side::Destination).await? {
            Some(begun) if begun == source => {}
            Some(_) => return Err(TransferError::OtherSource),
            None => {
                for table in &transfer.tables {
                    if transfer.last(table).await?.is_some() {
                        return Err(TransferError::NotEmpty(table.name));
                    }
                }
                let begun = transfer.to.background(Begin(source)).await;
                if begun.is_err() {
                    return Err(failed(&transfer.to, Side::Destination).await);
                }
            }
        }
        Ok(transfer)
    }

    /// How many rows are carried at a time.
    pub fn in_chunks_of(mut self, rows: usize) -> Self {
        self.chunk_rows = rows.max(1);
        self
    }

    /// How many rows each table has on a side.
    pub async fn counts(&self, side: Side) -> Result<Vec<(&'static str, u64)>, TransferError> {
        count_tables(self.store(side), side, &self.tables).await
    }

    /// Copies what is not there yet. Rows that were there before count as done.
    pub async fn copy(&self, mut tell: impl FnMut(Progress) -> Halt) -> Result<(), TransferError> {
        let there = self.counts(Side::Destination).await?;
        for (table, (_, there)) in self.tables.iter().zip(there) {
            let mut progress = Progress {
                work: Work::Copying,
                table: table.name,
                rows: there,
                whole: false,
            };
            let after = self.last(table).await?;
            let mut rows = self.read(Side::Source, table, after).await?;
            while let Some(last) = rows.last() {
                let after = table.cursor(last, order(&self.from));
                progress.rows += rows.len() as u64;
                let insert = Insert {
                    table: *table,
                    order: order(&self.from),
                    rows,
                };
                // The next ones are read while these are written.
                let (written, next) =
                    tokio::join!(self.to.background(insert), self.read(Side::Source, table, Some(after)));
                if written.is_err() {
                    return Err(failed(&self.to, Side::Destination).await);
                }
                rows = next?;
                if !rows.is_empty() {
                    go_on(tell(progress))?;
                }
            }
            progress.whole = true;
            go_on(tell(progress))?;
        }
        Ok(())
    }

    /// Reads both sides wholly. What is told are the source's rows.
    pub async fn verify(&self, mut tell: impl FnMut(Progress) -> Halt) -> Result<Vec<Compared>, TransferError> {
        let mut compared = Vec::new();
        for table in &self.tables {
            let told = |rows, whole| Progress {
                work: Work::Verifying,
                table: table.name,
                rows,
                whole,
            };
            let (source, destination) = tokio::try_join!(
                self.sum(Side::Source, table, |rows| go_on(tell(told(rows, false)))),
                self.sum(Side::Destination, table, |_| Ok(())),
            )?;
            go_on(tell(told(source.rows, true)))?;
            compared.push(Compared {
                table: table.name,
                source,
                destination,
            });
        }
        Ok(compared)
    }

    /// Makes the destination usable.
    pub async fn finish(self) -> Result<(), TransferError> {
        match self.to.background(Finish(self.tables.clone())).await {
            Ok(()) => Ok(()),
            Err(_) => Err(failed(&self.to, Side::Destination).await),
        }
    }

    fn store(&self, side: Side) -> &Store {
        match side {
            Side::Source => &self.from,
            Side::Destination => &self.to,
        }
    }

    async fn check(&self, side: Side) -> Result<(), TransferError> {
        let query = Differences {
            tables: self.tables.clone(),
            besides: None,
        };
        match self.store(side).read(query).await {
            Ok(differences) if differences.is_empty() => Ok(()),
            Ok(differences) => Err(TransferError::Tables {
                side,
                differences: differences.join(", "),
            }),
            Err(_) => Err(failed(self.store(side), side).await),
        }
    }

    async fn epoch(&self, side: Side) -> Result<Epoch, TransferError> {
        let resource = ResourceId::from_bytes([0; 16]);
        match self.store(side).read(LogState { resource }).await {
            Ok(log) => Ok(log.epoch),
            Err(_) => Err(failed(self.store(side), side).await),
        }
    }

    async fn mark(&self, side: Side) -> Result<Option<Epoch>, TransferError> {
        match self.store(side).read(UnfinishedTransfer).await {
            Ok(mark) => Ok(mark),
            Err(_) => Err(failed(self.store(side), side).await),
        }
    }

    /// Where the row stands in the source's order that the destination got last.
    async fn last(&self, table: &Table) -> Result<Option<Vec<Value>>, TransferError> {
        let query = Last {
            table: *table,
            order: order(&self.from),
        };
        match self.to.read(query).await {
            Ok(last) => Ok(last),
            Err(_) => Err(failed(&self.to, Side::Destination).await),
        }
    }

    async fn read(&self, side: Side, table: &Table, after: Option<Vec<Value>>) -> Result<Vec<Row>, TransferError> {
        let query = Chunk {
            table: *table,
            after,
            most: self.chunk_rows,
        };
        match self.store(side).read(query).await {
            Ok(rows) => Ok(rows),
            Err(_) => Err(failed(self.store(side), side).await),
        }
    }

    async fn sum(
        &self,
        side: Side,
        table: &Table,
        mut tell: impl FnMut(u64) -> Result<(), TransferError>,
    ) -> Result<Sum, TransferError> {
        let mut sum = Sum::default();
        let mut after = None;
        loop {
            let rows = self.read(side, table, after).await?;
            let Some(last) = rows.last() else { return Ok(sum) };
            after = Some(table.cursor(last, order(self.store(side))));
            rows.iter().for_each(|row| sum.add(table, row));
            tell(sum.rows)?;
        }
    }
}

/// How many rows each table of a store has.
pub async fn count(store: &Store, rooms: &[&[Table]]) -> Result<Vec<(&'static str, u64)>, TransferError> {
    count_tables(store, Side::Source, &all_tables(rooms)).await
}

async fn count_tables(store: &Store, side: Side, tables: &[Table]) -> Result<Vec<(&'static str, u64)>, TransferError> {
    let mut counts = Vec::new();
    for table in tables {
        let (mut rows, mut after) = (0, None);
        loop {
            let table = *table;
            let Ok(counted) = store.read(CountSlice { table, after }).await else {
                return Err(failed(store, side).await);
            };
            rows += counted.rows;
            after = counted.next;
            if after.is_none() {
                break;
            }
        }
        counts.push((table.name, rows));
    }
    Ok(counts)
}

/// Where a store's tables are not as the rooms declare them, for tests: a table or column that nobody
/// declares would be left behind.
pub async fn check_tables(store: &Store, rooms: &[&[Table]]) -> Result<(), String> {
    const NOT_CARRIED: &[&str] = &["migration", "epoch", "transfer", "applied", "outdated", "lease"];
    let query = Differences {
        tables: all_tables(rooms),
        besides: Some(NOT_CARRIED),
    };
    let differences = store.read(query).await.map_err(|error| error.to_string())?;
    match differences.is_empty() {
        true => Ok(()),
        false => Err(differences.join("\n")),
    }
}

fn all_tables(rooms: &[&[Table]]) -> Vec<Table> {
    let rooms = rooms.iter().copied().flatten();
    rooms.chain(super::TABLES).copied().collect()
}

fn order(store: &Store) -> Order {
    match store.is_shared() {
        true => Order::Key,
        false => Order::Place,
    }
}

fn go_on(told: Halt) -> Result<(), TransferError> {
    match told {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(TransferError::Stopped),
    }
}

/// The store says no more than that it failed; its health, or else the log, says why.
async fn failed(store: &Store, side: Side) -> TransferError {
    let reason = match store.health().await {
        Err(reason) => reason,
        Ok(()) => "what it logged says why".to_owned(),
    };
    TransferError::Store { side, reason }
}
