//! The SQL of transfers. How many rows a statement reads stands in its text, so that the planner knows
//! that it is few and walks the key's index.

use tokio_postgres::Row as SqlRow;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::session::{Params, Session};
use crate::error::EngineError;
use crate::log::Epoch;
use crate::transfer::{Column, ColumnKind, Counted, Order, RealColumn, Row, Rows, SLICE, Table, Value};

/// Before everything that this log gives a place: its positions are not negative.
const BEFORE: i64 = 1 << 62;

impl Rows for Session {
    async fn real_columns(&self) -> Result<Vec<RealColumn>, EngineError> {
        let rows = self
            .query(
                "SELECT t.relname::text, c.attname::text, format_type(c.atttypid, c.atttypmod), NOT c.attnotnull
                 FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
                 WHERE t.relkind IN ('r', 'p') AND c.attnum > 0 AND NOT c.attisdropped
                     AND t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
                 ORDER BY t.relname, c.attnum",
                &[],
            )
            .await?;
        let read = rows.iter().map(|row| {
            Ok(RealColumn {
                table: row.try_get(0)?,
                name: row.try_get(1)?,
                declared: row.try_get(2)?,
                nullable: row.try_get(3)?,
            })
        });
        read.collect()
    }

    fn type_of(kind: ColumnKind) -> &'static str {
        match kind {
            ColumnKind::Id => "uuid",
            ColumnKind::Bytes | ColumnKind::AnyText => "bytea",
            ColumnKind::Int | ColumnKind::Serial | ColumnKind::Place | ColumnKind::Past => "bigint",
            ColumnKind::Medium => "integer",
            ColumnKind::Small => "smallint",
            ColumnKind::Bool => "boolean",
            ColumnKind::Text => "text",
        }
    }

    async fn count(&self, table: &Table, after: Option<&[Value]>) -> Result<Counted, EngineError> {
        let name = quoted(table.name);
        let key = table.key_columns();
        let (filter, by) = (filter(&key, after), sorted(&key, ""));
        let cursor = given(&key, after.unwrap_or_default())?;
        let skipped = SLICE - 1;
        let end = self
            .query_opt(
                &format!(
                    "SELECT {} FROM {name} {filter} ORDER BY {by} OFFSET {skipped} LIMIT 1",
                    names(&key)
                ),
                &borrowed(&cursor),
            )
            .await?;
        if let Some(row) = end {
            return Ok(Counted {
                rows: SLICE,
                next: Some(read(&key, &row)?),
            });
        }
        let row = self
            .query_opt(
                &format!("SELECT count(*) FROM (SELECT 1 FROM {name} {filter} LIMIT {SLICE}) rest"),
                &borrowed(&cursor),
            )
            .await?;
        let rows: i64 = row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
        Ok(Counted {
            rows: rows.unsigned_abs(),
            next: None,
        })
    }

    async fn chunk(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let key = table.order(Order::Key);
        let columns = table.all_columns();
        let (names, by) = (names(&columns), sorted(&key, ""));
        let size: String = columns.iter().filter_map(|column| size(column)).collect();
        // Beside what has always the same size.
        let size = format!("64{size}");
        // What is beyond the bytes stays where it is.
        let rows = self
            .query(
                &format!(
                    "SELECT {names} FROM (
                         SELECT {names}, sum(size) OVER (ORDER BY {by} ROWS UNBOUNDED PRECEDING) - size AS size_before
                         FROM (SELECT {names}, {size} AS size FROM {} {} ORDER BY {by} LIMIT {most}) page) sized
                     WHERE size_before < {bytes} ORDER BY {by}",
                    quoted(table.name),
                    filter(&key, after)
                ),
                &borrowed(&given(&key, after.unwrap_or_default())?),
            )
            .await?;
        rows.iter().map(|row| read(&columns, row)).collect()
    }

    async fn last(&self, table: &Table, order: Order) -> Result<Option<Vec<Value>>, EngineError> {
        if order == Order::Place && table.has(ColumnKind::Place) {
            return Ok(self.last_place().await?.map(|place| vec![Value::Int(place)]));
        }
        let key = table.order(Order::Key);
        let row = self
            .query_opt(
                &format!(
                    "SELECT {} FROM {} ORDER BY {} LIMIT 1",
                    names(&key),
                    quoted(table.name),
                    sorted(&key, " DESC")
                ),
                &[],
            )
            .await?;
        row.map(|row| read(&key, &row)).transpose()
    }

    async fn insert(&self, table: &Table, _order: Order, rows: &[Row]) -> Result<(), EngineError> {
        let columns = table.all_columns();
        let arrays: Vec<_> = (1..)
            .zip(&columns)
            .map(|(n, column)| format!("${n}::{}[]", Self::type_of(column.kind)))
            .collect();
        let numbered = match table.has(ColumnKind::Serial) {
            true => "OVERRIDING SYSTEM VALUE",
            false => "",
        };
        // Only the key's conflict means that the row is there already.
        let sql = format!(
            "INSERT INTO {} ({}) {numbered} SELECT * FROM unnest({}) ON CONFLICT ({}) DO NOTHING",
            quoted(table.name),
            names(&columns),
            arrays.join(", "),
            names(&table.key_columns())
        );
        let values = (0..)
            .zip(&columns)
            .map(|(at, column)| array(column.kind, rows.iter().filter_map(|row| row.get(at))));
        let values: Params = values.collect::<Result<_, EngineError>>()?;
        self.execute(&sql, &borrowed(&values)).await?;
        Ok(())
    }

    async fn go_on_after(&self, table: &Table) -> Result<(), EngineError> {
        let serial = table.columns.iter().find(|column| column.kind == ColumnKind::Serial);
        let Some(serial) = serial else { return Ok(()) };
        let (name, column) = (quoted(table.name), quoted(serial.name));
        self.query(
            &format!(
                "SELECT setval(pg_get_serial_sequence('{name}', '{}'), highest)
                 FROM (SELECT max({column}) AS highest FROM {name}) numbers WHERE highest IS NOT NULL",
                serial.name
            ),
            &[],
        )
        .await?;
        Ok(())
    }

    async fn mark(&self) -> Result<Option<Epoch>, EngineError> {
        let Some(row) = self.query_opt("SELECT source FROM transfer", &[]).await? else {
            return Ok(None);
        };
        let source: Vec<u8> = row.try_get(0)?;
        let source = source.try_into().map_err(|_| unfit("an epoch that has not 8 bytes"))?;
        Ok(Some(Epoch(u64::from_be_bytes(source))))
    }

    async fn set_mark(&self, source: Option<Epoch>) -> Result<(), EngineError> {
        self.execute("DELETE FROM transfer", &[]).await?;
        if let Some(Epoch(source)) = source {
            let source = source.to_be_bytes().to_vec();
            self.execute("INSERT INTO transfer (source) VALUES ($1)", &[&source])
                .await?;
        }
        Ok(())
    }
}

impl Session {
    /// The highest place that an entry came with; the index is by resource, so the highest of each.
    async fn last_place(&self) -> Result<Option<i64>, EngineError> {
        let row = self
            .query_opt(
                "WITH RECURSIVE r(resource) AS (
                     (SELECT resource FROM entry ORDER BY resource LIMIT 1)
                     UNION ALL
                     SELECT (SELECT e.resource FROM entry e WHERE e.resource > r.resource ORDER BY e.resource LIMIT 1)
                     FROM r WHERE r.resource IS NOT NULL)
                 SELECT max(l.pos) FROM r CROSS JOIN LATERAL
                     (SELECT pos FROM entry e WHERE e.resource = r.resource ORDER BY e.pos DESC LIMIT 1) l",
                &[],
            )
            .await?;
        let highest: Option<i64> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        Ok(highest.map(|highest| if highest < 0 { highest + BEFORE } else { highest }))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn names(columns: &[&Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| quoted(column.name)).collect();
    names.join(", ")
}

/// Text in the order of its bytes, as on the other engine, whatever the database sorts by.
fn sorted(columns: &[&Column], direction: &str) -> String {
    let sorted: Vec<_> = columns
        .iter()
        .map(|column| {
            let bytewise = match column.kind {
                ColumnKind::Text => " COLLATE \"C\"",
                _ => "",
            };
            format!("{}{bytewise}{direction}", quoted(column.name))
        })
        .collect();
    sorted.join(", ")
}

fn filter(columns: &[&Column], after: Option<&[Value]>) -> String {
    let places: Vec<_> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    match after {
        Some(_) => format!("WHERE ({}) > ({})", sorted(columns, ""), places.join(", ")),
        None => String::new(),
    }
}

/// What a column adds to its row's size, where that is not always the same.
fn size(column: &Column) -> Option<String> {
    match column.kind {
        ColumnKind::Bytes | ColumnKind::AnyText | ColumnKind::Text => {
            Some(format!(" + coalesce(octet_length({}), 0)", quoted(column.name)))
        }
        _ => None,
    }
}

fn borrowed(params: &Params) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect()
}

fn read(columns: &[&Column], row: &SqlRow) -> Result<Vec<Value>, EngineError> {
    let values = columns.iter().enumerate().map(|(at, column)| {
        let int = |number: Option<i64>| number.map(Value::Int);
        let bytes = |bytes: Option<Vec<u8>>| bytes.map(Value::Bytes);
        let value = match column.kind {
            ColumnKind::Id => bytes(row.try_get::<_, Option<Uuid>>(at)?.map(|id| id.as_bytes().to_vec())),
            ColumnKind::Bytes | ColumnKind::AnyText => bytes(row.try_get(at)?),
            ColumnKind::Text => bytes(row.try_get::<_, Option<String>>(at)?.map(String::into_bytes)),
            ColumnKind::Int | ColumnKind::Serial | ColumnKind::Place | ColumnKind::Past => int(row.try_get(at)?),
            ColumnKind::Medium => int(row.try_get::<_, Option<i32>>(at)?.map(i64::from)),
            ColumnKind::Small => int(row.try_get::<_, Option<i16>>(at)?.map(i64::from)),
            ColumnKind::Bool => int(row.try_get::<_, Option<bool>>(at)?.map(i64::from)),
        };
        Ok(value.unwrap_or(Value::Null))
    });
    values.collect()
}

fn given(columns: &[&Column], values: &[Value]) -> Result<Params, EngineError> {
    let given = columns.iter().zip(values).map(|(column, value)| {
        let param: Box<dyn ToSql + Sync + Send> = match column.kind {
            ColumnKind::Id => Box::new(id(value)?),
            ColumnKind::Text => Box::new(text(value)?),
            ColumnKind::Bytes | ColumnKind::AnyText => Box::new(bytes(value)?),
            ColumnKind::Medium => Box::new(narrow::<i32>(value)?),
            ColumnKind::Small => Box::new(narrow::<i16>(value)?),
            ColumnKind::Bool => Box::new(boolean(value)?),
            ColumnKind::Int | ColumnKind::Serial | ColumnKind::Place | ColumnKind::Past => Box::new(int(value)?),
        };
        Ok(param)
    });
    given.collect()
}

/// A column of some rows.
fn array<'a>(
    kind: ColumnKind,
    values: impl Iterator<Item = &'a Value>,
) -> Result<Box<dyn ToSql + Sync + Send>, EngineError> {
    fn all<'a, T: ToSql + Sync + Send + 'static>(
        values: impl Iterator<Item = &'a Value>,
        one: impl Fn(&Value) -> Result<Option<T>, EngineError>,
    ) -> Result<Box<dyn ToSql + Sync + Send>, EngineError> {
        Ok(Box::new(values.map(one).collect::<Result<Vec<_>, _>>()?))
    }
    match kind {
        ColumnKind::Id => all(values, id),
        ColumnKind::Text => all(values, text),
        ColumnKind::Bytes | ColumnKind::AnyText => all(values, bytes),
        ColumnKind::Medium => all(values, narrow::<i32>),
        ColumnKind::Small => all(values, narrow::<i16>),
        ColumnKind::Bool => all(values, boolean),
        ColumnKind::Int | ColumnKind::Serial => all(values, int),
        // One that came from elsewhere twice stands before all already.
        ColumnKind::Place => all(values, |value| {
            let place = int(value)?;
            Ok(place.map(|place| if place < 0 { place } else { place - BEFORE }))
        }),
        ColumnKind::Past => all(values, |value| Ok(int(value)?.map(|_| 0_i64))),
    }
}

fn int(value: &Value) -> Result<Option<i64>, EngineError> {
    match value {
        Value::Null => Ok(None),
        Value::Int(number) => Ok(Some(*number)),
        Value::Bytes(_) => Err(unfit("bytes where a number is to be")),
    }
}

fn narrow<T: TryFrom<i64>>(value: &Value) -> Result<Option<T>, EngineError> {
    let number = int(value)?.map(T::try_from).transpose();
    number.map_err(|_| unfit("a number that is too large"))
}

fn boolean(value: &Value) -> Result<Option<bool>, EngineError> {
    Ok(int(value)?.map(|number| number != 0))
}

fn bytes(value: &Value) -> Result<Option<Vec<u8>>, EngineError> {
    match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes.clone())),
        Value::Int(_) => Err(unfit("a number where bytes are to be")),
    }
}

fn id(value: &Value) -> Result<Option<Uuid>, EngineError> {
    let id = bytes(value)?.map(|bytes| Uuid::from_slice(&bytes)).transpose();
    id.map_err(|_| unfit("an id that has not 16 bytes"))
}

fn text(value: &Value) -> Result<Option<String>, EngineError> {
    let text = bytes(value)?.map(String::from_utf8).transpose();
    text.map_err(|_| unfit("text that is not UTF-8"))
}

fn unfit(reason: &str) -> EngineError {
    EngineError::Document {
        kind: "row",
        reason: reason.to_owned(),
    }
}
