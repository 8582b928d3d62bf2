//! Applies the migrations that a database does not hold yet, each in its own transaction.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::error::{EngineError, OpenError};
use crate::migration::{self, Migration};

pub(super) fn run(connection: &Connection, rooms: &[Migration], path: &std::path::Path) -> Result<(), OpenError> {
    let applied = applied(connection).map_err(|source| OpenError::Database {
        path: path.to_owned(),
        source,
    })?;
    let mut known: HashMap<&str, u32> = HashMap::new();
    for migration in migration::OWN.iter().chain(rooms) {
        let newest = known.entry(migration.room).or_default();
        *newest = migration.number.max(*newest);
        if applied
            .get(migration.room)
            .is_none_or(|number| *number < migration.number)
        {
            apply(connection, migration).map_err(|source| OpenError::Migration {
                room: migration.room,
                number: migration.number,
                source,
            })?;
        }
    }
    for (room, number) in applied {
        if known.get(room.as_str()).is_none_or(|newest| *newest < number) {
            return Err(OpenError::TooNew { room, number });
        }
    }
    Ok(())
}

fn applied(connection: &Connection) -> Result<HashMap<String, u32>, EngineError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (room TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (room, number))
         WITHOUT ROWID",
    )?;
    let mut statement = connection.prepare("SELECT room, max(number) FROM migration GROUP BY room")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn apply(connection: &Connection, migration: &Migration) -> Result<(), EngineError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let applied = connection.execute_batch(migration.sqlite).and_then(|()| {
        connection.execute(
            "INSERT INTO migration (room, number) VALUES (?1, ?2)",
            (migration.room, migration.number),
        )
    });
    match applied.and_then(|_| connection.execute_batch("COMMIT")) {
        Ok(()) => Ok(()),
        Err(error) => {
            let _ = connection.execute_batch("ROLLBACK");
            Err(error.into())
        }
    }
}
