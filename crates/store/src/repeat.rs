//! Requests that carry an idempotency key: the first result is remembered in the same transaction
//! and given again to whoever repeats the request.

use samband_core::{Millis, StreamId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::change::{Change, Stop};
use crate::error::{CommitError, EngineError};
use crate::sqlite::{self, Tx};

/// How long a result is remembered.
const REMEMBERED_MS: i64 = 24 * Millis::HOUR;

/// Names a request among all requests that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatKey {
    /// Keys of different scopes (resource, user, operation) never meet.
    pub scope: Vec<u8>,
    pub key: String,
    /// A digest of the request: the same key with another request is refused.
    pub request_hash: [u8; 32],
}

/// A change that is applied once per [`RepeatKey`].
pub struct Repeatable<C> {
    pub key: RepeatKey,
    pub change: C,
}

#[derive(Debug, PartialEq, Eq)]
pub enum RepeatRefused<R> {
    /// The key was used for a different request.
    OtherRequest,
    Change(R),
}

impl<C: Change> Change for Repeatable<C>
where
    C::Out: Serialize + DeserializeOwned,
{
    type Out = C::Out;
    type Refusal = RepeatRefused<C::Refusal>;

    fn stream(&self) -> StreamId {
        self.change.stream()
    }

    fn weight(&self) -> usize {
        self.change.weight()
    }

    fn sqlite(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Stop<Self::Refusal>> {
        let now = tx.cx().now;
        if let Some((request_hash, reply)) = sqlite::repeat::recall(tx, &self.key, now)? {
            if request_hash != self.key.request_hash {
                return Err(Stop::Refused(RepeatRefused::OtherRequest));
            }
            let out = serde_json::from_slice(&reply).map_err(unreadable)?;
            return Ok(out);
        }
        let out = self.change.sqlite(tx).map_err(|stop| match stop {
            Stop::Refused(refusal) => Stop::Refused(RepeatRefused::Change(refusal)),
            Stop::Engine(error) => Stop::Engine(error),
        })?;
        let reply = serde_json::to_vec(&out).map_err(unreadable)?;
        sqlite::repeat::remember(tx, &self.key, &reply, now.plus(REMEMBERED_MS))?;
        Ok(out)
    }
}

fn unreadable(error: serde_json::Error) -> EngineError {
    EngineError::Document {
        kind: "remembered reply",
        reason: error.to_string(),
    }
}

/// Removes what need not be remembered any more, a chunk at a time; the number removed.
pub async fn forget_expired_repeats(store: &Store) -> Result<usize, CommitError<()>> {
    struct Forget;
    impl Change for Forget {
        type Out = usize;
        type Refusal = ();
        fn stream(&self) -> StreamId {
            StreamId([0; 16])
        }
        fn sqlite(&self, tx: &mut Tx<'_>) -> Result<usize, Stop<()>> {
            Ok(sqlite::repeat::forget_expired(tx, 200)?)
        }
    }
    let mut removed = 0;
    loop {
        match store.background(Forget).await? {
            0 => return Ok(removed),
            n => removed += n,
        }
    }
}
