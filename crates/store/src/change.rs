//! What a capability hands to the store: a change (reads and refuses first, writes last) or a query.
//!
//! Rules are written once, as `async fn apply` over [`Transaction`], and run on either engine: on the
//! embedded one everything is answered at once, on PostgreSQL after a round trip.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use samband_core::{LogPosition, Millis, Note, ResourceId, StreamId, UserId};

use crate::error::EngineError;
use crate::log::Entry;
use crate::{postgres, sqlite};

/// One atomic change of the stored world.
///
/// It reads and refuses first and writes last, so that a refusal leaves nothing behind in the
/// transaction that it may share with others. It may run more than once (after a neighbour's fault, a
/// serialisation failure, a lost connection), therefore it borrows itself and takes time and chance
/// from its arguments.
pub trait Change: Send + Sync + 'static {
    type Out: Send + 'static;
    type Refusal: Send + 'static;

    /// What orders this change: changes of one stream are applied one after another.
    fn stream(&self) -> StreamId;

    /// About how many bytes it writes; a group of changes holds at most 1 MiB.
    fn weight(&self) -> usize {
        512
    }

    fn sqlite(&self, tx: &mut sqlite::Tx<'_>) -> Result<Self::Out, Stop<Self::Refusal>>;

    fn postgres<'a>(&'a self, tx: &'a mut postgres::Tx) -> BoxFuture<'a, Result<Self::Out, Stop<Self::Refusal>>>;

    /// How many of its kind are applied together, if they can share statements: one transaction, a
    /// handful of statements, whatever their number.
    fn together() -> Option<Together<Self>>
    where
        Self: Sized,
    {
        None
    }
}

/// What each of some changes came to.
pub type Outcomes<C> = Vec<Result<<C as Change>::Out, <C as Change>::Refusal>>;
/// Applies changes of one kind together.
pub type Together<C> = for<'a> fn(&'a [&'a C], &'a mut postgres::Tx) -> BoxFuture<'a, Result<Outcomes<C>, EngineError>>;

/// Why a change was not applied.
#[derive(Debug)]
pub enum Stop<R> {
    /// The rules say no; nothing was written.
    Refused(R),
    /// The engine failed; the transaction is given up.
    Engine(EngineError),
}

impl<R, E: Into<EngineError>> From<E> for Stop<R> {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

/// What a change knows of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Cx {
    /// The store's time, one for all changes of a group.
    pub now: Millis,
}

/// A transaction as the rules see it, on any engine. `Db` is where the capabilities' own statements
/// are: each capability has a trait for them, written for both engines.
#[allow(
    async_fn_in_trait,
    reason = "rules run on one task, and each engine checks that they can"
)]
pub trait Transaction {
    type Db: ?Sized;

    fn db(&self) -> &Self::Db;
    fn cx(&self) -> Cx;
    /// Appends to the log. A message (an entry with `seq`) starts at its own version.
    async fn append(&mut self, entry: &Entry<'_>) -> Result<(), EngineError>;
    /// Where the entry stands that this transaction appended last.
    fn last_position(&self) -> LogPosition;
    /// A place in the log for what is stored beside it, such as a read receipt.
    async fn take_position(&mut self) -> Result<LogPosition, EngineError>;
    /// Lets be heard, once this transaction is durable, what is stored beside the log.
    fn tell(&mut self, note: Note);
    /// What other nodes may keep in memory does not hold any more.
    async fn outdate(&mut self, what: Outdated) -> Result<(), EngineError>;
}

/// What nodes keep in memory and must read anew when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outdated {
    /// The tokens of a user were revoked.
    Tokens { resource: ResourceId, user: UserId },
    /// Resources or their keys changed.
    Resources,
    /// There is another key that signs tokens.
    SigningKeys,
}

/// A question about the stored world, answered from one snapshot.
pub trait Query: Send + Sync + 'static {
    type Out: Send + 'static;

    fn sqlite(&self, db: &sqlite::Reader<'_>) -> Result<Self::Out, EngineError>;

    fn postgres<'a>(&'a self, db: &'a postgres::Session) -> BoxFuture<'a, Result<Self::Out, EngineError>>;
}

/// The two engines' side of a [`Change`] whose rules are in `async fn apply(&self, tx)`.
#[macro_export]
macro_rules! apply_on_every_engine {
    () => {
        fn sqlite(
            &self,
            tx: &mut $crate::sqlite::Tx<'_>,
        ) -> ::std::result::Result<Self::Out, $crate::Stop<Self::Refusal>> {
            $crate::sqlite::at_once(self.apply(tx))
        }
        fn postgres<'a>(
            &'a self,
            tx: &'a mut $crate::postgres::Tx,
        ) -> $crate::BoxFuture<'a, ::std::result::Result<Self::Out, $crate::Stop<Self::Refusal>>> {
            ::std::boxed::Box::pin(self.apply(tx))
        }
    };
}

/// The two engines' side of a [`Query`] that is answered in `async fn answer(&self, db)`.
#[macro_export]
macro_rules! answer_on_every_engine {
    () => {
        fn sqlite(&self, db: &$crate::sqlite::Reader<'_>) -> ::std::result::Result<Self::Out, $crate::EngineError> {
            $crate::sqlite::at_once(self.answer(&**db))
        }
        fn postgres<'a>(
            &'a self,
            db: &'a $crate::postgres::Session,
        ) -> $crate::BoxFuture<'a, ::std::result::Result<Self::Out, $crate::EngineError>> {
            ::std::boxed::Box::pin(self.answer(db))
        }
    };
}

/// Runs what never waits, as nothing does that asks the embedded engine alone.
pub fn at_once<T, E: From<EngineError>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(EngineError::Waited.into()),
    }
}
