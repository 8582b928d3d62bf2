//! A response body that is written piece by piece, and whose writer learns that the reader has gone.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use http_body::{Body, Frame};
use tokio::sync::mpsc;

pub struct Chunks(mpsc::Receiver<Bytes>);

impl Chunks {
    /// One piece waits at most: a writer goes as fast as its reader.
    pub fn new() -> (mpsc::Sender<Bytes>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(receiver))
    }

    /// What a stream gives, each piece made when the one before is on its way.
    pub fn of(mut pieces: BoxStream<'static, Bytes>) -> Self {
        let (sender, chunks) = Self::new();
        tokio::spawn(async move {
            while let Some(piece) = pieces.next().await {
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        });
        chunks
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
