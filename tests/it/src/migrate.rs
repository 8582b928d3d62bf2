//! `samband migrate store`: from the embedded store to PostgreSQL and back, with the real binary.

use std::path::Path;
use std::sync::Arc;

use samband_core::SystemClock;
use samband_server::{DevelopmentKey, rooms};
use samband_store::testing::PostgresServer;
use samband_store::transfer::Transfer;
use samband_store::{Store, sqlite};
use serde_json::Value;
use toml::Value as Toml;

use crate::command_line::{fails_with, ok, output};
use crate::harness::{Server, User, server_as};

async fn server_on(data: &Path, postgres: Option<&str>) -> Server {
    let text = |text: &str| Toml::String(text.to_owned());
    let flags = [
        ("store.memory", Toml::Boolean(false)),
        ("store.data", text(&data.to_string_lossy())),
        ("store.url", text(postgres.unwrap_or_default())),
    ];
    server_as(DevelopmentKey::Given("c2FtYmFuZA==".to_owned()), &flags).await
}

/// A token of before, and all that it showed.
struct Past {
    users: [User; 2],
    thread: String,
    seen: Vec<Value>,
}

impl Past {
    async fn seen(server: &Server, users: &[User; 2], thread: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        for user in users {
            for path in [
                thread.to_owned(),
                format!("{thread}/messages"),
                format!("{thread}/participants"),
                format!("{thread}/readReceipts"),
                "threads".to_owned(),
            ] {
                seen.push(server.chat(user, "GET", &path, None).await.expect(200).json);
            }
        }
        seen
    }

    async fn make(server: &Server) -> Self {
        let users = [server.user().await, server.user().await];
        let thread = server.thread(&users[0], &[&users[1]]).await;
        for n in 0..30 {
            server
                .say(&users[n % 2], &thread, &format!("text {n} \0 \u{2615}"))
                .await;
        }
        let id = server.say(&users[0], &thread, "read").await;
        let read = serde_json::json!({ "chatMessageId": id });
        let receipts = format!("{thread}/readReceipts");
        server.chat(&users[1], "POST", &receipts, Some(read)).await.expect(200);
        let seen = Self::seen(server, &users, &thread).await;
        Self { users, thread, seen }
    }

    async fn is_in(&self, server: &Server) {
        let seen = Self::seen(server, &self.users, &self.thread).await;
        assert_eq!(seen, self.seen);
    }
}

fn migrate(from: &str, to: &str, more: &[&str]) -> std::process::Output {
    let mut arguments = vec!["migrate", "store", "--from", from, "--to", to];
    arguments.extend(more);
    output(&arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_to_postgresql_and_back() {
    let database = PostgresServer::start();
    let postgres = database.url();
    let files = tempfile::tempdir().unwrap();
    let (old, new) = (files.path().join("old"), files.path().join("new"));
    let sqlite = |directory: &Path| format!("sqlite:{}", directory.display());

    let server = server_on(&old, None).await;
    let past = Past::make(&server).await;
    fails_with(migrate(&sqlite(&old), &postgres, &[]), "in use by another samband");
    server.stop().await;

    let counted: Value =
        serde_json::from_str(&ok(migrate(&sqlite(&old), &postgres, &["--dry-run", "--json"]))).unwrap();
    let entries = |result: &Value| -> Value {
        let tables = result["tables"].as_array().unwrap();
        let entries = tables.iter().find(|table| table["name"] == "entry").unwrap();
        entries["rows"].clone()
    };
    assert!(entries(&counted).as_u64().unwrap() > 31, "{counted}");
    fails_with(
        migrate(&postgres, &sqlite(&new), &[]),
        "samband keeps nothing in this database",
    );

    let done = ok(migrate(&sqlite(&old), &postgres, &["--json"]));
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(
        (&done["verified"], &done["rows"]),
        (&Value::Bool(true), &counted["rows"])
    );
    assert_eq!(entries(&done), entries(&counted));
    fails_with(migrate(&sqlite(&old), &postgres, &[]), "the destination is not empty");

    let server = server_on(&files.path().join("node"), Some(&postgres)).await;
    past.is_in(&server).await;
    fails_with(
        migrate(&postgres, &sqlite(&new), &[]),
        "the source is in use by samband (connections from",
    );
    ok(migrate(&postgres, &sqlite(&new), &["--force", "--dry-run"]));
    assert!(!new.exists(), "nothing is made");
    server.say(&past.users[0], &past.thread, "said on PostgreSQL").await;
    let seen = Past::seen(&server, &past.users, &past.thread).await;
    let past = Past { seen, ..past };
    server.stop().await;

    let shown = ok(migrate(&postgres, &sqlite(&new), &[]));
    assert!(
        shown.contains("entry") && shown.contains("rows/s") && !shown.contains("NO"),
        "{shown}"
    );
    let server = server_on(&new, None).await;
    past.is_in(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_was_begun_is_finished_before_a_server_starts() {
    let files = tempfile::tempdir().unwrap();
    let (old, new) = (files.path().join("old"), files.path().join("new"));
    let server = server_on(&old, None).await;
    let past = Past::make(&server).await;
    server.stop().await;

    let open = |directory: &Path| {
        let options = sqlite::Options::in_directory(directory);
        Store::open_sqlite(options, &rooms::migrations(), Arc::new(SystemClock)).unwrap()
    };
    let (from, to) = (open(&old), open(&new));
    Transfer::begin(from.clone(), to.clone(), rooms::TABLES).await.unwrap();
    from.close().await;
    to.close().await;

    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    let start = ["dev", "--listen", "127.0.0.1:0", "--data", new];
    fails_with(
        output(&start),
        "run the same `samband migrate store` again to finish it",
    );
    let (from, to) = (format!("sqlite:{old}"), format!("sqlite:{new}"));
    fails_with(migrate(&to, &from, &[]), "that was not finished");
    ok(migrate(&from, &to, &[]));
    let server = server_on(Path::new(new), None).await;
    past.is_in(&server).await;
    server.stop().await;
}

#[test]
fn what_cannot_be_migrated_is_explained() {
    let files = tempfile::tempdir().unwrap();
    let missing = format!("sqlite:{}", files.path().join("missing").display());
    let here = format!("sqlite:{}", files.path().display());
    fails_with(migrate(&missing, &here, &[]), "there is no store in");
    fails_with(
        migrate("sqlite:", &here, &[]),
        "it is neither sqlite:DIR nor postgres://",
    );
    fails_with(migrate(&here, &here, &[]), "source and destination are the same");
    fails_with(migrate(&here, "postgres://%", &[]), "looking at the destination");
    fails_with(
        migrate("postgres://samband@127.0.0.1:1/database", &here, &[]),
        "PostgreSQL at postgres://127.0.0.1:1/database",
    );
}
