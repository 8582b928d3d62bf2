//! Users and threads to send as and to, made through the API.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::child::Server;
use crate::drive::{self, Script};
use crate::{progress, wire};

/// Connections while preparing.
const CONNECTIONS: usize = 64;
/// Members in one request, where a thread has more.
pub const BATCH: usize = 1_000;
const FILE: &str = "load.json";

/// Members of a thread, its sender among them.
pub const MEMBERS: usize = 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub id: String,
    #[serde(skip)]
    pub token: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Thread {
    pub id: String,
    /// The user, by number, who sends here.
    pub sender: usize,
}

/// What a data directory holds; kept in it beside the database.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct World {
    pub users: Vec<User>,
    pub threads: Vec<Thread>,
    pub messages: u64,
}

#[derive(Deserialize)]
struct UserCreated {
    identity: Id,
    #[serde(rename = "accessToken")]
    access_token: Token,
}
#[derive(Deserialize)]
struct SilentUserCreated {
    identity: Id,
}
#[derive(Deserialize)]
struct ThreadCreated {
    #[serde(rename = "chatThread")]
    chat_thread: Id,
}
#[derive(Deserialize)]
struct Id {
    id: String,
}
#[derive(Deserialize)]
struct Token {
    token: String,
}

impl World {
    /// As many threads as users: user N sends to thread N, and is a member of the ones before it.
    pub async fn create(server: &Server, threads: usize) -> Result<Self> {
        let mut world = Self::default();
        world.add_users(server, threads.max(MEMBERS)).await?;
        progress::say(&format!("creating {threads} threads"));
        let users = &world.users;
        let host = server.plain.address.to_string();
        let requests = (0..threads)
            .map(|sender| {
                let members = users.iter().cycle().skip(sender).take(MEMBERS);
                wire::create_thread(&host, &users[sender].token, members.map(|user| user.id.as_str()))
            })
            .collect();
        for (sender, body) in drive::each(&server.plain, CONNECTIONS, requests)
            .await?
            .iter()
            .enumerate()
        {
            world.threads.push(thread(body, sender)?);
        }
        Ok(world)
    }

    /// One thread that all of some users are in.
    pub async fn one_thread(server: &Server, users: usize) -> Result<Self> {
        let mut world = Self::default();
        world.add_users(server, users).await?;
        let host = server.plain.address.to_string();
        let members = world.users.iter().map(|user| user.id.as_str());
        let request = wire::create_thread(&host, &world.users[0].token, members);
        let bodies = drive::each(&server.plain, 1, vec![request]).await?;
        for body in &bodies {
            world.threads.push(thread(body, 0)?);
        }
        Ok(world)
    }

    /// Users, and for each size a thread of the first so many of them; the first one sends.
    pub async fn crowd(server: &Server, sizes: &[usize]) -> Result<Self> {
        let mut world = Self::default();
        world
            .add_users(server, sizes.iter().copied().max().unwrap_or(0))
            .await?;
        for size in sizes {
            world.add_thread(server, *size).await?;
        }
        Ok(world)
    }

    /// A thread of the first `size` users, filled as an app would: the creation with some, then the
    /// rest in batches.
    pub async fn add_thread(&mut self, server: &Server, size: usize) -> Result<()> {
        let host = server.plain.address.to_string();
        let mut batches = self.users.get(..size).context("too few users")?.chunks(BATCH);
        let token = &self.users[0].token;
        let ids = |users: &'_ [User]| users.iter().map(|user| user.id.clone()).collect::<Vec<_>>();
        let first = ids(batches.next().unwrap_or_default());
        let request = wire::create_thread(&host, token, first.iter().map(String::as_str));
        let mut connection = server.plain.connect().await?;
        let thread = thread(connection.fetch(&request).await?, 0)?;
        for (batch, users) in batches.enumerate() {
            progress::say(&format!("a thread of {size}: {} members", (batch + 1) * BATCH));
            let more = ids(users);
            let request = wire::add_participants(&host, token, &thread.id, more.iter().map(String::as_str));
            connection.fetch(&request).await?;
        }
        self.threads.push(thread);
        Ok(())
    }

    /// Users who do nothing but be members: they have no token.
    pub async fn add_silent_users(&mut self, server: &Server, count: usize) -> Result<()> {
        progress::say(&format!("creating {count} users"));
        let request = wire::create_user(&server.plain.address.to_string(), &server.info.access_key)?;
        for body in drive::each(&server.plain, CONNECTIONS, vec![request; count]).await? {
            let created: SilentUserCreated = serde_json::from_slice(&body).context("a user created")?;
            self.users.push(User {
                id: created.identity.id,
                token: String::new(),
            });
        }
        Ok(())
    }

    pub async fn add_users(&mut self, server: &Server, count: usize) -> Result<()> {
        progress::say(&format!("creating {count} users"));
        let host = server.plain.address.to_string();
        let request = wire::create_user_with_token(&host, &server.info.access_key)?;
        for body in drive::each(&server.plain, CONNECTIONS, vec![request; count]).await? {
            let created: UserCreated = serde_json::from_slice(&body).context("a user created")?;
            self.users.push(User {
                id: created.identity.id,
                token: created.access_token.token,
            });
        }
        Ok(())
    }

    /// The world of a prepared directory, with new tokens.
    pub async fn load(server: &Server) -> Result<Self> {
        let mut world = Self::read(&server.data)?;
        progress::say("issuing tokens");
        let host = server.plain.address.to_string();
        let requests: Result<_> = world
            .users
            .iter()
            .map(|user| wire::issue_token(&host, &server.info.access_key, &user.id))
            .collect();
        let bodies = drive::each(&server.plain, CONNECTIONS, requests?).await?;
        for (user, body) in world.users.iter_mut().zip(bodies) {
            user.token = serde_json::from_slice::<Token>(&body).context("a token issued")?.token;
        }
        Ok(world)
    }

    pub fn read(data: &Path) -> Result<Self> {
        let file = data.join(FILE);
        let json = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_slice(&json).with_context(|| format!("reading {}", file.display()))
    }

    pub fn is_at(data: &Path) -> bool {
        data.join(FILE).exists()
    }

    pub fn save(&self, data: &Path) -> Result<()> {
        std::fs::write(data.join(FILE), serde_json::to_vec(self)?).context("writing down what was prepared")
    }

    /// The send request of each thread.
    pub fn sends(&self, host: &str) -> Vec<Vec<u8>> {
        let send = |thread: &Thread| wire::send(host, &self.users[thread.sender].token, &thread.id);
        self.threads.iter().map(send).collect()
    }

    /// Brings the file to a number of messages.
    pub async fn fill(&mut self, server: &Server, messages: u64) -> Result<()> {
        let missing = messages.saturating_sub(self.messages);
        if missing > 0 {
            let requests = Rc::new(self.sends(&server.plain.address.to_string()));
            drive::fill(&server.plain, 256, requests, missing, "preparing").await?;
            self.messages += missing;
        }
        Ok(())
    }

    /// For some clients, each its own part of the threads.
    pub fn scripts(&self, host: &str, clients: usize) -> Vec<Script> {
        let sends = self.sends(host);
        let part = |client: usize| sends.iter().skip(client).step_by(clients).cloned().collect();
        (0..clients).map(|client| Rc::new(part(client))).collect()
    }
}

fn thread(body: &[u8], sender: usize) -> Result<Thread> {
    let created: ThreadCreated = serde_json::from_slice(body).context("a thread created")?;
    Ok(Thread {
        id: created.chat_thread.id,
        sender,
    })
}
