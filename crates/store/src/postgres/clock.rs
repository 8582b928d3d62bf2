//! The database's time, which all nodes share. It is asked for every two seconds; in between a
//! monotonic timer goes on from it, so that a node's own clock may be wrong, or be set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use samband_core::{Clock, Millis, Stopwatch};

use crate::error::EngineError;

const EVERY: Duration = Duration::from_secs(2);
/// Clocks of machines drift apart by less than this.
const DRIFT_PER_SECOND_US: i64 = 200;
/// Half a round trip that leaves nothing to be wished for.
const GOOD_US: i64 = 10_000;
/// Beyond this the node is not ready.
pub(super) const MOST_UNCERTAIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct DatabaseClock {
    since: Stopwatch,
    /// The database's time in µs when `since` began.
    origin: AtomicI64,
    /// Half of the last round trip in µs.
    error: AtomicI64,
    /// When it was last asked, in µs of `since`.
    asked: AtomicI64,
}

impl Default for DatabaseClock {
    fn default() -> Self {
        Self {
            since: Stopwatch::start(),
            origin: AtomicI64::new(0),
            error: AtomicI64::new(i64::MAX / 4),
            asked: AtomicI64::new(0),
        }
    }
}

impl DatabaseClock {
    fn elapsed(&self) -> i64 {
        i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX / 4)
    }

    pub(super) async fn ask(&self, pool: &Pool) -> Result<(), EngineError> {
        let client = pool.get().await?;
        let statement = client
            .prepare_cached("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            .await?;
        let before = self.elapsed();
        let asking = client.query_one(&statement, &[]);
        let row = tokio::time::timeout(PATIENCE, asking).await;
        let row = row.map_err(|_| EngineError::TooSlow(PATIENCE.as_secs()))??;
        let after = self.elapsed();
        let told: i64 = row.try_get(0)?;
        let half = (after - before) / 2;
        // A slow answer says less than a quick one that is a little older; a good one says all, also that
        // another server with another clock answers now.
        if half <= GOOD_US || half <= self.uncertainty_us(after) {
            self.origin.store(told - before - half, Ordering::Release);
            self.error.store(half, Ordering::Release);
            self.asked.store(after, Ordering::Release);
        }
        Ok(())
    }

    fn uncertainty_us(&self, elapsed: i64) -> i64 {
        let age = (elapsed - self.asked.load(Ordering::Acquire)).max(0);
        self.error
            .load(Ordering::Acquire)
            .saturating_add(age / 1_000_000 * DRIFT_PER_SECOND_US)
    }

    /// How far this time may be from the database's.
    pub(super) fn uncertainty(&self) -> Duration {
        Duration::from_micros(self.uncertainty_us(self.elapsed()).unsigned_abs())
    }

    /// Asks again and again, until dropped.
    pub(super) async fn keep(&self, pool: &Pool) {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.ask(pool).await {
                tracing::debug!(%error, "the database's time could not be asked for");
            }
            metrics::gauge!("samband_clock_uncertainty_seconds").set(self.uncertainty().as_secs_f64());
        }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Millis {
        Millis(self.origin.load(Ordering::Acquire).saturating_add(self.elapsed()) / 1_000)
    }
}
