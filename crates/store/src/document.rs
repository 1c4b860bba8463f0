//! Stores of the app as documents.

use crate::json::Json;
use crate::revision::Revision;

/// One store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// A stable number; negative for a store that exists by its entities alone.
    pub key: i64,
    /// Its name, such as `app-ui`.
    pub name: String,
    /// The device it belongs to; empty for shared ones.
    pub device: String,
    /// The state as it was sent; for stores with tables put together from them. `None` in summaries.
    pub data: Option<Json>,
    /// `version` beside the state, as it was sent; `None` when there was none.
    pub version: Option<Json>,
    /// The browser's value was not wrapped in `{state, version}`.
    pub bare: bool,
    /// Other keys that stood beside `state` and `version`, as one object; `None` when there were none.
    pub beside: Option<Json>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
    /// Size of the state; for stores with tables that of the stored rows, without separators.
    pub bytes: i64,
    /// Last change to the document or any of its entities, deletes included.
    pub revision: Revision,
}

/// A store to write.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Its name.
    pub name: crate::Id,
    /// The device it belongs to; empty for shared ones.
    pub device: String,
    /// The state.
    pub data: Json,
    /// `None` keeps what is stored.
    pub version: Option<Json>,
    /// Stored bare: see [`Document::bare`].
    pub bare: bool,
    /// See [`Document::beside`]; `None` keeps what is stored.
    pub beside: Option<Json>,
}

/// What a write of a whole store does to entities that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Deletes them, with the guard of [`crate::StoreError::MassDelete`] for `app-chats`.
    #[default]
    Replace,
    /// Keeps them.
    Merge,
}

/// Stores that belong to one device, which has its own ones or shares one without a device.
pub fn is_device_local(name: &str) -> bool {
    matches!(name, "app-device" | "agi-live-file" | "agi-logger-log" | "app-app-chat-panes-2" | "app-state")
        || name.starts_with("joy-")
}

/// What a device without documents of its own is given of another: what its user would set up again anyway.
pub fn is_lent(name: &str) -> bool {
    name == "app-app-chat-panes-2" || name.starts_with("joy-")
}

/// Device-local stores that mean nothing on any other device, nor after an import without one.
pub fn is_private(name: &str) -> bool {
    matches!(name, "app-device" | "agi-logger-log" | "agi-live-file")
}
