//! SQLite's files: rows, rows that were deleted, values that are cut over pages, and the log.

use std::sync::LazyLock;

use super::place::{Place, at, check, key};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    vec![
        rows("row", "", ""),
        rows("row of a large page", "pragma page_size=65536;", ""),
        rows("row in UTF-16", "pragma encoding='UTF-16le';", ""),
        rows("index", "", "create index i on t(value);"),
        rows("deleted row", "", "pragma secure_delete=off; delete from t where value like 'ghp%';"),
        rows("dropped table", "", "pragma secure_delete=off; drop table t;"),
        overflow("overflow", "text"),
        overflow("overflow in a blob", "blob"),
        log(),
    ]
});

/// A row in a small table.
fn rows(name: &str, before: &str, after: &str) -> Place {
    let shop = Workshop::new();
    let many = "with recursive c(x) as (select 1 union all select x+1 from c where x<500) insert into t select 'user '||x,'none' from c;";
    let sql = format!(
        "{before} create table t(user text, value text); {many} insert into t values('dev','{}'); {many} {after}",
        key(name)
    );
    let bytes = shop.write("sql", sql).run("sqlite3 out.db < sql").read("out.db");
    Place::new(&format!("var/lib/app/{name}.db"), bytes).holds(name, at().anyhow())
}

/// A value of several pages, with the key where one page goes over into the next: the pages of a value are
/// not one behind the other, and each begins with the number of the next.
fn overflow(name: &str, kind: &str) -> Place {
    let key = key(name);
    // One length, so that the pages are cut at the same places: the key goes through them.
    let filler = "lorem ipsum dolor ".repeat(1_200);
    for before in (8_000..12_200).step_by(20) {
        let shop = Workshop::new();
        let value = format!("{} {key} {}", &filler[..before], &filler[before..]);
        let other = "y".repeat(9_000);
        let sql = format!(
            "pragma page_size=4096; create table t(value {kind}); insert into t values('{other}');
             insert into t values('{value}'); insert into t values('{other}'); delete from t where rowid=1; vacuum;"
        );
        let bytes = shop.write("sql", sql).run("sqlite3 out.db < sql").read("out.db");
        if memchr::memmem::find(&bytes, key.as_bytes()).is_none() {
            return Place::new(&format!("var/lib/app/{name}.sqlite3"), bytes).holds(name, at().anyhow());
        }
    }
    panic!("no length puts the key over two pages");
}

/// A change that is only in the write-ahead log.
fn log() -> Place {
    let shop = Workshop::new();
    let name = "write-ahead log";
    let sql = format!(
        ".filectrl persist_wal 1\npragma journal_mode=wal; pragma wal_autocheckpoint=0; create table t(value text);\ninsert into t values('{}');\n.shell cp out.db-wal saved\n",
        key(name)
    );
    let bytes = shop.write("sql", sql).run("sqlite3 out.db < sql").read("saved");
    Place::new("var/lib/app/app.db-wal", bytes).holds(name, at().anyhow())
}

#[test]
fn in_databases() {
    check(&PLACES);
}
