//! What other nodes changed of what this one keeps in memory.

use std::time::Duration;

use deadpool_postgres::Pool;
use samband_core::{Millis, ResourceId, UserId};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::session::Session;
use crate::change::Outdated;
use crate::error::EngineError;

/// A revocation holds everywhere within a second.
pub(super) const EVERY: Duration = Duration::from_millis(400);
/// Who could not look for so long does not trust its memory.
pub const TRUSTED: Duration = Duration::from_secs(5);
/// Rows are of use only while a node may still be behind.
const KEPT_MS: i64 = 10 * Millis::MINUTE;

/// How far this node has looked.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Everything below was seen; what stands above may be seen again.
    seen: i64,
}

impl Tail {
    /// Begins at the present.
    pub(super) async fn start(pool: &Pool) -> Result<Self, EngineError> {
        let mut tail = Self { seen: i64::MAX };
        tail.look(pool).await?;
        Ok(tail)
    }

    /// What is new since the last look; rows of transactions that overlap come twice, which harms nothing.
    pub(super) async fn look(&mut self, pool: &Pool) -> Result<Vec<Outdated>, EngineError> {
        let session = Session::new(pool.get().await?);
        let params: [&(dyn ToSql + Sync); 1] = [&self.seen];
        let looking = session.query(
            r#"SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 20), o.what, o.resource, o."user"
               FROM (SELECT 1) one LEFT JOIN outdated o ON o.pos >= $1"#,
            &params,
        );
        let rows = tokio::time::timeout(TRUSTED / 2, looking).await;
        let rows = rows.map_err(|_| EngineError::TooSlow(TRUSTED.as_secs() / 2))??;
        let mut found = Vec::new();
        for row in rows {
            self.seen = row.try_get(0)?;
            let resource: Option<Uuid> = row.try_get(2)?;
            let user: Option<Uuid> = row.try_get(3)?;
            found.extend(match (row.try_get::<_, Option<i16>>(1)?, resource, user) {
                (Some(1), Some(resource), Some(user)) => Some(Outdated::Tokens {
                    resource: ResourceId::from_bytes(resource.into_bytes()),
                    user: UserId::from_bytes(user.into_bytes()),
                }),
                (Some(2), ..) => Some(Outdated::Resources),
                (Some(3), ..) => Some(Outdated::SigningKeys),
                _ => None,
            });
        }
        Ok(found)
    }
}

/// Removes what every node has seen or has given up to see.
pub(super) async fn forget(session: &Session, now: Millis) -> Result<(), EngineError> {
    session
        .execute("DELETE FROM outdated WHERE at_ms < $1", &[&(now.0 - KEPT_MS)])
        .await?;
    Ok(())
}
