//! What can go wrong in a store, without a driver's types.

use std::fmt;
use std::path::PathBuf;

use crate::json::Json;
use crate::revision::Revision;

/// The result of every store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why an operation was refused or failed. Nothing of a failed operation is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The precondition does not hold: what is stored is newer, absent, or present where it must not be.
    Conflict {
        /// The entity's revision now; `None` when it is absent.
        current_revision: Option<Revision>,
        /// The entity now; `None` when it is absent or too large to repeat.
        current: Option<Json>,
    },
    /// An id breaks the rules of [`crate::Id`].
    InvalidId(String),
    /// The value has the wrong shape; the text says where and what is expected.
    InvalidBody(String),
    /// A private conversation of the app: never stored.
    Incognito,
    /// More than one message of this conversation has the id.
    AmbiguousMessageId(String),
    /// The conversation a message belongs to does not exist.
    ConversationNotFound(String),
    /// The message to change does not exist.
    MessageNotFound(String),
    /// The entity to change does not exist.
    NotFound(String),
    /// Replacing or deleting the store would delete over half of its rows, unconfirmed.
    MassDelete {
        /// Rows that would be deleted: the number to confirm.
        deletes: u64,
        /// Rows that are stored.
        of: u64,
    },
    /// A stored conversation or kept version still refers to the asset.
    AssetInUse(String),
    /// The idempotency key was used with another request.
    IdempotencyMismatch,
    /// A JSON Patch that cannot be applied.
    PatchFailed(String),
    /// Another process held the database longer than the limit.
    Busy,
    /// The disk, or the quota of this user, is full.
    DiskFull,
    /// The database file or its directory cannot be written.
    ReadOnly,
    /// The file cannot be opened or read; the text is the system's.
    Unavailable(String),
    /// The file is damaged.
    Corrupt(String),
    /// The file was written by a newer Holdfast.
    Newer {
        /// The schema version inside the file.
        found: u32,
        /// The newest one that this build knows.
        known: u32,
    },
    /// An upgrade of the file did not finish.
    HalfMigrated {
        /// The copy made before it began, where there is one.
        snapshot: Option<PathBuf>,
    },
    /// The file holds ciphertext, and the key file is missing or another one.
    WrongKey(PathBuf),
    /// A file that is not a Holdfast database.
    NotHoldfast(PathBuf),
    /// A fault of this program.
    Internal(String),
}

impl StoreError {
    /// Whether a write itself is at fault, and not its request as a whole or the database.
    fn is_of_one_write(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::InvalidId(_)
            | Self::InvalidBody(_)
            | Self::Incognito
            | Self::AmbiguousMessageId(_)
            | Self::ConversationNotFound(_)
            | Self::MessageNotFound(_)
            | Self::NotFound(_)
            | Self::MassDelete { .. }
            | Self::AssetInUse(_)
            | Self::IdempotencyMismatch
            | Self::PatchFailed(_) => true,
            Self::Busy
            | Self::DiskFull
            | Self::ReadOnly
            | Self::Unavailable(_)
            | Self::Corrupt(_)
            | Self::Newer { .. }
            | Self::HalfMigrated { .. }
            | Self::WrongKey(_)
            | Self::NotHoldfast(_)
            | Self::Internal(_) => false,
        }
    }
}

/// Why none of a request's writes were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyError {
    /// The place of the write that is at fault, from 0; `None` when none of them is.
    pub index: Option<usize>,
    /// What went wrong.
    pub error: StoreError,
}

impl ApplyError {
    /// The error of the write at `index`.
    pub(crate) fn at(index: usize, error: StoreError) -> Self {
        Self { index: error.is_of_one_write().then_some(index), error }
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self { index: None, error }
    }
}

impl From<ApplyError> for StoreError {
    fn from(failed: ApplyError) -> Self {
        failed.error
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { current_revision: Some(r), .. } => {
                write!(f, "the stored version is revision {r}, not the one this write is based on")
            }
            Self::Conflict { current_revision: None, .. } => {
                f.write_str("what this write is based on is gone")
            }
            Self::InvalidId(why) => write!(f, "invalid id: {why}"),
            Self::InvalidBody(why) | Self::PatchFailed(why) | Self::NotFound(why) => f.write_str(why),
            Self::Incognito => f.write_str("incognito conversations are never stored"),
            Self::AmbiguousMessageId(id) => write!(f, "several messages have the id '{id}'"),
            Self::ConversationNotFound(id) => write!(f, "Conversation '{id}' not found"),
            Self::MessageNotFound(id) => write!(f, "Message '{id}' not found"),
            Self::MassDelete { deletes, of } => write!(f, "this would delete {deletes} of {of} rows"),
            Self::AssetInUse(id) => write!(f, "asset '{id}' is still referred to"),
            Self::IdempotencyMismatch => f.write_str("this idempotency key was used with another request"),
            Self::Busy => f.write_str("the database is locked by another process"),
            Self::DiskFull => f.write_str("the disk is full"),
            Self::ReadOnly => f.write_str("the database cannot be written"),
            Self::Unavailable(why) => write!(f, "the database is unavailable: {why}"),
            Self::Corrupt(why) => write!(f, "the database is damaged: {why}"),
            Self::Newer { found, known } => {
                write!(f, "the database has schema {found}, this build knows up to {known}")
            }
            Self::HalfMigrated { .. } => f.write_str("an upgrade of the database did not finish"),
            Self::WrongKey(path) => {
                write!(f, "the secrets in the database need the key file {}", path.display())
            }
            Self::NotHoldfast(path) => write!(f, "{} is not a Holdfast database", path.display()),
            Self::Internal(why) => write!(f, "internal error: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}
