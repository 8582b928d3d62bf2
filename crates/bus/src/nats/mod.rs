//! The engine of several nodes: what is heard in process, and beside it NATS.
//!
//! Subjects, all below `samband.`:
//! - `<resource>.t.<bucket>.<thread>`: the notes of a thread; `<resource>.u.<bucket>.<user>`: those that
//!   concern a user, and where its connections have moved to. See [`crate::interest`].
//! - `lapse`: a node has dropped notes of its own.
//! - `node.<node>`: questions to a node; `reply.<node>.<number>`: the replies to it.

mod address;
mod calls;
mod ear;
mod link;
mod publisher;
mod subscriptions;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use samband_core::{Note, UserId};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::codec::{self, Content, Moved, NAME_LENGTH};
use crate::local::{Item, Local};
use crate::questions::Questions;
use crate::{AskError, BusError};
use address::{Address, Login};
use calls::{Calls, Reply};
use ear::{Ear, Turn};
use link::Link;
use publisher::{Queued, What};
use subscriptions::Interests;

/// Notes that wait to be sent.
const QUEUE: usize = 65_536;
/// What the client itself may have waiting: little, since it cannot be taken back when the connection
/// is lost, and would be sent as old news.
const CLIENT_QUEUE: usize = 256;
/// What may wait in one subscription.
const SUBSCRIPTION_QUEUE: usize = 16_384;
/// How long a connection may say nothing before it is asked; after the second time it is given up.
const PING: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest time between two attempts to connect.
const BACKOFF: u64 = 2_000;
/// How long the start waits for the first connection.
const FIRST_CONNECTION: Duration = Duration::from_secs(1);
/// How long a round trip to the server, or the end, may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Listeners are told at most this often that they may have missed something: each time they compare
/// with the store, and when a server restarts every node has something to say.
const BETWEEN_MISSED: Duration = Duration::from_millis(100);
/// How often the connection is looked at, beside what the client says of it.
const LOOK: Duration = Duration::from_millis(250);

/// How a reply begins: an answer follows, or there is none.
const ANSWER: u8 = 1;
const NO_ANSWER: u8 = 0;

/// What all tasks need.
pub(crate) struct Common {
    node: Arc<str>,
    servers: String,
    client: Client,
    local: Local,
    link: Arc<Link>,
    calls: Arc<Calls>,
    missed: Arc<Notify>,
    meter: Meter,
}

struct Meter {
    connected: metrics::Gauge,
    published: metrics::Counter,
    received: metrics::Counter,
    dropped: metrics::Counter,
    subscriptions: metrics::Gauge,
    missed: metrics::Counter,
}

impl Meter {
    fn new() -> Self {
        Self {
            connected: metrics::gauge!("samband_bus_connected"),
            published: metrics::counter!("samband_bus_published_total"),
            received: metrics::counter!("samband_bus_received_total"),
            dropped: metrics::counter!("samband_bus_dropped_total"),
            subscriptions: metrics::gauge!("samband_bus_subscriptions"),
            missed: metrics::counter!("samband_bus_missed_total"),
        }
    }

    fn unread(&self, is_unknown: bool) {
        let why = if is_unknown { "unknown" } else { "malformed" };
        metrics::counter!("samband_bus_unreadable_total", "why" => why).increment(1);
    }
}

impl Common {
    /// Listeners are to be told that they may have missed something.
    fn missed(&self) {
        self.missed.notify_one();
    }

    /// A note did not reach the other nodes.
    fn dropped(&self) {
        self.meter.dropped.increment(1);
        self.link.owe_lapse();
    }

    /// Sends unless that takes too long: never of use where order counts.
    async fn send(&self, subject: String, payload: Vec<u8>) -> bool {
        let sent = timeout(PATIENCE, self.client.publish(subject, Bytes::from(payload))).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Sends a request. `None` if the connection is or goes away; the caller bounds the time.
    async fn call(&self, subject: String, payload: Vec<u8>) -> Option<Reply> {
        let epoch = self.link.epoch()?;
        let mut changes = self.link.changes();
        let mut call = self.calls.open();
        let exchange = async {
            let sent = self
                .client
                .publish_with_reply(subject, call.reply_to(), Bytes::from(payload));
            sent.await.ok()?;
            call.reply().await
        };
        tokio::select! {
            reply = exchange => reply,
            () = changes.is_over(epoch) => None,
        }
    }
}

pub(crate) struct Nats {
    pub interests: Arc<Interests>,
    common: Arc<Common>,
    queue: mpsc::Sender<Queued>,
    tasks: Vec<JoinHandle<()>>,
}

impl Nats {
    pub async fn connect(urls: &str, node: &str, local: Local, questions: Questions) -> Result<Self, BusError> {
        if !codec::is_node(node) {
            return Err(BusError::Node(node.to_owned()));
        }
        let address = address::parse(urls)?;
        let (link, missed) = (Arc::new(Link::new()), Arc::new(Notify::new()));
        let servers = address.shown.clone();
        let client = connect(address, node, &link, &missed).await?;
        let common = Arc::new(Common {
            node: Arc::from(node),
            servers,
            client,
            local,
            link,
            calls: Arc::new(Calls::new(node)),
            missed,
            meter: Meter::new(),
        });
        Self::start(common, questions).await
    }

    async fn start(common: Arc<Common>, questions: Questions) -> Result<Self, BusError> {
        let subscribe = async |subject: String| {
            let subscribed = common.client.subscribe(subject).await;
            subscribed.map_err(|error| BusError::Setup(error.to_string()))
        };
        let replies = subscribe(common.calls.subject()).await?;
        let asked = subscribe(format!("samband.node.{}", common.node)).await?;
        let lapses = subscribe("samband.lapse".to_owned()).await?;

        let (queue, queued) = mpsc::channel(QUEUE);
        let (turns, told) = mpsc::channel(1_024);
        let _ = turns.send(Turn::Hear(subscriptions::LAPSES, lapses)).await;
        let interests = Arc::new(Interests::default());
        let first = timeout(FIRST_CONNECTION, common.link.changes().is_up()).await;
        let tasks = vec![
            tokio::spawn(publisher::run(common.clone(), queued)),
            tokio::spawn(Ear::new(common.clone()).run(told)),
            tokio::spawn(subscriptions::run(common.clone(), interests.clone(), turns)),
            tokio::spawn(common.calls.clone().run(replies)),
            tokio::spawn(answer(common.clone(), asked, questions)),
            tokio::spawn(tell_missed(common.clone())),
            tokio::spawn(look_after(common.clone(), interests.clone(), first.is_ok())),
        ];
        let nats = Self {
            interests,
            common,
            queue,
            tasks,
        };
        if first.is_ok() {
            // So that this node can be asked from now on.
            nats.settled().await;
        }
        Ok(nats)
    }

    pub fn publish(&self, note: Arc<Note>, concerns: &[UserId]) {
        self.enqueue(What::Note(note, concerns.into()));
    }

    pub fn moved(&self, moved: Moved) {
        if moved.endpoint.len() > NAME_LENGTH || moved.connection.len() > NAME_LENGTH {
            return self.common.meter.dropped.increment(1);
        }
        self.enqueue(What::Moved(Arc::new(moved)));
    }

    fn enqueue(&self, what: What) {
        let sent = self
            .common
            .link
            .epoch()
            .map(|epoch| self.queue.try_send(Queued { epoch, what }));
        if !matches!(sent, Some(Ok(()))) {
            self.common.dropped();
        }
    }

    pub async fn settled(&self) -> bool {
        self.common.link.epoch().is_some() && self.interests.settled().await
    }

    pub async fn ask(&self, node: &str, question: Vec<u8>, patience: Duration) -> Result<Vec<u8>, AskError> {
        if !codec::is_node(node) {
            return Err(AskError::NoSuchNode);
        }
        let asked = self.common.call(format!("samband.node.{node}"), question);
        match timeout(patience, asked).await {
            Ok(Some(Reply::Nobody)) => Err(AskError::NoSuchNode),
            Ok(Some(Reply::Payload(reply))) => match reply.split_first() {
                Some((&ANSWER, answer)) => Ok(answer.to_vec()),
                _ => Err(AskError::Unavailable),
            },
            Ok(None) | Err(_) => Err(AskError::Unavailable),
        }
    }

    pub fn health(&self) -> Result<(), String> {
        self.common.link.health(&self.common.servers)
    }

    pub fn node(&self) -> &str {
        &self.common.node
    }

    pub async fn close(&self) {
        let finish = async {
            let (done, finished) = oneshot::channel();
            let epoch = self.common.link.epoch()?;
            let what = What::Finish(done);
            self.queue.send(Queued { epoch, what }).await.ok()?;
            finished.await.ok()?;
            self.common.client.drain().await.ok()
        };
        let _ = timeout(PATIENCE, finish).await;
        self.common.link.close();
        self.common.meter.connected.set(0.0);
        self.end();
    }

    fn end(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.end();
    }
}

async fn connect(address: Address, node: &str, link: &Arc<Link>, missed: &Arc<Notify>) -> Result<Client, BusError> {
    if address.has_tls {
        // Where the process has chosen none yet. Of several it would have to be said which.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    let (link, missed, shift) = (link.clone(), missed.clone(), shift(node));
    let mut options = ConnectOptions::new()
        .name(format!("samband {node}"))
        .no_echo()
        .retry_on_initial_connect()
        .max_reconnects(None)
        // Of the servers that a server tells of, too.
        .require_tls(address.has_tls)
        .ping_interval(PING)
        .connection_timeout(CONNECT_TIMEOUT)
        .client_capacity(CLIENT_QUEUE)
        .subscription_capacity(SUBSCRIPTION_QUEUE)
        .reconnect_delay_callback(move |attempt| backoff(attempt, shift))
        .event_callback(move |event| {
            match event {
                Event::Connected => link.up(),
                Event::Disconnected | Event::Closed => link.down(),
                Event::SlowConsumer(_) => missed.notify_one(),
                Event::ServerError(error) => {
                    // Above all: a subject that this user may not use.
                    tracing::warn!(%error, "the bus");
                    link.trouble(error.to_string());
                }
                Event::ClientError(error) => link.trouble(error.to_string().trim_start_matches("nats: ").to_owned()),
                _ => {}
            }
            std::future::ready(())
        });
    options = match address.login {
        Some(Login::Token(token)) => options.token(token),
        Some(Login::User(user, password)) => options.user_and_password(user, password),
        None => options,
    };
    let connected = options.connect(address.servers).await;
    connected.map_err(|error| BusError::Setup(error.to_string()))
}

/// A number of the node's own, so that not all come back to a server at the same moment.
fn shift(node: &str) -> u64 {
    node.bytes()
        .fold(7, |shift, byte| (shift * 31 + u64::from(byte) * 577) % 1_009)
}

fn backoff(attempt: usize, shift: u64) -> Duration {
    let doublings = attempt.clamp(1, 7) as u32 - 1;
    let step = 50 << doublings;
    // Between half a step and a whole one.
    let part = (shift + 137 * attempt as u64) % 1_009;
    Duration::from_millis((step / 2 + step * part / 2_018).min(BACKOFF))
}

/// Answers questions, each in a task of its own.
async fn answer(common: Arc<Common>, mut asked: Subscriber, questions: Questions) {
    while let Some(message) = asked.next().await {
        let Some(reply_to) = message.reply else { continue };
        let (common, answer) = (common.clone(), questions.answer(message.payload.into()));
        // Without an answer there is nothing to compute, and no place to give up.
        let Some(answer) = answer else {
            let _ = timeout(
                PATIENCE,
                common.client.publish(reply_to, Bytes::from_static(&[NO_ANSWER])),
            )
            .await;
            continue;
        };
        tokio::spawn(async move {
            let mut reply = vec![ANSWER];
            reply.append(&mut answer.await);
            if reply.len() > common.client.max_payload() {
                reply = vec![NO_ANSWER];
            }
            common.send(reply_to.to_string(), reply).await;
        });
    }
}

async fn tell_missed(common: Arc<Common>) {
    loop {
        common.missed.notified().await;
        sleep(BETWEEN_MISSED).await;
        common.meter.missed.increment(1);
        common.local.tell(Item::Missed(0));
    }
}

/// Looks after the connection: after a new one, tells the listeners here that they may have missed
/// notes, and the other nodes if this one dropped any.
async fn look_after(common: Arc<Common>, interests: Arc<Interests>, is_connected: bool) {
    let connections = || common.client.statistics().connects.load(Ordering::Relaxed);
    let mut known = u64::from(is_connected);
    let mut was_deaf = false;
    let (mut changes, mut look) = (common.link.changes(), interval(LOOK));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = changes.next() => {}
            _ = look.tick() => {}
        }
        // The client may have had too much to say to say this.
        match common.client.connection_state() {
            async_nats::connection::State::Connected => common.link.up(),
            _ => common.link.down(),
        }
        let is_up = common.link.epoch().is_some();
        common.meter.connected.set(if is_up { 1.0 } else { 0.0 });
        let now = connections();
        if now != known {
            known = now;
            was_deaf = true;
            common.link.was_replaced();
        }
        if is_up && was_deaf && interests.settled().await {
            was_deaf = false;
            common.missed();
        }
        if is_up && common.link.take_lapse() {
            let lapse = codec::encode(&common.node, 0, &Content::Lapse);
            if !common.send("samband.lapse".to_owned(), lapse).await {
                common.link.owe_lapse();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_less_often_and_never_stop() {
        for node in ["a", "b", "0123456789abcdef"] {
            for attempt in 0..100 {
                let delay = backoff(attempt, shift(node)).as_millis() as u64;
                assert!((25..=BACKOFF).contains(&delay), "{delay}");
                assert!(attempt < 7 || delay >= BACKOFF / 2, "{delay}");
            }
        }
        assert_ne!(backoff(1, shift("a")), backoff(1, shift("b")));
    }
}
