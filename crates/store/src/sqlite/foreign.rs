//! SQLite files of other programs: read as they lie there, never written, no byte of them trusted.

use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::connection::from_driver;
use crate::error::{StoreError, StoreResult};

/// The first bytes of every SQLite 3 file (<https://sqlite.org/fileformat.html>, section 1.3).
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Where the header names its write and read version: 1 is a rollback journal, 2 a write-ahead log.
const VERSIONS: std::ops::Range<usize> = 18..20;

/// A file of another program.
pub struct Foreign {
    connection: Connection,
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    /// A blob, or text that is no UTF-8.
    Bytes(Vec<u8>),
}

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its rowid.
    pub id: i64,
    columns: Rc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// The value in a column; `None` when the table has no such column.
    pub fn get(&self, column: &str) -> Option<&Value> {
        let at = self.columns.iter().position(|name| name == column)?;
        self.values.get(at)
    }
}

impl Foreign {
    /// Opens the file at `path` and checks its structure. It is not locked and not changed, so nothing else may
    /// write it meanwhile.
    ///
    /// Errors: [`StoreError::Unavailable`] when it cannot be read or changes lie beside it that are not in it
    /// yet, [`StoreError::Corrupt`].
    pub fn open(path: &Path) -> StoreResult<Self> {
        let full = std::fs::canonicalize(path)
            .map_err(|e| StoreError::Unavailable(format!("{} cannot be read: {e}", path.display())))?;
        for suffix in ["-wal", "-journal"] {
            refuse_unsettled(&full, suffix)?;
        }
        // `immutable`: no lock and no file beside it, so that a read-only directory is enough.
        let mut uri = "file:".to_owned();
        for byte in full.as_os_str().as_encoded_bytes() {
            match byte {
                b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                    uri.push(char::from(*byte));
                }
                other => uri.push_str(&format!("%{other:02x}")),
            }
        }
        uri.push_str("?mode=ro&immutable=1");
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::checked(Connection::open_with_flags(uri, flags).map_err(from_driver)?)
    }

    /// The same for a file that is in memory.
    pub fn from_bytes(bytes: &[u8]) -> StoreResult<Self> {
        let mut header = bytes.get(..VERSIONS.end).unwrap_or(bytes).to_vec();
        if header.len() == VERSIONS.end {
            // A write-ahead log needs shared memory, which a file in memory has not.
            header[VERSIONS].fill(1);
        }
        let rest = &bytes[header.len()..];
        let mut connection = Connection::open_in_memory().map_err(from_driver)?;
        connection
            .deserialize_read_exact("main", std::io::Read::chain(header.as_slice(), rest), bytes.len(), true)
            .map_err(from_driver)?;
        Self::checked(connection)
    }

    fn checked(connection: Connection) -> StoreResult<Self> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        for setting in ["cell_size_check", "query_only", "ignore_check_constraints"] {
            connection.pragma_update(None, setting, true).map_err(from_driver)?;
        }
        // What a column may hold is the reader's to judge; here it is about pages and cells.
        let damage = {
            let mut check = connection.prepare("PRAGMA quick_check(100)")?;
            let found = check.query_map([], |row| row.get::<_, String>(0))?;
            let found: Vec<String> = found.collect::<Result<_, _>>()?;
            found.into_iter().find(|line| line != "ok" && !line.contains(" value in "))
        };
        match damage {
            Some(line) => Err(StoreError::Corrupt(line)),
            None => Ok(Self { connection }),
        }
    }

    /// The names of its tables.
    pub fn tables(&self) -> StoreResult<Vec<String>> {
        let mut statement = self.connection.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite_%'",
        )?;
        let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>();
        names.map_err(from_driver)
    }

    /// Gives every row of a table to `each`, by rowid: the order in which they were added.
    pub fn rows(&self, table: &str, mut each: impl FnMut(&Row)) -> StoreResult<()> {
        let sql = format!("SELECT rowid, * FROM \"{}\" ORDER BY rowid", table.replace('"', "\"\""));
        let mut statement = self.connection.prepare(&sql)?;
        let columns = self.columns(table)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let values =
                (1..=columns.len()).map(|at| row.get_ref(at).map(value)).collect::<Result<_, _>>()?;
            each(&Row { id: row.get(0)?, columns: Rc::clone(&columns), values });
        }
        Ok(())
    }

    /// What `*` stands for. Not from the statement: the driver takes a name that is no UTF-8 for impossible.
    fn columns(&self, table: &str) -> StoreResult<Rc<[String]>> {
        let mut statement = self
            .connection
            .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")?;
        let mut rows = statement.query([table])?;
        let mut names = Vec::new();
        while let Some(row) = rows.next()? {
            names.push(match value(row.get_ref(0)?) {
                Value::Text(name) => name,
                Value::Null | Value::Integer(_) | Value::Real(_) | Value::Bytes(_) => String::new(),
            });
        }
        Ok(names.into())
    }
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes(bytes.to_owned()),
        },
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_owned()),
    }
}

/// What a program left beside its file when it was killed belongs into the file, and only a writer can do that.
fn refuse_unsettled(path: &Path, suffix: &str) -> StoreResult<()> {
    let mut beside = OsString::from(path);
    beside.push(suffix);
    match std::fs::metadata(&beside) {
        Ok(found) if found.len() > 0 => Err(StoreError::Unavailable(format!(
            "{} holds changes that are not in the database yet: stop the program that uses it, then open it once \
             with sqlite3",
            Path::new(&beside).display()
        ))),
        Ok(_) | Err(_) => Ok(()),
    }
}
