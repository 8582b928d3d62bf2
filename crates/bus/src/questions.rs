//! What this node answers to others.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::lock;

/// Questions under way at a time. Who asks beyond them is told that it is too many.
const PLACES: usize = 4_096;

type Handler = Arc<dyn Fn(Vec<u8>) -> BoxFuture<'static, Vec<u8>> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Questions {
    handler: Arc<Mutex<Option<Handler>>>,
    places: Arc<Semaphore>,
}

impl Questions {
    pub fn new() -> Self {
        Self {
            handler: Arc::default(),
            places: Arc::new(Semaphore::new(PLACES)),
        }
    }

    pub fn answer_with(&self, handler: Handler) {
        *lock(&self.handler) = Some(handler);
    }

    /// `None` if nobody answers here, or too many questions are under way.
    pub fn answer(&self, question: Vec<u8>) -> Option<BoxFuture<'static, Vec<u8>>> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let handler = lock(&self.handler).clone()?;
        Some(Box::pin(async move {
            let _place = place;
            handler(question).await
        }))
    }
}
