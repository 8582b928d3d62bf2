//! Messages that wait for the same lane are stored together: heads locked in the order of their keys,
//! members looked up, entries appended and heads raised, with one statement each whatever the number.

use std::collections::{HashMap, HashSet};

use samband_core::ThreadId;
use samband_store::postgres::Tx;
use samband_store::{BoxFuture, EngineError, Entry, Outcomes, Transaction};
use uuid::Uuid;

use super::threads::read_head;
use super::{key, thread_id};
use crate::model::Kinds;
use crate::rules::ChatRefused;
use crate::store::{Head, SendMessage, user_key};

pub(in crate::store) fn send_together<'a>(
    sends: &'a [&'a SendMessage],
    tx: &'a mut Tx,
) -> BoxFuture<'a, Result<Outcomes<SendMessage>, EngineError>> {
    Box::pin(send(sends, tx))
}

async fn send(sends: &[&SendMessage], tx: &mut Tx) -> Result<Outcomes<SendMessage>, EngineError> {
    let threads: Vec<Uuid> = sends.iter().map(|send| key(send.at.thread)).collect();
    let actors: Vec<_> = sends.iter().map(|send| user_key(send.at.caller)).collect();
    let users: Vec<&[u8]> = actors.iter().map(|actor| actor.as_slice()).collect();
    // The second is sent behind the first without waiting, and sees what the locks have let through.
    let db = tx.db();
    let (heads, members) = futures_util::future::try_join(
        db.query(
            "SELECT thread, last_stamp, last_seq, last_message_ms, members, deleted_ms, resource FROM head
             WHERE thread = ANY($1) ORDER BY thread FOR NO KEY UPDATE",
            &[&threads],
        ),
        db.query(
            r#"SELECT i.n FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS i(thread, "user", n)
               WHERE EXISTS (SELECT 1 FROM member m
                             WHERE m.thread = i.thread AND m."user" = i."user" AND m.until_stamp IS NULL)"#,
            &[&threads, &users],
        ),
    )
    .await?;
    let mut of_thread: HashMap<ThreadId, (Head, Uuid)> = HashMap::with_capacity(heads.len());
    for row in &heads {
        of_thread.insert(thread_id(row, 0)?, (read_head(row, 1)?, row.try_get(6)?));
    }
    let mut takes_part: HashSet<usize> = HashSet::with_capacity(members.len());
    for row in &members {
        takes_part.insert(usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX));
    }

    let now = tx.cx().now;
    let mut entries = Vec::with_capacity(sends.len());
    let mut outcomes = Vec::with_capacity(sends.len());
    let mut raised: HashSet<ThreadId> = HashSet::with_capacity(of_thread.len());
    for (number, (send, actor)) in sends.iter().zip(&actors).enumerate() {
        let head = match of_thread.get_mut(&send.at.thread) {
            Some((head, resource)) if head.deleted.is_none() && resource.as_bytes() == send.at.resource.as_bytes() => {
                head
            }
            _ => {
                outcomes.push(Err(ChatRefused::ThreadNotFound));
                continue;
            }
        };
        if !takes_part.contains(&number) {
            outcomes.push(Err(ChatRefused::NotParticipant));
            continue;
        }
        let stamp = head.next_stamp(now);
        entries.push(Entry {
            stream: send.at.thread.into(),
            resource: send.at.resource,
            stamp,
            prev: head.last_stamp,
            kind: if send.html { Kinds::HTML } else { Kinds::TEXT },
            actor: Some(actor),
            about: None,
            seq: Some(head.last_seq + 1),
            doc: send.doc(),
            heard: None,
        });
        head.last_stamp = stamp;
        head.last_seq += 1;
        head.last_message_ms = stamp.0;
        raised.insert(send.at.thread);
        outcomes.push(Ok(stamp));
    }
    if entries.is_empty() {
        return Ok(outcomes);
    }
    tx.append_all(&entries).await?;
    let mut threads = Vec::with_capacity(raised.len());
    let mut stamps = Vec::with_capacity(raised.len());
    let mut seqs = Vec::with_capacity(raised.len());
    for thread in raised {
        if let Some((head, _)) = of_thread.get(&thread) {
            threads.push(key(thread));
            stamps.push(head.last_stamp.0);
            seqs.push(head.last_seq);
        }
    }
    // A message's stamp is its time.
    tx.db()
        .write(
            "UPDATE head SET last_stamp = i.stamp, last_seq = i.seq, last_message_ms = i.stamp
             FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS i(thread, stamp, seq)
             WHERE head.thread = i.thread",
            vec![Box::new(threads), Box::new(stamps), Box::new(seqs)],
        )
        .await?;
    Ok(outcomes)
}
