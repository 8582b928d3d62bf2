//! What a power cut left, opened by the store itself and held against what had been acknowledged.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use samband_chat::store::{InThread, ListMessages, SendMessage};
use samband_chat::{ChatRefused, Kinds, MessageDoc, StoredMessage};
use samband_core::{KeySlot, ManualClock, Millis, ResourceId, Stamp, SystemRandom, ThreadId, UserId};
use samband_faults::DiskImage;
use samband_faults::ledger::{Expected, Findings, Found, FoundMessage, OpId};
use samband_identity::SigningKeys;
use samband_identity::UsersKnown;
use samband_resources::Directory;
use samband_store::sqlite::{Options, Reader, Synchronous};
use samband_store::{BoxFuture, EngineError, Query, Store};

use crate::world::{Place, creation, migrations};

/// What must be found, and what may.
pub struct Certain {
    pub place: Place,
    pub expected: Expected<ThreadId>,
}

/// Opens the image by the ordinary VFS and checks everything; if asked to, once more after that.
pub async fn examine(image: &DiskImage, certain: &Certain, twice: bool) -> Findings {
    let dir = tempfile::tempdir().expect("a directory");
    image.write_to(dir.path()).expect("written");
    let mut findings = examine_directory(dir.path(), certain).await;
    // Recovery is done and more was written: the next opening finds all that and the same.
    if twice && findings.is_clean() {
        let again = examine_directory(dir.path(), certain).await;
        findings.lost.extend(again.lost);
        findings.wrong.extend(again.wrong);
    }
    findings
}

async fn examine_directory(dir: &Path, certain: &Certain) -> Findings {
    // The clock of the machine that comes up again may be far behind.
    let clock = Arc::new(ManualClock::at(Millis(1)));
    let options = Options {
        // What is written here need not last.
        synchronous: Synchronous::Off,
        ..Options::in_directory(dir)
    };
    let store = match Store::open_sqlite(options, &migrations(), clock) {
        Ok(store) => store,
        Err(error) => return wrong(format!("it does not open: {error}")),
    };
    let findings = match check(&store, certain).await {
        Ok(findings) => findings,
        Err(error) => wrong(error),
    };
    store.close().await;
    findings
}

fn wrong(what: String) -> Findings {
    Findings {
        wrong: vec![what],
        ..Findings::default()
    }
}

/// Everything is asked through the rooms' own queries; what they do not show, by SQL.
async fn check(store: &Store, certain: &Certain) -> Result<Findings, String> {
    let Certain { place, expected } = certain;
    let unreadable = |error: samband_store::StoreError| format!("it cannot be read: {error}");
    let problems = store.read(Consistency).await.map_err(unreadable)?;
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let (mut lost, resource) = check_place(store, place).await?;
    let Some(resource) = resource else {
        lost.extend(place.resource.is_some().then(|| "the resource".into()));
        return Ok(Findings {
            lost,
            ..Findings::default()
        });
    };

    let mut found = HashMap::new();
    let mut live: Option<(InThread, OpId, Vec<FoundMessage>)> = None;
    for (thread, by) in expected.threads() {
        // Whose user was not certain yet is nobody's loss.
        let Some(caller) = place.users.get(by.sender as usize) else {
            continue;
        };
        let at = InThread {
            resource,
            thread: *thread,
            caller: *caller,
        };
        let messages = list(store, at).await?;
        if let Some(messages) = &messages {
            live = Some((at, by, messages.clone()));
        }
        found.insert(*thread, messages);
    }
    let mut findings = expected.check(&found);
    findings.lost.extend(lost);
    if let (Some((at, by, before)), true) = (live, findings.is_clean()) {
        findings.wrong.extend(goes_on(store, at, by, &before).await.err());
    }
    Ok(findings)
}

/// The resource with its keys, the users, the signing keys.
async fn check_place(store: &Store, place: &Place) -> Result<(Vec<String>, Option<ResourceId>), String> {
    let mut lost = Vec::new();
    let random = Arc::new(SystemRandom);
    let directory = Directory::load(store.clone(), random.clone()).await;
    let directory = directory.map_err(|error| format!("no resources: {error}"))?;
    let Some((id, secret)) = &place.resource else {
        return Ok((lost, None));
    };
    let Some(resource) = directory.get(*id) else {
        return Ok((lost, None));
    };
    if resource.key(KeySlot::Primary).secret != *secret {
        lost.push("the access key".into());
    }
    if let Some(jwks) = &place.jwks {
        let keys = SigningKeys::load(store.clone(), random).await;
        let keys = keys.map_err(|error| format!("no signing keys: {error}"))?;
        if serde_json::to_value(keys.jwks()).ok().as_ref() != Some(jwks) {
            lost.push("the signing key".into());
        }
    }
    let missing = MissingUsers(*id, place.users.clone());
    let missing = store.read(missing).await.map_err(|error| error.to_string())?;
    lost.extend(missing.into_iter().map(|user| format!("{user:?}")));
    Ok((lost, Some(*id)))
}

/// In order of their stamps; none if there is no such thread.
async fn list(store: &Store, at: InThread) -> Result<Option<Vec<FoundMessage>>, String> {
    let query = ListMessages {
        at,
        start: None,
        before: None,
        size: 1_000_000,
    };
    match store.read(query).await {
        Ok(Ok(page)) => page.items.iter().rev().map(found).collect::<Result<_, _>>().map(Some),
        Ok(Err(ChatRefused::ThreadNotFound)) => Ok(None),
        // As if it were not there: the ledger tells whether that is a loss.
        Ok(Err(ChatRefused::NotParticipant)) => Ok(None),
        Ok(Err(refused)) => Err(format!("{:?} cannot be listed: {refused}", at.thread)),
        Err(error) => Err(format!("{:?} cannot be listed: {error}", at.thread)),
    }
}

fn found(message: &StoredMessage) -> Result<FoundMessage, String> {
    let stamp = message.stamp;
    let content = match message.kind {
        Kinds::TEXT if message.deleted.is_some() => Found::Deleted,
        Kinds::TEXT => {
            let doc: MessageDoc =
                serde_json::from_slice(&message.doc).map_err(|error| format!("message {stamp}: {error}"))?;
            Found::Text(doc.content)
        }
        _ => Found::System,
    };
    let changed = message.edited.max(message.deleted);
    if changed.map_or(stamp, |time| Stamp(time.0)) != message.version {
        return Err(format!(
            "message {stamp}: changed {changed:?}, version {}",
            message.version
        ));
    }
    Ok(FoundMessage {
        stamp: stamp.0,
        seq: message.seq,
        content,
    })
}

/// Writing goes on where it ended: the same request creates nothing new, and the next message
/// comes after the last.
async fn goes_on(store: &Store, at: InThread, by: OpId, before: &[FoundMessage]) -> Result<(), String> {
    let again = InThread {
        thread: ThreadId::new(Millis(1), &SystemRandom),
        ..at
    };
    let repeated = store.commit(creation(again, by, &[])).await;
    let repeated = repeated.map_err(|error| format!("a request cannot be repeated: {error:?}"))?;
    if repeated.thread != *at.thread.as_bytes() {
        return Err(format!("{by:?} was forgotten: its repetition made another thread"));
    }
    let doc = MessageDoc {
        content: "after the cut".into(),
        sender_display_name: None,
        metadata: Default::default(),
        high_priority: false,
        attachments: Vec::new(),
    };
    let sent = store.commit(SendMessage::new(at, true, &doc)).await;
    let sent = sent.map_err(|error| format!("nothing can be sent: {error:?}"))?;
    let after = list(store, at).await?.unwrap_or_default();
    let (Some(last), Some(new)) = (before.last(), after.last()) else {
        return Err("a thread without messages".into());
    };
    if after.len() != before.len() + 1 || new.stamp != sent.0 || sent.0 <= last.stamp || new.seq != last.seq + 1 {
        return Err(format!("the next message after {last:?} is {new:?}, told as {sent}"));
    }
    Ok(())
}

struct MissingUsers(ResourceId, Vec<UserId>);

impl Query for MissingUsers {
    type Out = Vec<UserId>;
    samband_store::answer_on_every_engine!();
}

impl MissingUsers {
    async fn answer(&self, db: &impl UsersKnown) -> Result<Vec<UserId>, EngineError> {
        let existing = db.existing(self.0, &self.1).await?;
        Ok(self.1.iter().copied().filter(|user| !existing.contains(user)).collect())
    }
}

/// What must agree with what in every database, whatever was acknowledged. Answers what does not.
struct Consistency;

/// A thread's log, read in the order of commits.
#[derive(Default)]
struct Log {
    last_stamp: i64,
    last_seq: i64,
    last_message: i64,
    /// The last change of each message, and what its row says of it.
    versions: HashMap<i64, (i64, i64)>,
}

impl Query for Consistency {
    type Out = Vec<String>;
    /// These are the embedded engine's tests.
    fn postgres<'a>(
        &'a self,
        _: &'a samband_store::postgres::Session,
    ) -> BoxFuture<'a, Result<Self::Out, EngineError>> {
        Box::pin(async { Ok(vec!["not asked of PostgreSQL".to_owned()]) })
    }
    fn sqlite(&self, db: &Reader<'_>) -> Result<Self::Out, EngineError> {
        let integrity: String = db.query_row("PRAGMA integrity_check", (), |row| row.get(0))?;
        if integrity != "ok" {
            return Ok(vec![integrity]);
        }
        let mut problems = Vec::new();
        let mut logs: HashMap<[u8; 16], Log> = HashMap::new();
        let mut statement = db.prepare("SELECT stream, stamp, prev, seq, version, about FROM entry ORDER BY pos")?;
        let mut rows = statement.query(())?;
        // A thread that is being purged has lost messages by right.
        let purged: Vec<[u8; 16]> = db
            .prepare("SELECT thread FROM head WHERE deleted_ms IS NOT NULL")?
            .query_map((), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        while let Some(row) = rows.next()? {
            let stream: [u8; 16] = row.get(0)?;
            if purged.contains(&stream) {
                continue;
            }
            let (stamp, prev): (i64, i64) = (row.get(1)?, row.get(2)?);
            let (seq, version, about): (Option<i64>, Option<i64>, Option<i64>) =
                (row.get(3)?, row.get(4)?, row.get(5)?);
            let log = logs.entry(stream).or_default();
            if prev != log.last_stamp || stamp <= prev {
                problems.push(format!(
                    "entry {stamp} says it follows {prev}; it follows {}",
                    log.last_stamp
                ));
            }
            log.last_stamp = stamp;
            if let Some(seq) = seq {
                if seq != log.last_seq + 1 {
                    problems.push(format!("message {stamp} has number {seq} after {}", log.last_seq));
                }
                (log.last_seq, log.last_message) = (seq, stamp);
                log.versions.insert(stamp, (stamp, version.unwrap_or_default()));
            }
            if let Some(about) = about {
                match log.versions.get_mut(&about) {
                    Some((changed, _)) => *changed = stamp,
                    None => problems.push(format!("entry {stamp} is about {about}, which is not there")),
                }
            }
        }
        for (stamp, (changed, version)) in logs.values().flat_map(|log| &log.versions) {
            if changed != version {
                problems.push(format!(
                    "message {stamp} has version {version}; it was changed at {changed}"
                ));
            }
        }

        let mut statement = db.prepare(
            "SELECT thread, last_stamp, last_seq, last_message_ms, members,
                    (SELECT count(*) FROM member m WHERE m.thread = h.thread AND m.until_stamp IS NULL),
                    EXISTS (SELECT 1 FROM thread t WHERE t.thread = h.thread)
             FROM head h WHERE deleted_ms IS NULL",
        )?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let log = logs.remove(&row.get::<_, [u8; 16]>(0)?).unwrap_or_default();
            let head: [i64; 4] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            let due = [log.last_stamp, log.last_seq, log.last_message, row.get(5)?];
            if head != due || !row.get::<_, bool>(6)? {
                problems.push(format!("a thread's head says {head:?}; it should say {due:?}"));
            }
        }
        if !logs.is_empty() {
            problems.push(format!("{} threads have entries and no head", logs.len()));
        }
        let headless: i64 = db.query_row(
            "SELECT count(*) FROM thread WHERE thread NOT IN (SELECT thread FROM head)",
            (),
            |row| row.get(0),
        )?;
        if headless > 0 {
            problems.push(format!("{headless} threads have no head"));
        }
        Ok(problems)
    }
}
