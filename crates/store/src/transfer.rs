//! Everything that is stored, carried from one store to another, whatever their engines. The rooms
//! declare their tables ([`Table`]); nothing here knows what is in them.

mod ask;
mod run;
mod sum;
mod table;

pub use ask::UnfinishedTransfer;
pub use run::{Compared, Halt, Progress, Side, Transfer, TransferError, Work, check_tables, count};
pub use sum::Sum;
pub use table::{Column, ColumnKind, Table};

pub(crate) use ask::{Counted, RealColumn, Rows, SLICE};
pub(crate) use table::{Order, Row, Value, size};

/// The engine's own tables that are carried over. Not carried: what was applied and who holds a lease,
/// which mean nothing elsewhere, and the epoch, as each log has its own.
pub const TABLES: &[Table] = &[
    Table {
        name: "entry",
        columns: &[
            Column::new("pos", ColumnKind::Place),
            Column::id("stream"),
            Column::int("stamp"),
            Column::int("prev"),
            Column::int("at_ms"),
            Column::id("resource"),
            Column::new("kind", ColumnKind::Small),
            Column::bytes("actor").nullable(),
            Column::int("about").nullable(),
            Column::int("seq").nullable(),
            Column::int("version").nullable(),
            Column::int("edited_ms").nullable(),
            Column::int("deleted_ms").nullable(),
            Column::bytes("doc"),
        ],
        key: &["stream", "stamp"],
    },
    Table {
        name: "repeat",
        columns: &[
            Column::bytes("scope"),
            Column::new("key", ColumnKind::AnyText),
            Column::bytes("request_hash"),
            Column::bytes("reply"),
            Column::int("expires_ms"),
        ],
        key: &["scope", "key"],
    },
];
