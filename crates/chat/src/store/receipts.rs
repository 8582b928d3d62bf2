//! Read receipts: one per member, the newest replaces the one before.

use samband_core::{Millis, Stamp, StreamId};
use samband_store::{Change, Stop, sqlite as engine};

use super::{InThread, head_for_participant, sqlite, user_key};
use crate::model::ReceiptDoc;
use crate::rules::ChatRefused;

pub struct SendReceipt {
    pub at: InThread,
    pub message: Stamp,
    /// In threads of more members receipts are refused.
    pub most_members: Option<usize>,
}

impl Change for SendReceipt {
    type Out = ReceiptDoc;
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    fn weight(&self) -> usize {
        128
    }
    fn sqlite(&self, tx: &mut engine::Tx<'_>) -> Result<ReceiptDoc, Stop<ChatRefused>> {
        let head = head_for_participant(tx, self.at)?;
        let met = head.members as usize;
        if let Some(limit) = self.most_members
            && met > limit
        {
            return Err(Stop::Refused(ChatRefused::TooManyForReceipts { limit, met }));
        }
        let key = user_key(self.at.caller);
        let stays = sqlite::visibility(tx, self.at.thread, &key)?;
        let visible = stays.iter().any(|stay| stay.holds(self.message));
        let message = sqlite::message(tx, self.at.thread, self.message)?.filter(|_| visible);
        let Some(message) = message else {
            return Err(Stop::Refused(ChatRefused::MessageNotFound));
        };
        // Not read before it was written, even where the thread's clock runs ahead in a burst.
        let read = Millis(tx.cx().now.0.max(self.message.0));
        sqlite::put_receipt(tx, self.at.thread, &key, self.message, read)?;
        let author = message.actor.map(|user| *user.as_bytes());
        Ok(ReceiptDoc {
            message: self.message.0,
            read_ms: read.0,
            author,
            members: head.members,
        })
    }
}
