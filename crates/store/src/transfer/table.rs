//! Tables as both engines have them.

/// A table whose rows are carried from one store to another.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
    /// The columns that rows are told apart by, and read in the order of.
    pub key: &'static [&'static str],
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub kind: ColumnKind,
    pub nullable: bool,
}

/// What a column holds, and so its type on each engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// 16 bytes: BLOB, uuid.
    Id,
    /// BLOB, bytea.
    Bytes,
    /// INTEGER, bigint.
    Int,
    /// INTEGER, integer.
    Medium,
    /// INTEGER, smallint.
    Small,
    /// INTEGER that the engine gives where none is given, bigint with a sequence.
    Serial,
    /// INTEGER 0 or 1, boolean.
    Bool,
    /// Text without U+0000: TEXT, text.
    Text,
    /// Text that may hold U+0000: TEXT, bytea.
    AnyText,
    /// An entry's own position. Positions mean something in their log alone: in another log those of
    /// entries from elsewhere stand before all that it gives itself.
    Place,
    /// A position that something happened at: another log did not see it happen, so 0 there.
    Past,
}

impl Column {
    pub const fn new(name: &'static str, kind: ColumnKind) -> Self {
        let nullable = false;
        Self { name, kind, nullable }
    }
    pub const fn id(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Id)
    }
    pub const fn bytes(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Bytes)
    }
    pub const fn int(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Int)
    }
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Text)
    }
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
}

/// A stored value. Text is bytes, a boolean is 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Bytes(Vec<u8>),
}

/// The values of a table's columns, in their order.
pub(crate) type Row = Vec<Value>;

/// In what order a store reads the entries of its log: that of which it has one index for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Key,
    Place,
}

impl Table {
    /// The columns that rows are read in the order of.
    pub(crate) fn order(&self, order: Order) -> Vec<&'static Column> {
        let place = self.columns.iter().find(|column| column.kind == ColumnKind::Place);
        match place {
            Some(place) if order == Order::Place => vec![place],
            _ => self.key_columns(),
        }
    }

    pub(crate) fn all_columns(&self) -> Vec<&'static Column> {
        self.columns.iter().collect()
    }

    pub(crate) fn key_columns(&self) -> Vec<&'static Column> {
        let named = |name: &&str| self.columns.iter().find(|column| column.name == *name);
        self.key.iter().filter_map(named).collect()
    }

    pub(crate) fn has(&self, kind: ColumnKind) -> bool {
        self.columns.iter().any(|column| column.kind == kind)
    }

    /// Where a row stands in an order.
    pub(crate) fn cursor(&self, row: &Row, order: Order) -> Vec<Value> {
        let columns = self.order(order);
        let at = |name: &str| self.columns.iter().position(|column| column.name == name);
        let values = columns.iter().filter_map(|column| row.get(at(column.name)?));
        values.cloned().collect()
    }
}

impl Value {
    /// About how much room it takes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Int(_) => 8,
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

pub(crate) fn size(row: &Row) -> usize {
    32 + row.iter().map(Value::size).sum::<usize>()
}
