//! For contract tests: the same test on each engine, each on data of its own.

mod postgres_server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use samband_core::{Clock, Publish};

pub use self::postgres_server::PostgresServer;
use crate::sqlite::Options;
use crate::{Migration, Store, postgres};

/// A store with the directory that goes when the test ends.
pub struct TestStore {
    pub name: &'static str,
    pub store: Store,
    _directory: Option<tempfile::TempDir>,
}

/// One empty store per engine and way of opening it.
pub async fn every_engine(migrations: &[Migration], clock: &Arc<dyn Clock>) -> Vec<TestStore> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let on_disk = Store::open_sqlite(Options::in_directory(directory.path()), migrations, clock.clone());
    let in_memory = Store::open_sqlite(Options::in_memory(), migrations, clock.clone());
    vec![
        TestStore {
            name: "sqlite",
            store: on_disk.expect("opens"),
            _directory: Some(directory),
        },
        TestStore {
            name: "sqlite-memory",
            store: in_memory.expect("opens"),
            _directory: None,
        },
        TestStore {
            name: "postgres",
            store: on_postgres(&new_schema(), migrations, Some(clock.clone()), Arc::new(|_| {})).await,
            _directory: None,
        },
    ]
}

/// A schema that no other test uses.
pub fn new_schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A store in a schema of this process's PostgreSQL server; several of one schema are several nodes.
pub async fn on_postgres(
    schema: &str,
    migrations: &[Migration],
    clock: Option<Arc<dyn Clock>>,
    publish: Publish,
) -> Store {
    let options = postgres::Options {
        lanes: 2,
        readers: 3,
        schema: Some(schema.to_owned()),
        clock,
        ..postgres::Options::at(PostgresServer::of_this_process().url())
    };
    let store = Store::open_postgres(options, migrations, publish).await;
    store.expect("opens")
}
