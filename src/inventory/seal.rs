//! What makes a row count: a MAC over its table's name and all its columns, and ids that nobody can choose
//! who has not the hashing key. Rows of another hashing key have other ids, so that both lie side by side.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::types::{Value, ValueRef};
use sha2::Sha256;

use crate::finding::fingerprint::FingerprintKey;

/// Bytes of a row's MAC.
pub(super) const MAC: usize = 16;

/// Seals rows, and makes their ids.
#[derive(Clone)]
pub(super) struct Seal {
    rows: Hmac<Sha256>,
    ids: Hmac<Sha256>,
}

impl Seal {
    /// The seal of a hashing key.
    pub(super) fn new(key: &FingerprintKey) -> Option<Self> {
        let of = |purpose: &[u8]| Hmac::<Sha256>::new_from_slice(key.derive(purpose).as_slice()).ok();
        Some(Self { rows: of(b"ksf1 inventory")?, ids: of(b"ksf1 inventory id")? })
    }

    /// The id of what these words name together.
    pub(super) fn id(&self, kind: &str, words: &[&str]) -> i64 {
        let mut mac = self.ids.clone();
        for word in std::iter::once(&kind).chain(words) {
            mac.update(&(word.len() as u64).to_le_bytes());
            mac.update(word.as_bytes());
        }
        let bytes = mac.finalize().into_bytes();
        i64::from_le_bytes(std::array::from_fn(|at| bytes[at]))
    }

    /// The MAC of a row.
    pub(super) fn of<'a>(&self, table: &str, row: impl IntoIterator<Item = ValueRef<'a>>) -> [u8; MAC] {
        let bytes = self.mac(table, row).finalize().into_bytes();
        std::array::from_fn(|at| bytes[at])
    }

    /// Whether `code` is the MAC of a row.
    pub(super) fn is_of<'a>(
        &self,
        code: &[u8],
        table: &str,
        row: impl IntoIterator<Item = ValueRef<'a>>,
    ) -> bool {
        code.len() == MAC && self.mac(table, row).verify_truncated_left(code).is_ok()
    }

    fn mac<'a>(&self, table: &str, row: impl IntoIterator<Item = ValueRef<'a>>) -> Hmac<Sha256> {
        let mut mac = self.rows.clone();
        // Most rows are short: one call on a buffer costs less than three on each column.
        let mut text = [0_u8; 192];
        let mut filled = 0;
        let mut put = |bytes: &[u8]| match text.get_mut(filled..filled + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                filled += bytes.len();
            }
            None => {
                mac.update(&text[..filled]);
                filled = 0;
                mac.update(bytes);
            }
        };
        put(&[b't', u8::try_from(table.len()).unwrap_or(u8::MAX)]);
        put(table.as_bytes());
        for value in row {
            let length = |bytes: &[u8]| (bytes.len() as u64).to_le_bytes();
            match value {
                ValueRef::Null => put(b"n"),
                ValueRef::Integer(number) => {
                    put(b"i");
                    put(&number.to_le_bytes());
                }
                ValueRef::Real(number) => {
                    put(b"r");
                    put(&number.to_bits().to_le_bytes());
                }
                ValueRef::Text(bytes) => {
                    put(b"s");
                    put(&length(bytes));
                    put(bytes);
                }
                ValueRef::Blob(bytes) => {
                    put(b"b");
                    put(&length(bytes));
                    put(bytes);
                }
            }
        }
        mac.update(text.get(..filled).unwrap_or_default());
        mac
    }
}

/// A value as it is sealed.
pub(super) fn by_reference(value: &Value) -> ValueRef<'_> {
    ValueRef::from(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(byte: u8) -> Seal {
        Seal::new(&FingerprintKey::from_bytes([byte; 32])).expect("a seal")
    }

    #[test]
    fn a_row_counts_in_its_table_with_its_columns_and_under_its_key_only() {
        let row = [ValueRef::Integer(7), ValueRef::Text(b"ab"), ValueRef::Text(b"c"), ValueRef::Null];
        let code = seal(1).of("tag", row);
        assert!(seal(1).is_of(&code, "tag", row));
        assert!(!seal(2).is_of(&code, "tag", row), "another hashing key");
        assert!(!seal(1).is_of(&code, "image", row), "another table");
        assert!(!seal(1).is_of(&code[..15], "tag", row), "a shorter code");
        let moved = [ValueRef::Integer(7), ValueRef::Text(b"a"), ValueRef::Text(b"bc"), ValueRef::Null];
        assert!(!seal(1).is_of(&code, "tag", moved), "a byte moved to the next column");
        let blob = [ValueRef::Integer(7), ValueRef::Blob(b"ab"), ValueRef::Text(b"c"), ValueRef::Null];
        assert!(!seal(1).is_of(&code, "tag", blob), "another type");
        let long = "x".repeat(500);
        let wide = [ValueRef::Text(long.as_bytes()), ValueRef::Integer(1)];
        let code = seal(1).of("tag", wide);
        let other = format!("{}y", &long[1..]);
        assert!(seal(1).is_of(&code, "tag", wide));
        assert!(!seal(1).is_of(&code, "tag", [ValueRef::Text(other.as_bytes()), ValueRef::Integer(1)]));
    }

    #[test]
    fn ids_tell_words_apart() {
        let seal = seal(1);
        assert_ne!(seal.id("tag", &["ab", "c"]), seal.id("tag", &["a", "bc"]));
        assert_ne!(seal.id("tag", &["a"]), seal.id("image", &["a"]));
    }
}
