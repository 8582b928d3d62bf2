//! Requests that carry an idempotency key: the first result is remembered in the same transaction
//! and given again to whoever repeats the request.

use futures_util::future::BoxFuture;
use samband_core::{Millis, StreamId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::change::{Change, Stop, Transaction, at_once};
use crate::error::{CommitError, EngineError};
use crate::{Lease, Store};
use crate::{postgres, sqlite};

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

    fn sqlite(&self, tx: &mut sqlite::Tx<'_>) -> Result<Self::Out, Stop<Self::Refusal>> {
        if let Some(out) = at_once(self.first(tx))? {
            return Ok(out);
        }
        let out = self.change.sqlite(tx).map_err(refused)?;
        at_once(self.keep(tx, written(&out)?))?;
        Ok(out)
    }

    fn postgres<'a>(&'a self, tx: &'a mut postgres::Tx) -> BoxFuture<'a, Result<Self::Out, Stop<Self::Refusal>>> {
        Box::pin(async move {
            if let Some(out) = self.first(tx).await? {
                return Ok(out);
            }
            let out = self.change.postgres(tx).await.map_err(refused)?;
            self.keep(tx, written(&out)?).await?;
            Ok(out)
        })
    }
}

fn refused<R>(stop: Stop<R>) -> Stop<RepeatRefused<R>> {
    match stop {
        Stop::Refused(refusal) => Stop::Refused(RepeatRefused::Change(refusal)),
        Stop::Engine(error) => Stop::Engine(error),
    }
}

impl<C: Change> Repeatable<C>
where
    C::Out: Serialize + DeserializeOwned,
{
    /// What the first request of this key came to, if this is not the first.
    async fn first(
        &self,
        tx: &impl Transaction<Db: Repeats>,
    ) -> Result<Option<C::Out>, Stop<RepeatRefused<C::Refusal>>> {
        let Some((request_hash, reply)) = tx.db().recall(&self.key, tx.cx().now).await? else {
            return Ok(None);
        };
        if request_hash != self.key.request_hash {
            return Err(Stop::Refused(RepeatRefused::OtherRequest));
        }
        Ok(Some(serde_json::from_slice(&reply).map_err(unreadable)?))
    }

    async fn keep(&self, tx: &impl Transaction<Db: Repeats>, reply: Vec<u8>) -> Result<(), EngineError> {
        tx.db()
            .remember(&self.key, &reply, tx.cx().now.plus(REMEMBERED_MS))
            .await
    }
}

/// Remembered replies as each engine keeps them.
pub(crate) trait Repeats {
    /// Waits for whoever uses the same key at the moment.
    async fn recall(&self, key: &RepeatKey, now: Millis) -> Result<Option<([u8; 32], Vec<u8>)>, EngineError>;
    async fn remember(&self, key: &RepeatKey, reply: &[u8], expires: Millis) -> Result<(), EngineError>;
    async fn forget_expired(&self, now: Millis, at_most: usize) -> Result<usize, EngineError>;
}

fn written(out: &impl Serialize) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(out).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> EngineError {
    EngineError::Document {
        kind: "remembered reply",
        reason: error.to_string(),
    }
}

/// Removes what need not be remembered any more, a chunk at a time; the number removed.
pub async fn forget_expired_repeats(store: &Store, lease: &Lease) -> Result<usize, CommitError<()>> {
    struct Forget;
    impl Change for Forget {
        type Out = usize;
        type Refusal = ();
        fn stream(&self) -> StreamId {
            StreamId([0; 16])
        }
        crate::apply_on_every_engine!();
    }
    impl Forget {
        async fn apply(&self, tx: &mut impl Transaction<Db: Repeats>) -> Result<usize, Stop<()>> {
            Ok(tx.db().forget_expired(tx.cx().now, 200).await?)
        }
    }
    let mut removed = 0;
    loop {
        match store.background_under(lease, Forget).await? {
            0 => return Ok(removed),
            n => removed += n,
        }
    }
}
