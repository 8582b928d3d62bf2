//! Senders on the server's HTTP API that write down what they ask and what they are told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use samband_faults::SplitMix64;
use samband_faults::ledger::{Expected, Findings, Found, FoundMessage, Ledger, Op, OpId, Told, text};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::http::{Answer, Client, PATIENCE};
use crate::server::Server;

const VERSION: &str = "api-version=2024-03-07";
const SHARED_THREADS: u32 = 4;
/// Numbers below are of the requests that set the stage.
const FIRST: u32 = 1_000;

/// What outlives the server's processes.
#[derive(Default)]
pub struct Chat {
    pub ledger: Ledger<String>,
    tokens: Vec<String>,
    shared: Vec<String>,
}

fn path(thread: &str, rest: &str) -> String {
    let thread = thread.replace(':', "%3A").replace('@', "%40");
    format!("/chat/threads/{thread}{rest}?{VERSION}")
}

impl Chat {
    /// Users with tokens, and threads that they share.
    pub async fn furnished(server: &Server, users: u32) -> Self {
        let mut chat = Self::default();
        let mut client = Client::new(server.address);
        let mut ids = Vec::new();
        let all = format!("/_samband/v1/admin/resources/{}/users", server.resource);
        for _ in 0..users {
            let user = client
                .call("POST", &all, &server.admin_token, None)
                .await
                .expect("an answer");
            let id = user.expect(201).json["id"].as_str().expect("an id").to_owned();
            let target = format!("{all}/{}/:issueAccessToken", id.replace(':', "%3A"));
            let scopes = json!({ "scopes": ["chat"] });
            let token = client
                .call("POST", &target, &server.admin_token, Some(scopes))
                .await
                .expect("an answer");
            chat.tokens
                .push(token.expect(200).json["token"].as_str().expect("a token").to_owned());
            ids.push(id);
        }
        let mut creator = Sender::new(0, 0, server.address);
        for _ in 0..SHARED_THREADS {
            let thread = creator
                .create_thread(&chat, &ids)
                .await
                .expect("an answer")
                .expect("a thread");
            chat.shared.push(thread);
        }
        chat
    }

    /// Lets senders go to work until the server does not answer any more.
    pub fn start(self: &Arc<Self>, server: &Server, senders: u32, rng: &mut SplitMix64) -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for sender in 0..senders {
            let (chat, stop) = (self.clone(), stop.clone());
            let mut sender = Sender::new(sender, rng.next_u64(), server.address);
            tasks.spawn(async move { sender.run(&chat, &stop).await });
        }
        Traffic { stop, tasks }
    }

    /// Waits until as many acknowledgements and failures have come since `mark`.
    pub async fn until(&self, mark: usize, told: usize, failed: usize) {
        let waiting = async {
            loop {
                let counts = self.ledger.since(mark);
                if counts.told >= told && counts.failed >= failed {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "waited in vain: {:?}", self.ledger.since(mark));
    }

    /// Lists everything and holds it against what was told until now. No sender may be at work.
    pub async fn check(&self, server: &Server) -> Findings {
        let mark = self.ledger.mark();
        let expected: Expected<String> = self.ledger.expected(mark, mark);
        let mut client = Client::new(server.address);
        let mut found = HashMap::new();
        for (thread, by) in expected.threads() {
            let token = &self.tokens[by.sender as usize];
            found.insert(thread.clone(), list(&mut client, thread, token).await);
        }
        let findings = expected.check(&found);
        assert!(
            findings.is_clean(),
            "{} lost: {:#?}\n{} wrong: {:#?}",
            findings.lost.len(),
            &findings.lost[..findings.lost.len().min(5)],
            findings.wrong.len(),
            &findings.wrong[..findings.wrong.len().min(5)],
        );
        findings
    }

    /// One more message of the first sender, when no sender is at work.
    pub async fn send(&self, server: &Server) -> Answer {
        let mut sender = Sender::new(0, 0, server.address);
        sender.number = self.ledger.mark() as u32 + FIRST;
        sender.send(self, self.shared[0].clone()).await.expect("an answer")
    }

    /// The newest page of a thread.
    pub async fn read(&self, server: &Server) -> Answer {
        let target = path(&self.shared[0], "/messages");
        let answer = Client::new(server.address)
            .call("GET", &target, &self.tokens[0], None)
            .await;
        answer.expect("an answer")
    }
}

/// In order of their stamps; none if there is no such thread.
async fn list(client: &mut Client, thread: &str, token: &str) -> Option<Vec<FoundMessage>> {
    let mut messages = Vec::new();
    let mut target = path(thread, "/messages");
    loop {
        let page = client.call("GET", &target, token, None).await.expect("an answer");
        if page.status == 404 {
            return None;
        }
        let page = page.expect(200).json;
        messages.extend(page["value"].as_array().expect("a list").iter().map(found));
        // An absolute URL of the server that was asked.
        let Some(next) = page["nextLink"].as_str() else {
            break;
        };
        let start = next.find("/chat/").expect("a link to more of the same");
        target = next[start..].to_owned();
    }
    messages.reverse();
    Some(messages)
}

fn found(message: &Value) -> FoundMessage {
    let number = |key: &str| message[key].as_str().expect(key).parse().expect(key);
    FoundMessage {
        stamp: number("id"),
        seq: number("sequenceId"),
        content: match message["type"].as_str() {
            Some("text") if message["deletedOn"].is_string() => Found::Deleted,
            Some("text") => Found::Text(message["content"]["message"].as_str().expect("a content").to_owned()),
            _ => Found::System,
        },
    }
}

/// The senders at work.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Traffic {
    /// Waits until the last sender has met the server's end.
    pub async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a sender");
        }
    }

    /// Tells them to finish.
    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await;
    }
}

struct Sender {
    sender: u32,
    number: u32,
    rng: SplitMix64,
    client: Client,
    /// Acknowledged messages that can be changed, each with its thread and id.
    messages: Vec<(OpId, String, String)>,
    threads: Vec<String>,
}

impl Sender {
    fn new(sender: u32, seed: u64, address: SocketAddr) -> Self {
        Self {
            sender,
            number: 0,
            rng: SplitMix64::new(seed),
            client: Client::new(address),
            messages: Vec::new(),
            threads: Vec::new(),
        }
    }

    fn next(&mut self) -> OpId {
        self.number += 1;
        OpId {
            sender: self.sender,
            number: self.number,
        }
    }

    async fn run(&mut self, chat: &Chat, stop: &AtomicBool) {
        self.number = chat.ledger.mark() as u32 + FIRST;
        while !stop.load(Ordering::Relaxed) {
            let status = match self.rng.below(100) {
                0..6 if !self.messages.is_empty() => self.change(chat, true).await,
                6..10 if !self.messages.is_empty() => self.change(chat, false).await,
                10..12 => match self.create_thread(chat, &[]).await {
                    Ok(Some(thread)) => {
                        self.threads.push(thread);
                        Ok(201)
                    }
                    Ok(None) => Ok(503),
                    Err(error) => Err(error),
                },
                choice => {
                    let threads = match choice {
                        12..20 if !self.threads.is_empty() => &self.threads,
                        _ => &chat.shared,
                    };
                    let thread = threads[self.rng.below(threads.len() as u64) as usize].clone();
                    self.send(chat, thread).await.map(|answer| answer.status)
                }
            };
            match status {
                Ok(200..=299) => {}
                Ok(503) => {
                    chat.ledger.fail();
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Ok(status) => panic!("the server answers {status}"),
                // The server is gone.
                Err(_) => return,
            }
        }
    }

    async fn send(&mut self, chat: &Chat, thread: String) -> std::io::Result<Answer> {
        let op = self.next();
        chat.ledger.ask(op, Op::Send(thread.clone()));
        let body = json!({ "content": text(op), "type": "text" });
        let target = path(&thread, "/messages");
        let answer = self
            .client
            .call("POST", &target, &chat.tokens[self.sender as usize], Some(body))
            .await?;
        if answer.status == 201 {
            let id = answer.json["id"].as_str().expect("an id").to_owned();
            chat.ledger.tell(op, Told::Sent(id.parse().expect("a stamp")));
            self.messages.push((op, thread, id));
        }
        Ok(answer)
    }

    /// Edits or deletes a message; the status. What was to be deleted is not touched again.
    async fn change(&mut self, chat: &Chat, edit: bool) -> std::io::Result<u16> {
        let chosen = self.rng.below(self.messages.len() as u64) as usize;
        let (message, thread, id) = match edit {
            true => self.messages[chosen].clone(),
            false => self.messages.swap_remove(chosen),
        };
        let op = self.next();
        let (method, asked, body) = match edit {
            true => ("PATCH", Op::Edit(message), Some(json!({ "content": text(op) }))),
            false => ("DELETE", Op::Delete(message), None),
        };
        chat.ledger.ask(op, asked);
        let target = path(&thread, &format!("/messages/{id}"));
        let answer = self
            .client
            .call(method, &target, &chat.tokens[self.sender as usize], body)
            .await?;
        if answer.status == 204 {
            chat.ledger.tell(op, Told::Done);
        }
        Ok(answer.status)
    }

    /// None: not now.
    async fn create_thread(&mut self, chat: &Chat, members: &[String]) -> std::io::Result<Option<String>> {
        let op = self.next();
        chat.ledger.ask(op, Op::CreateThread);
        let members: Vec<_> = members
            .iter()
            .map(|id| json!({ "communicationIdentifier": { "rawId": id } }))
            .collect();
        let body = json!({ "topic": format!("{op:?}"), "participants": members });
        let target = format!("/chat/threads?{VERSION}");
        let answer = self
            .client
            .call("POST", &target, &chat.tokens[self.sender as usize], Some(body))
            .await?;
        if answer.status == 503 {
            return Ok(None);
        }
        let answer = answer.expect(201);
        let id = answer.json["chatThread"]["id"].as_str().expect("an id").to_owned();
        chat.ledger.tell(op, Told::Thread(id.clone()));
        Ok(Some(id))
    }
}
