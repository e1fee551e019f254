//! SQLite databases that sqlite3 makes.

use std::path::Path;

use keyseam::limits::SQLITE_HELD;
use serde_json::json;

use super::{Contents, Report, run, write};
use crate::scan::{key, line};
use crate::support::image::Compression;

/// A database of these statements.
pub(super) fn database(folder: &Path, sql: &str) -> Vec<u8> {
    let file = folder.join("app.db");
    let _ = std::fs::remove_file(&file);
    run(folder, "sqlite3", &["app.db"], sql.as_bytes());
    std::fs::read(file).expect("the database")
}

/// Values next to each other, long ones, many rows, a blob that is compressed, a table without row ids.
pub(super) fn statements() -> String {
    let hex: String = Compression::Gzip.apply(&line(3)).iter().map(|byte| format!("{byte:02x}")).collect();
    let long = format!("{}{}", "x".repeat(3_900), " ".repeat(150));
    format!(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, token TEXT, CONSTRAINT c UNIQUE (name));
         CREATE INDEX by_token ON users (token);
         CREATE TABLE \"key value\" (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
         CREATE TABLE files (name TEXT, body BLOB);
         CREATE VIEW v AS SELECT 'in a view {view}';
         BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO users SELECT i, 'user' || i, 'none' || i FROM n;
         UPDATE users SET token = '{glued}' WHERE id = 700;
         INSERT INTO \"key value\" VALUES ('a', 'b'), ('token', '{pair}'), ('z', 'z');
         INSERT INTO files VALUES ('x.gz', x'{hex}'), ('long', '{long}{deep} {long}'), ('last', 'last');
         COMMIT;\n",
        view = key(5),
        glued = key(1),
        pair = key(2),
        deep = key(4),
    )
}

#[test]
fn values_come_out_each_on_its_line() {
    for (size, encoding) in
        [(512, "UTF-8"), (4096, "UTF-8"), (65_536, "UTF-8"), (4096, "UTF-16le"), (1024, "UTF-16be")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = format!("PRAGMA page_size = {size}; PRAGMA encoding = '{encoding}';\n");
        let database = database(folder.path(), &(settings + &statements()));
        let contents = Contents::of(&database);
        contents.assert_whole();
        let dump = |sql: &str| run(folder.path(), "sqlite3", &["app.db", sql], b"");
        let expected = dump("SELECT 'name=' || name || char(10) || 'token=' || token FROM users ORDER BY id");
        assert!(contents.member("users") == expected, "{size} {encoding}");
        assert_eq!(
            contents.member("key value"),
            dump("SELECT k || char(10) || v FROM \"key value\" ORDER BY k")
        );
        assert_eq!(
            contents.member("files.body"),
            dump("SELECT writefile('/dev/stdout', body) FROM files LIMIT 1")
                .get(..contents.member("files.body").len())
                .unwrap_or_default()
        );
        let schema = String::from_utf8_lossy(contents.member("sqlite_schema")).into_owned();
        assert!(schema.contains("name=users\ntbl_name=users\nsql=CREATE TABLE users ("), "{schema}");
        let report = Report::of(&[("app.db", &database)]);
        let line_of = |member: &str, number: u64| {
            let members = contents.members.iter().filter(|(name, _)| name.as_deref() == Some(member));
            let bytes: Vec<&Vec<u8>> = members.map(|(_, bytes)| bytes).collect();
            let found = bytes.iter().find_map(|bytes| {
                let at = memchr::memmem::find(bytes, key(number).as_bytes())?;
                Some(memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1)
            });
            found.expect("the key")
        };
        assert_eq!(report.places(1), [format!("app.db!users {}", line_of("users", 1))]);
        assert_eq!(report.places(2), ["app.db!key value 4"]);
        assert_eq!(report.places(3), ["app.db!files.body 1 (gzip)"]);
        assert_eq!(report.places(4), [format!("app.db!files {}", line_of("files", 4))]);
        assert_eq!(report.places(5), [format!("app.db!sqlite_schema {}", line_of("sqlite_schema", 5))]);
        assert_eq!(report.opaque(), &json!({}));
    }
}

#[test]
fn rows_of_a_dropped_table_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let sql = format!(
        "PRAGMA secure_delete = off; CREATE TABLE keep (a); CREATE TABLE gone (a, b);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
            INSERT INTO gone SELECT 'row' || i, '{}' || i FROM n;
         DROP TABLE gone;",
        "filler".repeat(9)
    );
    let database = database(folder.path(), &sql);
    let contents = Contents::of(&database);
    contents.assert_whole();
    let deleted: Vec<_> = contents
        .members
        .iter()
        .filter(|(name, _)| name.as_deref().is_some_and(|name| name.starts_with("page ")))
        .collect();
    assert!(deleted.len() > 3, "{:?}", contents.names());
    assert!(deleted.iter().any(|(_, content)| content.starts_with(b"row")));
}

#[test]
fn a_log_is_read_page_by_page() {
    let folder = tempfile::tempdir().expect("a folder");
    // Killed in the middle, the log stays.
    let script = "import os, sqlite3, sys
db = sqlite3.connect('app.db', isolation_level=None)
db.execute('PRAGMA journal_mode = wal')
db.execute('CREATE TABLE t (a, b, c)')
for token in sys.argv[1:]:
    db.execute('INSERT INTO t VALUES (?, ?, ?)', ('glued', token, 'glued'))
    db.execute('UPDATE t SET b = NULL')
os._exit(0)
";
    write(folder.path(), "make.py", script);
    run(folder.path(), "python3", &["make.py", &key(1), &key(2)], b"");
    let log = std::fs::read(folder.path().join("app.db-wal")).expect("a log");
    let contents = Contents::of(&log);
    contents.assert_whole();
    assert!(contents.names().contains(&"page 2"), "{:?}", contents.names());
    let report = Report::of(&[("app.db-wal", &log)]);
    for number in [1, 2] {
        assert!(report.places(number)[0].starts_with("app.db-wal!page 2 "), "{:?}", report.places(number));
    }
    let cut = Contents::of(&log[..log.len() - 10]);
    assert_eq!(cut.fault.map(|fault| fault.0), Some("truncated"));
}

#[test]
fn a_large_database_is_read_page_by_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = SQLITE_HELD / 1024 + 100;
    let sql = format!(
        "PRAGMA journal_mode = off; CREATE TABLE t (a, b, c); BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
            INSERT INTO t SELECT 'a', hex(randomblob(500)), 'c' FROM n;
         INSERT INTO t VALUES ('glued', '{}', 'glued'); COMMIT;",
        key(1)
    );
    let database = database(folder.path(), &sql);
    assert!(database.len() > SQLITE_HELD);
    let contents = Contents::sliced(&database, 64 * 1024);
    contents.assert_whole();
    assert!(
        contents == Contents::sliced(&database, 100_000)
            && contents == Contents::sliced(&database, database.len())
    );
    assert_eq!(contents.names()[0], "pages 1-64");
    let report = Report::of(&[("app.db", &database)]);
    let places = report.places(1);
    assert!(places.len() == 1 && places[0].starts_with("app.db!pages "), "{places:?}");
    // A value that runs on in other pages is cut, and that is said.
    let run_on = "INSERT INTO t VALUES ('a', hex(randomblob(9000)), 'c');";
    run(folder.path(), "sqlite3", &["app.db", run_on], b"");
    let database = std::fs::read(folder.path().join("app.db")).expect("the database");
    assert_eq!(Contents::sliced(&database, 64 * 1024).fault.map(|fault| fault.0), Some("limit"));
}

#[test]
fn without_memory_it_is_read_page_by_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path(), &statements());
    let contents = Contents::within(1024, &database);
    assert_eq!(contents.names()[0], "pages 1-64");
    let lines = contents.member("pages 1-64");
    assert!(memchr::memmem::find(lines, format!("\n{}\n", key(1)).as_bytes()).is_some());
}

#[test]
fn pages_that_point_to_each_other_are_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut database = database(folder.path(), &("PRAGMA page_size = 512;\n".to_owned() + &statements()));
    let whole = Contents::of(&database);
    // Every page that a page of the kind names, to itself or to the first one.
    for (number, page) in database.chunks_mut(512).enumerate() {
        if page[0] == 0x05 {
            let at = if number == 0 { 100 } else { 0 };
            page[at + 8..at + 12].copy_from_slice(&(number as u32 + 1).to_be_bytes());
        }
    }
    let contents = Contents::of(&database);
    assert_eq!(contents.fault.map(|fault| fault.0), Some("corrupt"));
    assert!(contents.given <= whole.given * 2);
}
