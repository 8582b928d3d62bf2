//! Schema changes: each room numbers its own, the engine applies what is missing, in order.

/// One step of a room's schema. Steps are never edited once released, only followed by others.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub room: &'static str,
    pub number: u32,
    pub sqlite: &'static str,
    /// The same on PostgreSQL; none where only the embedded engine's tables are older than the step.
    pub postgres: &'static str,
}

/// The engine's own tables: the log, the remembered repeats, the log's epoch, a transfer's mark.
pub(crate) const OWN: &[Migration] = &[
    Migration {
        room: "store",
        number: 1,
        sqlite: include_str!("sqlite/0001_log.sql"),
        postgres: include_str!("postgres/0001_log.sql"),
    },
    Migration {
        room: "store",
        number: 2,
        sqlite: include_str!("sqlite/0002_epoch.sql"),
        postgres: include_str!("postgres/0002_epoch.sql"),
    },
    Migration {
        room: "store",
        number: 3,
        sqlite: include_str!("sqlite/0003_transfer.sql"),
        postgres: include_str!("postgres/0003_transfer.sql"),
    },
];
