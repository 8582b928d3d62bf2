//! Checksums of whole tables, the same in whatever order the rows come.

use sha2::{Digest, Sha256};

use super::table::{ColumnKind, Row, Table, Value};

/// How many rows there are, and the sum of their digests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub rows: u64,
    pub checksum: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, table: &Table, row: &Row) {
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(digest(table, row));
    }
}

/// Of all but positions, which differ by right.
fn digest(table: &Table, row: &Row) -> u64 {
    let mut hash = Sha256::new();
    for (column, value) in table.columns.iter().zip(row) {
        match (column.kind, value) {
            (ColumnKind::Place, _) => {}
            (_, Value::Null) => hash.update([0]),
            (ColumnKind::Past, _) => hash.update([1]),
            (_, Value::Int(number)) => {
                hash.update([2]);
                hash.update(number.to_be_bytes());
            }
            (_, Value::Bytes(bytes)) => {
                hash.update([3]);
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::super::table::Column;
    use super::*;

    const TABLE: Table = Table {
        name: "table",
        columns: &[
            Column::new("pos", ColumnKind::Place),
            Column::bytes("a"),
            Column::bytes("b").nullable(),
            Column::new("past", ColumnKind::Past).nullable(),
        ],
        key: &["a"],
    };

    fn sum(rows: &[Row]) -> Sum {
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(&TABLE, row));
        sum
    }

    fn row(pos: i64, a: &str, b: Value, past: Value) -> Row {
        vec![Value::Int(pos), Value::Bytes(a.into()), b, past]
    }

    #[test]
    fn order_and_positions_do_not_count_and_all_else_does() {
        let bytes = |text: &str| Value::Bytes(text.into());
        let one = row(1, "ab", bytes("c"), Value::Null);
        let two = row(2, "d", Value::Null, Value::Int(7));
        assert_eq!(sum(&[one.clone(), two.clone()]), sum(&[two.clone(), one.clone()]));
        assert_eq!(
            sum(&[two]),
            sum(&[row(9, "d", Value::Null, Value::Int(0))]),
            "positions"
        );
        for other in [
            row(1, "a", bytes("bc"), Value::Null),
            row(1, "ab", Value::Null, Value::Null),
            row(1, "ab", bytes("c"), Value::Int(0)),
        ] {
            assert_ne!(sum(std::slice::from_ref(&one)), sum(&[other]));
        }
        let once = sum(std::slice::from_ref(&one));
        assert_ne!(once, sum(&[one.clone(), one]), "rows that come twice");
    }
}
