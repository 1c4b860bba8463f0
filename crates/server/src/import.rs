//! The app's own files, and Holdfast's archives, read into one neutral [`Bundle`] and brought into a store.
//!
//! One file of this folder reads one format; what a file is shows in its content, never in its name. Nothing
//! here writes: [`plan`] decides what to do, and [`session::Sessions`] does it, remembers it and takes it back.

mod all_chats;
mod archive;
mod assets;
mod bundle;
mod capture;
mod chats;
mod conversation;
mod costs;
mod documents;
mod enclosed;
mod error;
mod first_system;
mod flash;
mod inverse;
mod items;
mod known;
mod lines;
mod old_messages;
mod plan;
mod report;
mod roll_back;
pub mod session;
pub mod staging;
mod tables;
mod undo;

use std::io::Read as _;
use std::path::Path;

use holdfast_store::Json;
use holdfast_store::foreign::{Foreign, MAGIC};

pub use bundle::{Bundle, Format};
pub(crate) use conversation::project as exported_fields;
pub(crate) use enclosed::enclose;
pub use error::ImportError;
pub(crate) use flash::SCHEMA as FLASH_SCHEMA;
pub use plan::{Input, Options, Plan, plan};
pub use report::{Counts, FileReport, Note, Report, Row, Verdict};

/// One format of JSON files.
trait Source: Sync {
    /// Whether `file` is of this format, by its outermost members.
    fn detect(&self, file: &Json) -> bool;

    /// Everything that the file holds. A record that is broken by itself is noted in the bundle; an error
    /// means that the file as a whole is not what it claims to be.
    fn read(&self, file: &Json) -> Result<Bundle, ImportError>;
}

/// One program's SQLite databases.
trait DatabaseSource: Sync {
    /// Whether a database with these tables is of this program.
    fn detect(&self, tables: &[String]) -> bool;

    /// Everything that the database holds, with the same promises as [`Source::read`].
    fn read(&self, file: &Foreign, tables: &[String]) -> Result<Bundle, ImportError>;
}

/// Every format of JSON, those with the clearest mark first.
const SOURCES: [&dyn Source; 6] = [
    &archive::Archive,
    &flash::FlashBackup,
    &enclosed::Enclosed,
    &capture::Capture,
    &all_chats::AllChats,
    &conversation::SingleConversation,
];

/// Every program whose databases are known.
const DATABASES: [&dyn DatabaseSource; 1] = [&first_system::FirstSystem];

/// First bytes of what is often taken for a backup, and what it is.
const PACKED: [(&[u8], &str); 3] =
    [(b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "a gzip file"), (b"7z\xbc\xaf", "a 7z archive")];

/// Reads the file at `path`; a database stays where it is and is not changed. Errors: [`ImportError`], and nothing
/// was read.
pub fn read_path(path: &Path) -> Result<Bundle, ImportError> {
    let unreadable = |why: std::io::Error| ImportError::Unreadable { why: why.to_string() };
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
    if is_database(&start) {
        let file = Foreign::open(path).map_err(|why| ImportError::database("the file", &why))?;
        return read_database(&file);
    }
    read(&std::fs::read(path).map_err(unreadable)?)
}

/// Reads one file that is in memory.
pub fn read(bytes: &[u8]) -> Result<Bundle, ImportError> {
    if is_database(bytes) {
        let file = Foreign::from_bytes(bytes).map_err(|why| ImportError::database("the file", &why))?;
        return read_database(&file);
    }
    if let Some((_, what)) = PACKED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(ImportError::Packed { what });
    }
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

/// Whether a file that starts so is an SQLite database.
pub(crate) fn is_database(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn read_database(file: &Foreign) -> Result<Bundle, ImportError> {
    let tables = file.tables().map_err(|why| ImportError::database("the list of tables", &why))?;
    match DATABASES.iter().find(|source| source.detect(&tables)) {
        Some(source) => source.read(file, &tables),
        None => Err(ImportError::UnknownDatabase { tables }),
    }
}

/// The same for a file that is checked already.
pub fn read_json(file: &Json) -> Result<Bundle, ImportError> {
    let Some(source) = SOURCES.iter().find(|source| source.detect(file)) else {
        return Err(ImportError::Unknown { saw: outline(file) });
    };
    let mut bundle = source.read(file)?;
    old_messages::upgrade(&mut bundle);
    Ok(bundle)
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
