//! Where a store is, and how to open it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The place of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
}

/// The time in milliseconds since 1970; replaced in tests.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
        }))
    }

    /// A clock of the caller's.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// What an open store may do to its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Create it when absent, upgrade it when older, read and write.
    ReadWrite,
    /// Read an existing file beside another process that writes it.
    ReadOnly,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Where.
    pub url: StoreUrl,
    /// The key file for secrets; by default `holdfast.key` beside the database.
    pub key_file: PathBuf,
    /// What for.
    pub access: Access,
    /// Opens a file whose key is lost: sealed entities are dropped, and a copy of the file is kept beside it.
    pub forget_secrets: bool,
    /// How long a write waits for another process that holds the file, in milliseconds.
    pub busy_timeout_ms: u64,
    /// Read connections.
    pub readers: usize,
    /// The time.
    pub clock: Clock,
}

impl OpenOptions {
    /// The usual options for the SQLite file at `path`.
    pub fn sqlite(path: &Path) -> Self {
        Self {
            key_file: path.with_file_name("holdfast.key"),
            url: StoreUrl::Sqlite(path.to_owned()),
            access: Access::ReadWrite,
            forget_secrets: false,
            busy_timeout_ms: 5_000,
            readers: 4,
            clock: Clock::system(),
        }
    }
}
