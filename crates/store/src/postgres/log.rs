//! The log's epoch and its ends.

use samband_core::{LogPosition, Millis, ResourceId};
use uuid::Uuid;

use super::session::Session;
use crate::error::EngineError;
use crate::log::{Epoch, Log, LogEnd, MOST_BEYOND};

impl Log for Session {
    async fn end(&self, resource: ResourceId) -> Result<LogEnd, EngineError> {
        // Every transaction below the snapshot's xmin is over: nothing will be stored before it.
        let row = self
            .query_opt(
                "SELECT epoch, (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 20) - 1 FROM epoch",
                &[],
            )
            .await?;
        let (epoch, end): (Vec<u8>, i64) = match row {
            Some(row) => (row.try_get(0)?, row.try_get(1)?),
            None => return Err(missing()),
        };
        let id = Uuid::from_bytes(*resource.as_bytes());
        let rows = self
            .query(
                "SELECT pos FROM entry WHERE resource = $1 AND pos > $2 ORDER BY pos DESC LIMIT $3",
                &[&id, &end, &(MOST_BEYOND as i64)],
            )
            .await?;
        let beyond = rows
            .iter()
            .map(|row| row.try_get(0).map(LogPosition))
            .collect::<Result<_, _>>()?;
        Ok(LogEnd {
            epoch: Epoch(u64::from_be_bytes(epoch.try_into().map_err(|_| missing())?)),
            end: LogPosition(end),
            beyond,
        })
    }

    async fn first_after(&self, position: LogPosition) -> Result<Option<Millis>, EngineError> {
        // Of the whole log, but the index is by resource: the oldest of each.
        let row = self
            .query_opt(
                "WITH RECURSIVE r(resource) AS (
                     (SELECT resource FROM entry ORDER BY resource LIMIT 1)
                     UNION ALL
                     SELECT (SELECT e.resource FROM entry e WHERE e.resource > r.resource ORDER BY e.resource LIMIT 1)
                     FROM r WHERE r.resource IS NOT NULL)
                 SELECT f.at_ms FROM r CROSS JOIN LATERAL
                     (SELECT at_ms, pos FROM entry e WHERE e.resource = r.resource AND e.pos > $1
                      ORDER BY e.pos LIMIT 1) f
                 ORDER BY f.pos LIMIT 1",
                &[&position.0],
            )
            .await?;
        Ok(row.map(|row| row.try_get(0).map(Millis)).transpose()?)
    }
}

fn missing() -> EngineError {
    EngineError::Document {
        kind: "epoch",
        reason: "there is none".to_owned(),
    }
}
