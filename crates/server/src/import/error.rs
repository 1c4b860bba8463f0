//! Why a file is not imported, each reason with what its reader can do.

use std::fmt;

use holdfast_store::{JsonError, StoreError};

/// Why a file was not imported. Nothing of that file is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportError {
    /// No JSON: cut off, or something else.
    Json(JsonError),
    /// JSON of another app.
    Unknown {
        /// What stands in it.
        saw: String,
    },
    /// A database of another program.
    UnknownDatabase {
        /// Its tables.
        tables: Vec<String>,
    },
    /// An archive around files.
    Packed {
        /// Which kind.
        what: &'static str,
    },
    /// The system does not give it.
    Unreadable {
        /// What it says.
        why: String,
    },
    /// A database that is damaged, or that another program is writing.
    Database {
        /// Which part.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The mark of a format without its content.
    Damaged {
        /// Which part.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store refused.
    Store(StoreError),
}

impl ImportError {
    pub(super) fn database(place: &str, why: &StoreError) -> Self {
        Self::Database { place: place.to_owned(), why: why.to_string() }
    }

    pub(super) fn damaged(place: &str, why: impl Into<String>) -> Self {
        Self::Damaged { place: place.to_owned(), why: why.into() }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(why) => {
                write!(f, "not a whole JSON file: {why}; if it was cut off, export or copy it again")
            }
            Self::Unknown { saw } => write!(
                f,
                "no file of big-AGI (it holds {saw}); export a flash backup, all chats or one chat in the app"
            ),
            Self::UnknownDatabase { tables } => {
                let named: Vec<String> = tables.iter().take(5).map(|name| format!("'{name}'")).collect();
                let held = if named.is_empty() { "no tables".to_owned() } else { named.join(", ") };
                write!(
                    f,
                    "a database of another program (it holds {held}); give one of the files big-agi-*.db, or for a \
                     backup of Holdfast use `holdfast restore`"
                )
            }
            Self::Packed { what } => write!(f, "{what}; unpack it and import the files inside"),
            Self::Unreadable { why } => {
                write!(f, "cannot read it: {why}; check the path and who may read it")
            }
            Self::Database { place, why } => write!(
                f,
                "{place}: {why}; if the file is damaged, `sqlite3 FILE .recover | sqlite3 NEW` saves what can be \
                 saved, then import NEW"
            ),
            Self::Damaged { place, why } => write!(f, "{place}: {why}; export the file again"),
            Self::Store(StoreError::Conflict { .. }) => {
                f.write_str("someone else wrote to the store meanwhile; run the import again")
            }
            Self::Store(why) => write!(f, "{why}; run `holdfast doctor`"),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(why) => Some(why),
            Self::Store(why) => Some(why),
            Self::Unknown { .. }
            | Self::UnknownDatabase { .. }
            | Self::Packed { .. }
            | Self::Unreadable { .. }
            | Self::Database { .. }
            | Self::Damaged { .. } => None,
        }
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
