//! What a database says of its tables: names, where they begin, and their columns.

use super::record::{Value, values};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: Vec<u8>,
    /// Its first page.
    pub(super) root: u32,
    /// Names of its columns, in the order of a record's values; none where that is not sure.
    pub(super) columns: Vec<Vec<u8>>,
}

impl Table {
    /// The table of tables itself.
    pub(super) fn of_tables() -> Self {
        let columns = ["type", "name", "tbl_name", "rootpage", "sql"];
        let columns = columns.map(|column| column.as_bytes().to_vec()).to_vec();
        Self { name: b"sqlite_schema".to_vec(), root: 1, columns }
    }

    /// The table that a record of the schema describes, its texts as `text` reads them.
    pub(super) fn of(record: &[u8], text: impl Fn(&[u8]) -> Vec<u8>) -> Option<Self> {
        let mut values = values(record);
        let mut next = || values.next();
        let (Value::Text(kind), Value::Text(name)) = (next()?, next()?) else { return None };
        let (_, Value::Integer(root)) = (next()?, next()?) else { return None };
        let root = u32::try_from(root).ok().filter(|root| *root > 0)?;
        let sql = if let Some(Value::Text(sql)) = next() { text(sql) } else { Vec::new() };
        (text(kind) == b"table").then(|| Self { name: text(name), root, columns: columns(&sql) })
    }
}

/// Words that begin what is no column.
const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

/// The columns of a `CREATE TABLE`, in the order in which records hold them.
fn columns(sql: &[u8]) -> Vec<Vec<u8>> {
    let upper = sql.to_ascii_uppercase();
    let has = |word: &[u8]| memchr::memmem::find(&upper, word).is_some();
    // The order of such records is another, and a computed column may not be stored.
    if has(b"WITHOUT ROWID") || has(b" AS (") || has(b" AS(") {
        return Vec::new();
    }
    let Some(begin) = memchr::memchr(b'(', sql) else { return Vec::new() };
    let definitions = definitions(sql.get(begin + 1..).unwrap_or_default());
    let names = definitions.into_iter().map(name);
    let is_column = |name: &(Vec<u8>, bool)| {
        name.1 || !CONSTRAINTS.iter().any(|word| name.0.eq_ignore_ascii_case(word.as_bytes()))
    };
    names.take_while(is_column).map(|(name, _)| name).collect()
}

/// What stands between the commas of the outermost parentheses.
fn definitions(sql: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let (mut from, mut depth, mut quote) = (0, 0_usize, None);
    for (at, &byte) in sql.iter().enumerate() {
        match (quote, byte) {
            (Some(end), _) if byte == end => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(byte),
            (None, b'[') => quote = Some(b']'),
            (None, b'(') => depth += 1,
            (None, b')') if depth > 0 => depth -= 1,
            (None, b',' | b')') if depth == 0 => {
                all.push(sql.get(from..at).unwrap_or_default());
                from = at + 1;
                if byte == b')' {
                    return all;
                }
            }
            _ => {}
        }
    }
    all
}

/// The name that a definition begins with, and whether it is quoted.
fn name(definition: &[u8]) -> (Vec<u8>, bool) {
    let definition = definition.trim_ascii();
    let (quote, rest) = match definition.split_first() {
        Some((quote @ (b'"' | b'`' | b'\''), rest)) => (Some(*quote), rest),
        Some((b'[', rest)) => (Some(b']'), rest),
        _ => (None, definition),
    };
    let ends =
        |byte: &u8| quote.map_or_else(|| byte.is_ascii_whitespace() || *byte == b'(', |quote| *byte == quote);
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    (rest.get(..end).unwrap_or_default().to_vec(), quote.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_from_constraints() {
        let of = |sql: &str| {
            columns(sql.as_bytes())
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect::<Vec<_>>()
        };
        let sql = "CREATE TABLE users (id INTEGER PRIMARY KEY, \"api key\" TEXT DEFAULT 'a,b)',\n [x] NUMERIC(10, 2), `check` BLOB, CONSTRAINT c UNIQUE (id, x))";
        assert_eq!(of(sql), ["id", "api key", "x", "check"]);
        assert_eq!(of("CREATE TABLE t(a, b, PRIMARY KEY (a)) WITHOUT ROWID"), [""; 0]);
        assert_eq!(of("CREATE TABLE t(a, b GENERATED ALWAYS AS (a || 'x') VIRTUAL, c)"), [""; 0]);
        assert_eq!(of("CREATE TABLE t(a, b"), ["a"]);
        assert_eq!(of("CREATE VIRTUAL"), [""; 0]);
    }
}
