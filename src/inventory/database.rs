//! The file: opened so that nothing in it is believed, and rows that count only with a right MAC.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, ToSql, TransactionBehavior};

use super::schema::{INDEXES, TABLES, Table, VERSION};
use super::seal::{MAC, Seal, by_reference};
use crate::limits;

/// The file's name in the cache's folder.
pub(super) const FILE: &str = "inventory.db";

/// What tells the file from other databases: `ksi1`.
const APPLICATION: i32 = 0x6b73_6931;

/// How long a scan waits for the others to have recorded theirs.
const BUSY: Duration = Duration::from_secs(30);

/// Why the inventory cannot be used. Every line names the file.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// There is none yet.
    #[error("nothing is recorded yet: {} is not there; scans record what they find", .0.display())]
    None(PathBuf),
    /// It is a symlink, a folder, a pipe.
    #[error("{} is no file of an inventory; remove it", .0.display())]
    NoFile(PathBuf),
    /// It is something else, or damaged.
    #[error("{path} is no inventory, or is damaged ({why}); 'keyseam inventory clear' removes it",
        path = .0.display(), why = .1)]
    Damaged(PathBuf, String),
    /// Another version of the program made it.
    #[error("{path} is an inventory of version {found}, and this program reads version {VERSION}; \
             'keyseam inventory clear' removes it, and the next scans record anew", path = .0.display(), found = .1)]
    Version(PathBuf, i64),
    /// The system refuses.
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    Io(PathBuf, String),
    /// Others keep it busy.
    #[error("{} is kept busy by other scans", .0.display())]
    Busy(PathBuf),
}

/// The file, open.
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) seal: Seal,
    path: PathBuf,
}

/// Where the file of a cache's folder is.
pub fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

impl Database {
    /// Opens the file of `folder` to read it.
    pub(super) fn read(folder: &Path, seal: Seal) -> Result<Self, InventoryError> {
        let path = path(folder);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(InventoryError::None(path)),
            Err(error) => return Err(InventoryError::Io(path, error.to_string())),
            Ok(metadata) if !metadata.is_file() => return Err(InventoryError::NoFile(path)),
            Ok(metadata) if metadata.len() == 0 => return Err(InventoryError::None(path)),
            Ok(_) => {}
        }
        // A scan that was ended in the middle is undone by whoever opens the file next, so it is opened to be written.
        let database = Self::open(folder, OpenFlags::SQLITE_OPEN_READ_WRITE, seal)?;
        database
            .connection
            .pragma_update(None, "query_only", true)
            .map_err(|error| database.fault(&error))?;
        match database.versions().map_err(|error| database.fault(&error))? {
            (APPLICATION, VERSION) => database.check_schema()?,
            (APPLICATION, version) => return Err(InventoryError::Version(path, version)),
            // A scan is about to make its tables.
            (0, 0) if database.is_empty() => return Err(InventoryError::None(path)),
            _ => return Err(InventoryError::Damaged(path, "it is another kind of database".to_owned())),
        }
        Ok(database)
    }

    fn is_empty(&self) -> bool {
        let tables = "SELECT count(*) FROM sqlite_schema";
        self.connection.query_row(tables, [], |row| row.get::<_, i64>(0)).is_ok_and(|tables| tables == 0)
    }

    /// Opens the file of `folder` to write to it, and makes what is not there.
    pub(super) fn write(folder: &Path, seal: Seal) -> Result<Self, InventoryError> {
        let path = path(folder);
        make(folder, &path)?;
        let mut database = Self::open(folder, OpenFlags::SQLITE_OPEN_READ_WRITE, seal)?;
        let versions = database.versions().map_err(|error| database.fault(&error))?;
        match versions {
            (APPLICATION, VERSION) => database.check_schema()?,
            (APPLICATION, version) => return Err(InventoryError::Version(path, version)),
            (0, 0) => database.create()?,
            _ => return Err(InventoryError::Damaged(path, "it is another kind of database".to_owned())),
        }
        Ok(database)
    }

    fn open(folder: &Path, access: OpenFlags, seal: Seal) -> Result<Self, InventoryError> {
        let path = path(folder);
        // The folder may be reached over symlinks of its owner's; the file itself is none.
        let real =
            folder.canonicalize().map_err(|error| InventoryError::Io(path.clone(), error.to_string()))?;
        let flags = access
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
        let opened = Connection::open_with_flags(real.join(FILE), flags);
        let connection = opened.map_err(|error| fault(&path, &error))?;
        harden(&connection).map_err(|error| fault(&path, &error))?;
        Ok(Self { connection, seal, path })
    }

    /// What kind of file it is, and of which version.
    fn versions(&self) -> rusqlite::Result<(i32, i64)> {
        let number = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok((i32::try_from(number("application_id")?).unwrap_or(-1), number("user_version")?))
    }

    fn create(&mut self) -> Result<(), InventoryError> {
        let path = self.path.clone();
        let fault = |error: rusqlite::Error| fault(&path, &error);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let tables: i64 = transaction
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(fault)?;
        // Another scan may have made them meanwhile.
        if tables == 0 {
            for sql in TABLES.iter().map(|table| table.sql()).chain(INDEXES.map(str::to_owned)) {
                transaction.execute(&sql, []).map_err(fault)?;
            }
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(fault)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(fault)?;
        }
        transaction.commit().map_err(fault)?;
        self.check_schema()
    }

    /// Refuses tables, views and triggers that are not the program's own.
    fn check_schema(&self) -> Result<(), InventoryError> {
        let mut wanted: Vec<String> = TABLES.iter().map(|table| table.sql()).collect();
        wanted.extend(INDEXES.map(str::to_owned));
        wanted.sort();
        let found = || -> rusqlite::Result<Vec<String>> {
            let mut statement =
                self.connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL LIMIT 1000")?;
            let found = statement.query_map([], |row| row.get(0))?;
            found.collect()
        };
        let mut found = found().map_err(|error| self.fault(&error))?;
        found.sort();
        if found == wanted {
            return Ok(());
        }
        Err(InventoryError::Damaged(self.path.clone(), "its tables are not an inventory's".to_owned()))
    }

    /// What to tell of an error.
    pub(super) fn fault(&self, error: &rusqlite::Error) -> InventoryError {
        fault(&self.path, error)
    }

    /// Does `work` whole or not at all, with the file for itself.
    pub(super) fn transaction<T>(
        &self,
        work: impl FnOnce() -> rusqlite::Result<T>,
    ) -> Result<T, InventoryError> {
        let done = self.connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| work());
        let done = done.and_then(|value| self.connection.execute_batch("COMMIT").map(|()| value));
        done.map_err(|error| {
            // There may be none any more: the error stays the one that is told.
            let _ = self.connection.execute_batch("ROLLBACK");
            self.fault(&error)
        })
    }

    /// Writes a row over the one with its key.
    pub(super) fn put(&self, table: &Table, row: &[Value]) -> rusqlite::Result<()> {
        let code = self.seal.of(table.name, row.iter().map(by_reference));
        let marks = vec!["?"; row.len() + 1].join(",");
        let sql = format!("INSERT OR REPLACE INTO {} VALUES ({marks})", table.name);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let code: &dyn ToSql = &code.as_slice();
        let cells: Vec<&dyn ToSql> = row.iter().map(|cell| cell as &dyn ToSql).chain([code]).collect();
        statement.execute(cells.as_slice()).map(|_| ())
    }

    /// What `take` makes of the rows that count, of at most [`limits::INVENTORY_ROWS`].
    pub(super) fn rows<T>(
        &self,
        table: &Table,
        condition: &str,
        parameters: &[&dyn ToSql],
        mut take: impl FnMut(&Cells<'_>) -> Option<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut all = Vec::new();
        self.joined(&[table], &format!("{} {condition}", table.name), parameters, |cells| {
            all.extend(cells.first().and_then(&mut take));
        })?;
        Ok(all)
    }

    /// The row that counts.
    pub(super) fn row<T>(
        &self,
        table: &Table,
        condition: &str,
        parameters: &[&dyn ToSql],
        take: impl FnMut(&Cells<'_>) -> Option<T>,
    ) -> rusqlite::Result<Option<T>> {
        Ok(self.rows(table, condition, parameters, take)?.into_iter().next())
    }

    /// Gives `take` what stands together, where all of it counts. `from` names the tables by their own names.
    pub(super) fn joined(
        &self,
        tables: &[&Table],
        from: &str,
        parameters: &[&dyn ToSql],
        mut take: impl FnMut(&[Cells<'_>]),
    ) -> rusqlite::Result<()> {
        let columns: Vec<String> = tables.iter().map(|table| table.selected()).collect();
        let most = limits::INVENTORY_ROWS;
        let sql = format!("SELECT {} FROM {from} LIMIT {most}", columns.join(","));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            let mut cells = Vec::with_capacity(tables.len());
            let mut start = 0;
            for table in tables {
                let part = Cells { row, start };
                let length = table.columns.len();
                if part.count(&self.seal, table.name, length) {
                    cells.push(part);
                }
                start += length + 1;
            }
            if cells.len() == tables.len() {
                take(&cells);
            }
        }
        Ok(())
    }

    /// Removes rows.
    pub(super) fn remove(
        &self,
        table: &Table,
        condition: &str,
        parameters: &[&dyn ToSql],
    ) -> rusqlite::Result<()> {
        let sql = format!("DELETE FROM {} {condition}", table.name);
        self.connection.prepare_cached(&sql)?.execute(parameters).map(|_| ())
    }
}

/// The columns of one table in a row.
pub(super) struct Cells<'a> {
    row: &'a Row<'a>,
    start: usize,
}

impl Cells<'_> {
    fn count(&self, seal: &Seal, table: &str, length: usize) -> bool {
        let cell = |at: usize| self.row.get_ref(self.start + at).unwrap_or(ValueRef::Null);
        match cell(length) {
            ValueRef::Blob(code) if code.len() == MAC => seal.is_of(code, table, (0..length).map(cell)),
            _ => false,
        }
    }

    /// A number.
    pub(super) fn number(&self, column: usize) -> Option<i64> {
        self.row.get_ref(self.start + column).ok()?.as_i64().ok()
    }

    /// A text.
    pub(super) fn text(&self, column: usize) -> Option<String> {
        self.row.get_ref(self.start + column).ok()?.as_str().ok().map(str::to_owned)
    }

    /// A text that may be missing.
    pub(super) fn maybe(&self, column: usize) -> Option<Option<String>> {
        let cell = self.row.get_ref(self.start + column).ok()?;
        cell.as_str_or_null().ok().map(|text| text.map(str::to_owned))
    }

    /// Bytes.
    pub(super) fn bytes(&self, column: usize) -> Option<Vec<u8>> {
        self.row.get_ref(self.start + column).ok()?.as_blob().ok().map(<[u8]>::to_vec)
    }
}

/// Makes folder and file, for their owner alone.
fn make(folder: &Path, path: &Path) -> Result<(), InventoryError> {
    let io = |error: io::Error| InventoryError::Io(path.to_owned(), error.to_string());
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(InventoryError::NoFile(path.to_owned())),
        Err(_) => match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io(error)),
            _ => Ok(()),
        },
    }
}

/// The file may come from anybody: nothing that it defines runs.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    for (option, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    ] {
        connection.set_db_config(option, is_on)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, limits::INVENTORY_CELL)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    // Kibibytes of pages that one process holds.
    connection.pragma_update(None, "cache_size", -65_536)?;
    Ok(())
}

fn fault(path: &Path, error: &rusqlite::Error) -> InventoryError {
    let path = path.to_owned();
    let code = error.sqlite_error_code();
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => InventoryError::Busy(path),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull,
        ) => InventoryError::Io(path, error.to_string()),
        Some(ErrorCode::NotADatabase) => InventoryError::Damaged(path, "it is no database".to_owned()),
        // The words of other errors may repeat what the file holds.
        _ => InventoryError::Damaged(path, "it cannot be read as one".to_owned()),
    }
}
