//! Work that one node does at a time. Times are compared by the database; the holder stops by itself,
//! by a monotonic timer started when it asked; and what it writes is refused once another holds.

use std::time::Duration;

use samband_core::Stopwatch;
use uuid::Uuid;

use super::session::Session;
use crate::error::EngineError;

/// How long a lease is held without being renewed.
pub const TERM: Duration = Duration::from_secs(10);
/// The holder stops so much earlier.
const MARGIN: Duration = Duration::from_secs(2);

/// A right to do some work, until it runs out.
#[derive(Debug, Clone)]
pub struct Lease {
    pub(crate) name: &'static str,
    pub(crate) owner: Uuid,
    /// Rises with each new holder; 0 on the embedded engine, where there is one.
    pub(crate) fence: i64,
    /// Since it was asked for; none where it never runs out.
    pub(crate) asked: Option<Stopwatch>,
}

impl Lease {
    /// Where there is one process, which has it anyhow.
    pub(crate) fn for_ever(name: &'static str) -> Self {
        Self {
            name,
            owner: Uuid::nil(),
            fence: 0,
            asked: None,
        }
    }

    /// Whether the work may go on. Time that the process stood still counts.
    pub fn holds(&self) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() + MARGIN < TERM)
    }

    pub fn fence(&self) -> i64 {
        self.fence
    }
}

/// Takes the lease or renews it; none while another node holds it.
pub(super) async fn take(session: &Session, name: &'static str, owner: Uuid) -> Result<Option<Lease>, EngineError> {
    let asked = Stopwatch::start();
    let seconds = TERM.as_secs() as i32;
    let row = session
        .query_opt(
            "INSERT INTO lease AS l (name, owner, fence, until)
             VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3::int))
             ON CONFLICT (name) DO UPDATE SET
                 fence = CASE WHEN l.owner = excluded.owner THEN l.fence ELSE l.fence + 1 END,
                 owner = excluded.owner, until = excluded.until
             WHERE l.owner = excluded.owner OR l.until < clock_timestamp()
             RETURNING l.fence",
            &[&name, &owner, &seconds],
        )
        .await?;
    let fence = row.map(|row| row.try_get(0)).transpose()?;
    Ok(fence.map(|fence| Lease {
        name,
        owner,
        fence,
        asked: Some(asked),
    }))
}

/// Whether a holder's writes are still its own; keeps the next holder waiting until they are stored.
pub(super) async fn check(session: &Session, lease: &Lease) -> Result<bool, EngineError> {
    session
        .exists(
            "SELECT 1 FROM lease WHERE name = $1 AND owner = $2 AND fence = $3 FOR SHARE",
            &[&lease.name, &lease.owner, &lease.fence],
        )
        .await
}
