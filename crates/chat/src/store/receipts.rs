//! Read receipts: one per member, the newest replaces the one before.

use samband_core::{Millis, Stamp, StreamId};
use samband_store::{Change, Stop};

use super::db::{ChatTx, Members, Messages, PlacedReceipt, Receipts};
use super::{InThread, head_for_participant, user_key};
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
    samband_store::apply_on_every_engine!();
}

impl SendReceipt {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<ReceiptDoc, Stop<ChatRefused>> {
        let head = head_for_participant(tx, self.at).await?;
        let met = head.members as usize;
        if let Some(limit) = self.most_members
            && met > limit
        {
            return Err(Stop::Refused(ChatRefused::TooManyForReceipts { limit, met }));
        }
        let key = user_key(self.at.caller);
        let stays = tx.db().visibility(self.at.thread, &key).await?;
        let visible = stays.iter().any(|stay| stay.holds(self.message));
        let message = tx.db().message(self.at.thread, self.message).await?.filter(|_| visible);
        let Some(message) = message else {
            return Err(Stop::Refused(ChatRefused::MessageNotFound));
        };
        // Not read before it was written, even where the thread's clock runs ahead in a burst.
        let read = Millis(tx.cx().now.0.max(self.message.0));
        let doc = ReceiptDoc {
            message: self.message.0,
            read_ms: read.0,
            author: message.actor.map(|user| *user.as_bytes()),
            members: head.members,
        };
        let receipt = PlacedReceipt {
            position: tx.take_position().await?,
            thread: self.at.thread,
            user: key.to_vec(),
            message: self.message,
            read,
        };
        // A late receipt for an older message changes nothing, and nobody hears of it.
        if tx.db().put_receipt(&receipt).await? {
            tx.tell(receipt.heard(self.at.resource, &doc)?);
        }
        Ok(doc)
    }
}
