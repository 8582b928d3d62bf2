//! Messages: sent, edited, deleted. A message is its entry in the log.

use samband_core::{Stamp, StreamId};
use samband_store::{Change, Stop, Together};
use samband_wire_chat::{MessageType, MetadataPatch};

use super::db::{ChatTx, Members, Messages, Threads};
use super::{InThread, document, head_for_participant, unreadable, user_key};
use crate::content;
use crate::model::{AttachedImage, ChangedDoc, Kinds, MessageDoc};
use crate::rules::ChatRefused;

/// One entry, one index key, the thread's head: whatever the number of members.
pub struct SendMessage {
    pub at: InThread,
    pub html: bool,
    /// Written once, before the writer sees it.
    doc: Vec<u8>,
}

impl SendMessage {
    pub fn new(at: InThread, html: bool, doc: &MessageDoc) -> Self {
        // A struct of strings: there is nothing in it that could fail to be written.
        Self {
            at,
            html,
            doc: serde_json::to_vec(doc).unwrap_or_default(),
        }
    }

    pub(super) fn doc(&self) -> &[u8] {
        &self.doc
    }
}

impl Change for SendMessage {
    type Out = Stamp;
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    fn weight(&self) -> usize {
        256 + self.doc.len()
    }
    samband_store::apply_on_every_engine!();

    fn together() -> Option<Together<Self>> {
        Some(super::postgres::send_together)
    }
}

impl SendMessage {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<Stamp, Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at).await?;
        let kind = if self.html { Kinds::HTML } else { Kinds::TEXT };
        let stamp = head.append_message(tx, self.at, kind, &self.doc).await?;
        tx.db().update_head(self.at.thread, &head).await?;
        Ok(stamp)
    }
}

pub struct UpdateMessage {
    pub at: InThread,
    pub message: Stamp,
    pub content: Option<String>,
    pub metadata: Option<MetadataPatch>,
    pub high_priority: Option<bool>,
    /// In place of those that it had.
    pub attachments: Option<Vec<AttachedImage>>,
}

impl Change for UpdateMessage {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    fn weight(&self) -> usize {
        let attached = self.attachments.as_ref().map_or(0, Vec::len);
        512 + self.content.as_ref().map_or(0, String::len) + 512 * attached
    }
    samband_store::apply_on_every_engine!();
}

impl UpdateMessage {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at).await?;
        let message = own_message(tx, self.at, self.message).await?;
        if message.deleted.is_some() {
            return Err(Stop::Refused(ChatRefused::MessageNotFound));
        }
        let mut doc: MessageDoc = serde_json::from_slice(&message.doc).map_err(unreadable)?;
        if let Some(text) = &self.content {
            doc.content = match Kinds::message_type(message.kind) {
                MessageType::Html => content::clean(MessageType::Html, text.clone()),
                _ => text.clone(),
            };
        }
        for (key, value) in self.metadata.iter().flatten() {
            match value {
                Some(value) => doc.metadata.insert(key.clone(), value.clone()),
                None => doc.metadata.remove(key),
            };
        }
        doc.high_priority = self.high_priority.unwrap_or(doc.high_priority);
        if let Some(attachments) = &self.attachments {
            doc.attachments.clone_from(attachments);
        }

        let stored = document(&doc)?;
        let heard = document(&ChangedDoc {
            message: doc,
            html: message.kind == Kinds::HTML,
        })?;
        let version = head
            .append_about(tx, self.at, Kinds::MESSAGE_EDITED, self.message, &heard)
            .await?;
        tx.db()
            .edit_message(self.at.thread, self.message, version, &stored)
            .await?;
        tx.db().update_head(self.at.thread, &head).await?;
        Ok(())
    }
}

/// Deleting again what is deleted changes nothing and is no error.
pub struct DeleteMessage {
    pub at: InThread,
    pub message: Stamp,
}

impl Change for DeleteMessage {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl DeleteMessage {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        let mut head = head_for_participant(tx, self.at).await?;
        let message = own_message(tx, self.at, self.message).await?;
        if message.deleted.is_some() {
            return Ok(());
        }
        let mut doc: MessageDoc = serde_json::from_slice(&message.doc).map_err(unreadable)?;
        doc.content.clear();
        doc.attachments.clear();
        let heard = document(&ChangedDoc {
            message: doc,
            html: message.kind == Kinds::HTML,
        })?;
        let version = head
            .append_about(tx, self.at, Kinds::MESSAGE_DELETED, self.message, &heard)
            .await?;
        tx.db().delete_message(self.at.thread, self.message, version).await?;
        tx.db().update_head(self.at.thread, &head).await?;
        Ok(())
    }
}

/// A message that the caller sees and has sent.
async fn own_message(
    tx: &impl ChatTx,
    at: InThread,
    message: Stamp,
) -> Result<crate::model::StoredMessage, Stop<ChatRefused>> {
    let intervals = tx.db().visibility(at.thread, &user_key(at.caller)).await?;
    let found = tx.db().message(at.thread, message).await?;
    let message = found
        .filter(|message| intervals.iter().any(|interval| interval.holds(message.stamp)))
        .ok_or(Stop::Refused(ChatRefused::MessageNotFound))?;
    let sent = matches!(message.kind, Kinds::TEXT | Kinds::HTML) && message.actor == Some(at.caller);
    if sent {
        Ok(message)
    } else {
        Err(Stop::Refused(ChatRefused::NotSender))
    }
}
