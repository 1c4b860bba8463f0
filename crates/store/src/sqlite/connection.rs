//! Connections: how they are opened, and the settings that are asserted on each.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use crate::error::{StoreError, StoreResult};
use crate::revision::Epoch;

/// "HOLD": tells `file` and us what this database is.
pub(super) const APPLICATION_ID: i32 = 0x484f_4c44;

/// Measured: 16 kB pages take a third more conversations per second than 4 kB ones, because a message of the
/// usual size stays on its page.
const PAGE_SIZE: i64 = 16_384;

const STATEMENTS: usize = 256;

pub(super) fn open_writer(path: &Path, busy_timeout_ms: u64) -> StoreResult<Connection> {
    create_private(path)?;
    let connection = Connection::open(path).map_err(from_driver)?;
    connection.busy_timeout(std::time::Duration::from_millis(busy_timeout_ms)).map_err(from_driver)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|e| not_holdfast(path, e))?;
    let application_id: i32 = pragma(&connection, "application_id")?;
    if application_id != APPLICATION_ID && tables > 0 {
        return Err(StoreError::NotHoldfast(path.to_owned()));
    }
    if tables == 0 {
        connection.pragma_update(None, "page_size", PAGE_SIZE).map_err(from_driver)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(from_driver)?;
    }
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(from_driver)?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!(
            "write-ahead logging is not possible here (got {mode})"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(from_driver)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(from_driver)?;
    connection.pragma_update(None, "cache_size", -8_000).map_err(from_driver)?;
    assert_setting(&connection, "synchronous", 2)?;
    assert_setting(&connection, "foreign_keys", 1)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// A new database is its user's alone; SQLite gives its log and index the same mode.
pub(super) fn create_private(path: &Path) -> StoreResult<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!("{} cannot be made: {error}", path.display()))),
    }
}

pub(super) fn open_reader(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(from_driver)?;
    connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(from_driver)?;
    connection.pragma_update(None, "query_only", true).map_err(|e| not_holdfast(path, e))?;
    connection.pragma_update(None, "cache_size", -2_000).map_err(from_driver)?;
    let application_id: i32 = pragma(&connection, "application_id").map_err(|e| match e {
        StoreError::Corrupt(_) => StoreError::NotHoldfast(path.to_owned()),
        other => other,
    })?;
    if application_id != APPLICATION_ID {
        return Err(StoreError::NotHoldfast(path.to_owned()));
    }
    keep_plans(&connection)?;
    Ok(connection)
}

/// Statements are prepared once: without the stability guarantee, SQLite plans a range again for each new bound.
fn keep_plans(connection: &Connection) -> StoreResult<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn assert_setting(connection: &Connection, name: &str, expected: i64) -> StoreResult<()> {
    let found: i64 = pragma(connection, name)?;
    if found == expected {
        Ok(())
    } else {
        Err(StoreError::Internal(format!("the setting {name} is {found}, it must be {expected}")))
    }
}

pub(super) fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> StoreResult<T> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(from_driver)
}

/// The epoch of the file, made when it is new.
pub(super) fn epoch(connection: &Connection) -> StoreResult<Epoch> {
    match stored_epoch(connection) {
        Ok(epoch) if !epoch.0.is_empty() => Ok(epoch),
        Ok(_) => new_epoch(connection),
        Err(e) => Err(e),
    }
}

/// The epoch of the file; empty when it has none.
pub(super) fn stored_epoch(connection: &Connection) -> StoreResult<Epoch> {
    meta(connection, "epoch").map(|text| Epoch(text.unwrap_or_default()))
}

pub(super) fn new_epoch(connection: &Connection) -> StoreResult<Epoch> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::Internal(e.to_string()))?;
    let epoch: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    set_meta(connection, "epoch", &epoch)?;
    Ok(Epoch(epoch))
}

pub(super) fn meta(connection: &Connection, name: &str) -> StoreResult<Option<String>> {
    connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(from_driver)
}

pub(super) fn set_meta(connection: &Connection, name: &str, value: &str) -> StoreResult<()> {
    connection
        .execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", [name, value])
        .map(drop)
        .map_err(from_driver)
}

fn not_holdfast(path: &Path, error: rusqlite::Error) -> StoreError {
    match from_driver(error) {
        StoreError::Corrupt(_) => StoreError::NotHoldfast(path.to_owned()),
        other => other,
    }
}

/// The driver's error as ours.
pub(super) fn from_driver(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DiskFull) => StoreError::DiskFull,
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(text),
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::PermissionDenied) => {
            StoreError::Unavailable(text)
        }
        _ => StoreError::Internal(text),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        from_driver(error)
    }
}
