//! Holdfast's durable data: conversations, documents, models, folders, personas, assets, costs, and the
//! history of all of them. No HTTP here, and no SQL outside the backend's own folder.
//!
//! [`open`] gives a [`Store`]; its promises are in [`store`].

#![warn(missing_docs)]

pub mod asset;
pub mod change;
#[cfg(feature = "contract")]
pub mod contract;
pub mod conversation;
pub mod document;
pub mod error;
pub mod history;
pub mod import;
pub mod item;
pub mod json;
pub mod owner;
pub mod page;
pub mod position;
pub mod report;
pub mod revision;
pub mod seal;
#[allow(clippy::disallowed_types, reason = "the one place where SQLite is spoken")]
mod sqlite;
pub mod store;
pub mod url;
pub mod usage;

use std::sync::Arc;

pub use error::{ApplyError, StoreError, StoreResult};
pub use item::Kind;
pub use json::{Json, JsonError};
pub use owner::{Id, Owner};
pub use revision::{Cursor, Epoch, Precondition, Revision};
pub use sqlite::foreign;
pub use store::{Effect, Outcome, Store, Write, Writer};
pub use url::{OpenOptions, StoreUrl};

/// Opens the database that `options` names, creating or upgrading it where the options allow that.
///
/// Errors: [`StoreError::Unavailable`] when the file cannot be opened, [`StoreError::Newer`] and
/// [`StoreError::HalfMigrated`] for a schema this build must not touch, [`StoreError::WrongKey`] when the
/// file holds ciphertext of another key, [`StoreError::Corrupt`].
pub fn open(options: &OpenOptions) -> StoreResult<Arc<dyn Store>> {
    match &options.url {
        StoreUrl::Sqlite(path) => sqlite::open(path, options),
    }
}
