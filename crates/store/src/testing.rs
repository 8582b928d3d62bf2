//! For contract tests: the same test on each engine, each on data of its own.

use std::sync::Arc;

use samband_core::Clock;

use crate::sqlite::Options;
use crate::{Migration, Store};

/// A store with the directory that goes when the test ends.
pub struct TestStore {
    pub name: &'static str,
    pub store: Store,
    _directory: Option<tempfile::TempDir>,
}

/// One empty store per engine and way of opening it.
pub fn every_engine(migrations: &[Migration], clock: &Arc<dyn Clock>) -> Vec<TestStore> {
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
    ]
}
