//! The SQL of transfers. A log is read in the order of its positions, which is that of its one table;
//! its other indexes hold a part of the entries each.

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::error::EngineError;
use crate::log::Epoch;
use crate::transfer::{Column, ColumnKind, Counted, Order, RealColumn, Row, Rows, Table, Value};

impl Rows for Connection {
    async fn real_columns(&self) -> Result<Vec<RealColumn>, EngineError> {
        let mut statement = self.prepare(
            r#"SELECT t.name, c.name, c.type, c."notnull" = 0 AND c.pk = 0
               FROM sqlite_schema t CROSS JOIN pragma_table_info(t.name) c
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY t.name, c.cid"#,
        )?;
        let rows = statement.query_map((), |row| {
            Ok(RealColumn {
                table: row.get(0)?,
                name: row.get(1)?,
                declared: row.get(2)?,
                nullable: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn type_of(kind: ColumnKind) -> &'static str {
        match kind {
            ColumnKind::Id | ColumnKind::Bytes => "BLOB",
            ColumnKind::Text | ColumnKind::AnyText => "TEXT",
            ColumnKind::Int | ColumnKind::Medium | ColumnKind::Small | ColumnKind::Serial => "INTEGER",
            ColumnKind::Bool | ColumnKind::Place | ColumnKind::Past => "INTEGER",
        }
    }

    /// All at once: nothing bounds how long this engine may count.
    async fn count(&self, table: &Table, _after: Option<&[Value]>) -> Result<Counted, EngineError> {
        let mut statement = self.prepare_cached(&format!("SELECT count(*) FROM {}", quoted(table.name)))?;
        let rows = statement.query_row((), |row| row.get::<_, i64>(0))?;
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
        let order = table.order(Order::Place);
        let by = names(&order);
        let places = vec!["?"; order.len()].join(", ");
        let filter = after.map_or(String::new(), |_| format!("WHERE ({by}) > ({places})"));
        let mut statement = self.prepare_cached(&format!(
            "SELECT {} FROM {} {filter} ORDER BY {by} LIMIT {most}",
            names(&table.all_columns()),
            quoted(table.name)
        ))?;
        let cursor = given(&order, after.unwrap_or_default())?;
        let mut found = statement.query(params_from_iter(cursor))?;
        let (mut rows, mut size) = (Vec::new(), 0);
        while size < bytes
            && let Some(row) = found.next()?
        {
            let values = (0..table.columns.len()).map(|at| read(row.get_ref(at)?));
            let row: Row = values.collect::<Result<_, EngineError>>()?;
            size += crate::transfer::size(&row);
            rows.push(row);
        }
        Ok(rows)
    }

    async fn last(&self, table: &Table, order: Order) -> Result<Option<Vec<Value>>, EngineError> {
        let wanted = table.order(order);
        // What came last of a log stands highest, in whatever order it came.
        let falling: Vec<_> = table
            .order(Order::Place)
            .iter()
            .map(|column| format!("{} DESC", quoted(column.name)))
            .collect();
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            names(&wanted),
            quoted(table.name),
            falling.join(", ")
        );
        let mut statement = self.prepare_cached(&sql)?;
        let mut rows = statement.query(())?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let values = (0..wanted.len()).map(|at| read(row.get_ref(at)?));
        values.collect::<Result<_, EngineError>>().map(Some)
    }

    async fn insert(&self, table: &Table, order: Order, rows: &[Row]) -> Result<(), EngineError> {
        let places = vec!["?"; table.columns.len()].join(", ");
        // Only the key's conflict means that the row is there already. That of a log is in two indexes.
        let target = match table.has(ColumnKind::Place) {
            true => String::new(),
            false => format!("({})", names(&table.key_columns())),
        };
        let mut statement = self.prepare_cached(&format!(
            "INSERT INTO {} ({}) VALUES ({places}) ON CONFLICT {target} DO NOTHING",
            quoted(table.name),
            names(&table.all_columns())
        ))?;
        for row in rows {
            let values = table.columns.iter().zip(row).map(|(column, value)| {
                Ok(match (column.kind, value) {
                    // Positions of another engine are none here: the entry takes the next one.
                    (ColumnKind::Place, _) if order == Order::Key => Sql::Null,
                    (ColumnKind::Past, Value::Int(_)) => Sql::Integer(0),
                    (_, value) => written(column, value)?,
                })
            });
            let values: Vec<Sql> = values.collect::<Result<_, EngineError>>()?;
            statement.execute(params_from_iter(values))?;
        }
        Ok(())
    }

    /// AUTOINCREMENT follows by itself.
    async fn go_on_after(&self, _table: &Table) -> Result<(), EngineError> {
        Ok(())
    }

    async fn mark(&self) -> Result<Option<Epoch>, EngineError> {
        let mut statement = self.prepare_cached("SELECT source FROM transfer")?;
        let source: Option<[u8; 8]> = statement.query_row((), |row| row.get(0)).optional()?;
        Ok(source.map(|source| Epoch(u64::from_be_bytes(source))))
    }

    async fn set_mark(&self, source: Option<Epoch>) -> Result<(), EngineError> {
        self.execute("DELETE FROM transfer", ())?;
        if let Some(Epoch(source)) = source {
            self.execute("INSERT INTO transfer (source) VALUES (?1)", [source.to_be_bytes()])?;
        }
        Ok(())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn names(columns: &[&Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| quoted(column.name)).collect();
    names.join(", ")
}

fn read(value: ValueRef<'_>) -> Result<Value, EngineError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => Err(unfit("a number with a fraction")),
    }
}

fn written(column: &Column, value: &Value) -> Result<Sql, EngineError> {
    Ok(match value {
        Value::Null => Sql::Null,
        Value::Int(number) => Sql::Integer(*number),
        Value::Bytes(bytes) => match column.kind {
            ColumnKind::Text | ColumnKind::AnyText => {
                Sql::Text(String::from_utf8(bytes.clone()).map_err(|_| unfit("text that is not UTF-8"))?)
            }
            _ => Sql::Blob(bytes.clone()),
        },
    })
}

fn given(columns: &[&Column], values: &[Value]) -> Result<Vec<Sql>, EngineError> {
    columns
        .iter()
        .zip(values)
        .map(|(column, value)| written(column, value))
        .collect()
}

fn unfit(reason: &str) -> EngineError {
    EngineError::Document {
        kind: "row",
        reason: reason.to_owned(),
    }
}
