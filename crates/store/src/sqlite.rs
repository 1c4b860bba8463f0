//! The SQLite backend: one writer thread with group commit, and a pool of read-only connections.
//!
//! No SQLite type, SQL text or blocking call leaves this module.

mod asset;
mod care;
mod change;
mod connection;
mod conversation;
mod document;
pub mod foreign;
mod history;
mod import;
mod item;
mod keys;
mod matching;
mod message;
mod migration;
mod read;
mod readers;
mod report;
mod transaction;
mod usage;
mod verify;
mod write;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use tokio::sync::watch;

use crate::error::{StoreError, StoreResult};
use crate::owner::Owner;
use crate::revision::Epoch;
use crate::url::{Access, OpenOptions};

use keys::Keys;
use readers::Readers;
use writer::Queue;

/// An open SQLite database.
pub(crate) struct Sqlite {
    path: PathBuf,
    epoch: RwLock<Epoch>,
    keys: Arc<Keys>,
    readers: Readers,
    /// The numbers of owners that were seen: they never change.
    owners: RwLock<HashMap<Owner, i64>>,
    committed: watch::Sender<u64>,
    /// `None` when the file is open for reading only.
    queue: Option<Queue>,
}

/// Opens or creates the file at `path`: see [`crate::open`].
pub(crate) fn open(path: &Path, options: &OpenOptions) -> StoreResult<Arc<dyn crate::Store>> {
    let writable = options.access == Access::ReadWrite;
    let connection = if writable {
        if let Some(directory) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory).map_err(|e| {
                StoreError::Unavailable(format!("the directory {} cannot be made: {e}", directory.display()))
            })?;
        }
        connection::open_writer(path, options.busy_timeout_ms)?
    } else {
        connection::open_reader(path)?
    };
    migration::bring_up_to_date(&connection, path, writable)?;
    let epoch =
        if writable { connection::epoch(&connection)? } else { connection::stored_epoch(&connection)? };
    let keys = Arc::new(Keys::load(&connection, &options.key_file, options.forget_secrets)?);
    let committed = watch::Sender::new(0);
    let readers = Readers::start(path, options.readers)?;
    let queue = writable
        .then(|| {
            Queue::start(
                connection,
                Arc::clone(&keys),
                epoch.clone(),
                options.clock.clone(),
                committed.clone(),
            )
        })
        .transpose()?;
    let epoch = RwLock::new(epoch);
    let owners = RwLock::default();
    Ok(Arc::new(Sqlite { path: path.to_owned(), epoch, keys, readers, owners, committed, queue }))
}
