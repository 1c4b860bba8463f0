//! The app's own files, and Holdfast's archives, read into one neutral [`Bundle`] and brought into a store.
//!
//! One file of this folder reads one format; what a file is shows in its content, never in its name. Nothing
//! here writes: [`plan`] decides what to do and [`Plan::apply`] does it.

mod all_chats;
mod archive;
mod assets;
mod bundle;
mod capture;
mod chats;
mod conversation;
mod documents;
mod flash;
mod inverse;
mod items;
mod known;
mod lines;
mod plan;
mod report;
mod roll_back;
pub mod session;
pub mod staging;
mod tables;
mod undo;

use std::fmt;

use holdfast_store::{Json, JsonError, StoreError};

pub use bundle::{Bundle, Format};
pub(crate) use conversation::project as exported_fields;
pub(crate) use flash::SCHEMA as FLASH_SCHEMA;
pub use plan::{Input, Options, Plan, plan};
pub use report::{Counts, FileReport, Note, Report, Row, Verdict};

/// One format of files.
trait Source: Sync {
    /// Whether `file` is of this format, by its outermost members.
    fn detect(&self, file: &Json) -> bool;

    /// Everything that the file holds. A record that is broken by itself is noted in the bundle; an error
    /// means that the file as a whole is not what it claims to be.
    fn read(&self, file: &Json) -> Result<Bundle, ImportError>;
}

/// Every format, those with the clearest mark first.
const SOURCES: [&dyn Source; 5] = [
    &archive::Archive,
    &flash::FlashBackup,
    &capture::Capture,
    &all_chats::AllChats,
    &conversation::SingleConversation,
];

/// Reads one file of the app. Errors: [`ImportError`], and nothing was read.
pub fn read(bytes: &[u8]) -> Result<Bundle, ImportError> {
    read_json(&document(bytes)?)
}

/// A file as one JSON document: the lines of an archive are the elements of an array.
pub fn document(bytes: &[u8]) -> Result<Json, ImportError> {
    if lines::is_archive(bytes) {
        return Ok(lines::as_array(bytes));
    }
    Json::from_bytes(bytes).map_err(ImportError::Json)
}

/// Whether a document is one file of a known format, rather than an array of files.
pub fn is_known(file: &Json) -> bool {
    SOURCES.iter().any(|source| source.detect(file))
}

/// The same for a file that is checked already.
pub fn read_json(file: &Json) -> Result<Bundle, ImportError> {
    match SOURCES.iter().find(|source| source.detect(file)) {
        Some(source) => source.read(file),
        None => Err(ImportError::Unknown { saw: outline(file) }),
    }
}

/// What a reader sees first of a file that nobody knows.
fn outline(file: &Json) -> String {
    match file.members() {
        Some(members) => {
            let keys: Vec<String> = members.take(5).map(|m| format!("'{}'", m.key())).collect();
            if keys.is_empty() { "an empty object".to_owned() } else { keys.join(", ") }
        }
        None if file.elements().is_some() => "an array".to_owned(),
        None => "a single value".to_owned(),
    }
}

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
    fn damaged(place: &str, why: impl Into<String>) -> Self {
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
            Self::Unknown { .. } | Self::Damaged { .. } => None,
        }
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A part of a checked file as a value of its own.
fn part(raw: &str) -> Result<Json, ImportError> {
    Json::parse(raw).map_err(ImportError::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_file_cut_off_is_refused_with_the_place() {
        let error = refusal("{\"schema\":\"vnd.agi.flash-backup\",\n\"storage\":{\"local");
        assert!(error.contains("line 2") && error.contains("export or copy it again"), "{error}");
    }

    #[test]
    fn a_file_of_another_app_is_refused_with_what_it_holds() {
        assert!(refusal(r#"{"mapping":{},"title":"x"}"#).contains("'mapping', 'title'"));
        assert!(refusal("[1]").contains("an array"));
        assert!(refusal("7").contains("a single value"));
        assert!(refusal("{}").contains("an empty object"));
    }

    #[test]
    fn a_flash_backup_without_storage_is_damaged() {
        assert!(refusal(r#"{"schema":"vnd.agi.flash-backup"}"#).starts_with("storage"));
    }
}
