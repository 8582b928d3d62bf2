//! `POST /chat/threads/{thread}/typing`: heard by those connected now, never stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use samband_core::{Millis, ThreadId};
use samband_wire_chat::shape;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread};
use crate::content::check_name;
use crate::model::{Kinds, TypingDoc};
use crate::rules::ChatRefused;
use crate::store::{InThread, MayType};

/// In threads of more members, that many notifications a second are heard, and the rest are not:
/// hundreds who type at once tell nobody anything.
const LARGE_THREAD: i64 = 250;
const PER_SECOND: u32 = 20;

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let typing = shape(request.version).typing(&request)?;
    chat.notify_typing(at, typing.sender_display_name).await?;
    Ok(Reply::empty(request.success))
}

impl Chat {
    /// Lets the others in a thread hear that a participant types.
    pub async fn notify_typing(&self, at: InThread, sender_display_name: Option<String>) -> Result<(), ApiError> {
        if let Some(name) = &sender_display_name {
            check_name(name, "senderDisplayName")?;
        }
        let query = MayType {
            at,
            most_members: self.limits.receipts_and_typing_members,
        };
        let members = self.store.read(query).await.map_err(ChatRefused::from)??;
        if members > LARGE_THREAD && !self.typing.admit(at.thread, self.clock.now()) {
            metrics::counter!("samband_typing_unheard_total").increment(1);
            return Ok(());
        }
        self.tell(
            at,
            Kinds::TYPING,
            &TypingDoc {
                sender_display_name,
                members,
            },
        );
        Ok(())
    }
}

/// How often was typed in each large thread during the present second.
#[derive(Default)]
pub struct TypingRate(Mutex<(i64, HashMap<ThreadId, u32>)>);

impl TypingRate {
    fn admit(&self, thread: ThreadId, now: Millis) -> bool {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, counts) = &mut *guard;
        if *second != now.seconds() {
            *second = now.seconds();
            counts.clear();
        }
        let count = counts.entry(thread).or_default();
        *count += 1;
        *count <= PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_a_second_in_each_thread() {
        let rate = TypingRate::default();
        let [one, other] = [1, 2].map(|byte| ThreadId::from_bytes([byte; 16]));
        let admitted = |thread, ms| (0..30).filter(|_| rate.admit(thread, Millis(ms))).count();
        assert_eq!(admitted(one, 5_000), 20);
        assert_eq!(admitted(one, 5_999), 0);
        assert_eq!(admitted(other, 5_999), 20);
        assert_eq!(admitted(one, 6_000), 20);
    }
}
