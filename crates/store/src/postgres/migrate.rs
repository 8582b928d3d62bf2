//! Applies the migrations that the database does not hold yet. Of several nodes that start at once,
//! one does it and the others wait for it.

use std::collections::HashMap;

use deadpool_postgres::Pool;

use super::connect::Options;
use crate::error::{EngineError, OpenError};
use crate::migration::{self, Migration};

/// Held by the node that migrates: "samband" in ASCII. No transaction of a message takes it.
const LOCK: i64 = 0x73_616d_6261_6e64;

pub(super) async fn run(pool: &Pool, options: &Options, rooms: &[Migration], server: &str) -> Result<(), OpenError> {
    let failed = |error: EngineError| OpenError::Postgres {
        server: server.to_owned(),
        reason: error.to_string(),
    };
    let mut client = pool.get().await.map_err(|error| failed(error.into()))?;
    let transaction = client.transaction().await.map_err(|error| failed(error.into()))?;
    let prepare = async {
        transaction
            .batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            .await?;
        transaction
            .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
            .await?;
        if let Some(schema) = &options.schema {
            transaction
                .batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
                .await?;
        }
        transaction
            .batch_execute(
                "CREATE TABLE IF NOT EXISTS migration
                     (room text NOT NULL, number integer NOT NULL, PRIMARY KEY (room, number))",
            )
            .await?;
        let rows = transaction
            .query("SELECT room, max(number) FROM migration GROUP BY room", &[])
            .await?;
        let read = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        read.collect::<Result<HashMap<String, i32>, tokio_postgres::Error>>()
    };
    let applied = prepare.await.map_err(|error| failed(error.into()))?;
    if options.existing && applied.is_empty() {
        // What was made above goes with the transaction.
        return Err(OpenError::Postgres {
            server: server.to_owned(),
            reason: "samband keeps nothing in this database".to_owned(),
        });
    }

    let mut known: HashMap<&str, u32> = HashMap::new();
    for step in migration::OWN.iter().chain(rooms) {
        let newest = known.entry(step.room).or_default();
        *newest = step.number.max(*newest);
        if applied
            .get(step.room)
            .is_some_and(|number| *number >= step.number as i32)
        {
            continue;
        }
        let apply = async {
            transaction.batch_execute(step.postgres).await?;
            let number = step.number as i32;
            transaction
                .execute(
                    "INSERT INTO migration (room, number) VALUES ($1, $2)",
                    &[&step.room, &number],
                )
                .await
        };
        apply.await.map_err(|source| OpenError::Migration {
            room: step.room,
            number: step.number,
            source: source.into(),
        })?;
    }
    for (room, number) in applied {
        let number = u32::try_from(number).unwrap_or(0);
        if known.get(room.as_str()).is_none_or(|newest| *newest < number) {
            return Err(OpenError::TooNew { room, number });
        }
    }
    transaction.commit().await.map_err(|error| failed(error.into()))
}
