//! Which database a command is for, and who has it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use holdfast_store::url::Access;
use holdfast_store::{OpenOptions, Store, StoreError};

use super::remote::Server;
use crate::lock::{self, Lock};

/// Flags of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseOptions {
    /// The database file; by default holdfast.db in the platform's data directory
    #[arg(long, env = "HOLDFAST_DB", value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// The key file for secrets; by default holdfast.key beside the database
    #[arg(long, env = "HOLDFAST_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The token of the server that has the database
    #[arg(long, env = "HOLDFAST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// A database file and its key.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) path: PathBuf,
    pub(super) key_file: PathBuf,
    token: Option<String>,
}

impl DatabaseOptions {
    /// With the platform's defaults.
    pub(super) fn resolve(self) -> anyhow::Result<Database> {
        let path = match self.db {
            Some(path) => path,
            None => crate::config::default_db().map_err(|e| anyhow!(e))?,
        };
        let key_file = self.key_file.unwrap_or_else(|| path.with_file_name("holdfast.key"));
        Ok(Database { path, key_file, token: self.token.filter(|t| !t.is_empty()) })
    }
}

impl Database {
    /// The server that has the file.
    pub(super) fn server(&self) -> Option<Server> {
        let holder = lock::holder(&self.path).filter(|h| !h.url.is_empty())?;
        Some(Server::new(&holder.url, self.token.as_deref()))
    }

    /// Takes the file for this process. Errors: who has it.
    pub(super) fn lock(&self) -> anyhow::Result<Lock> {
        if let Some(directory) = self.path.parent().filter(|d| !d.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)
                .map_err(|e| anyhow!("cannot create {}: {e}; check its permissions", directory.display()))?;
        }
        lock::acquire(&self.path).map_err(|why| anyhow!("cannot use {}: {why}", self.path.display()))
    }

    /// Errors when there is no file yet.
    pub(super) fn must_exist(&self) -> anyhow::Result<()> {
        if self.path.is_file() {
            return Ok(());
        }
        bail!(
            "there is no database at {}; name it with --db, or make one with `holdfast import FILE` or `holdfast serve`",
            self.path.display()
        )
    }

    pub(super) fn open(&self, access: Access) -> anyhow::Result<Arc<dyn Store>> {
        holdfast_store::open(&self.options(access)).map_err(|why| explain(&why, &self.path))
    }

    pub(super) fn options(&self, access: Access) -> OpenOptions {
        OpenOptions { key_file: self.key_file.clone(), access, ..OpenOptions::sqlite(&self.path) }
    }
}

/// An error of the store with what to do about it.
pub(super) fn explain(error: &StoreError, path: &Path) -> anyhow::Error {
    anyhow!("{}: {error}; {}", path.display(), advice(error))
}

/// What to do about an error.
pub(super) fn advice(error: &StoreError) -> String {
    match error {
        StoreError::WrongKey(_) => {
            "put the key file back or name it with --key-file; if it is lost, `holdfast \
                                    doctor --forget-secrets` keeps everything but the secrets"
                .to_owned()
        }
        StoreError::Newer { .. } => "use the newer Holdfast that wrote it".to_owned(),
        StoreError::HalfMigrated { snapshot: Some(copy) } => {
            format!("`holdfast restore --force {}` brings back what was before", copy.display())
        }
        StoreError::HalfMigrated { snapshot: None } => {
            "`holdfast restore --force FILE` brings back a backup".to_owned()
        }
        StoreError::Corrupt(_) => {
            "`holdfast verify` says what, `holdfast restore --force FILE` brings back a backup".to_owned()
        }
        StoreError::NotHoldfast(_) => "name another file with --db".to_owned(),
        StoreError::ReadOnly => "give this user the right to write the file and its directory".to_owned(),
        StoreError::DiskFull => "make room on the disk and try again".to_owned(),
        StoreError::Busy => "try again, or stop the other process".to_owned(),
        StoreError::Conflict { .. } => "run the command again".to_owned(),
        StoreError::Unavailable(_)
        | StoreError::InvalidId(_)
        | StoreError::InvalidBody(_)
        | StoreError::Incognito
        | StoreError::AmbiguousMessageId(_)
        | StoreError::ConversationNotFound(_)
        | StoreError::MessageNotFound(_)
        | StoreError::NotFound(_)
        | StoreError::MassDelete { .. }
        | StoreError::AssetInUse(_)
        | StoreError::IdempotencyMismatch
        | StoreError::PatchFailed(_)
        | StoreError::Internal(_) => "`holdfast doctor` looks for the cause".to_owned(),
    }
}
