//! A store's data as files: one format per file of this folder, written piece by piece, so that an export takes
//! no more memory than its largest conversation or image.

mod all_chats;
mod archive;
mod chats;
mod documents;
mod flash;
pub mod markdown;
pub mod out;
mod time;

use std::collections::BTreeMap;
use std::fmt;

use holdfast_store::{Owner, Store, StoreError};

pub(crate) use archive::{FORMAT as ARCHIVE, VERSION as ARCHIVE_VERSION};
pub(crate) use chats::conversations_at;
pub(crate) use documents::{KEYVAL_PREFIX, around_state, keyval_key};
use out::{Out, Sink};
pub(crate) use time::timestamp;

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// The app's flash backup, which it can restore
    #[default]
    Flash,
    /// The app's file of all chats, with folders and model services
    AllChats,
    /// One Markdown file per chat, and the images beside them
    Markdown,
    /// Everything, as JSON Lines with a hash for each record
    Archive,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Flash, Self::AllChats, Self::Markdown, Self::Archive];

    /// Its name, in queries and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::AllChats => "all-chats",
            Self::Markdown => "markdown",
            Self::Archive => "archive",
        }
    }

    /// The format of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The media type of its file.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Flash | Self::AllChats => "application/json",
            Self::Markdown => "application/zip",
            Self::Archive => "application/x-ndjson",
        }
    }

    /// A name for its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Flash => "holdfast-flash.json",
            Self::AllChats => "holdfast-all-chats.agi.json",
            Self::Markdown => "holdfast-markdown.zip",
            Self::Archive => "holdfast-archive.jsonl",
        }
    }

    /// Whether its file holds API keys where they may be shown.
    pub fn holds_secrets(self) -> bool {
        !matches!(self, Self::Markdown)
    }
}

/// What goes into an export.
#[derive(Debug, Clone)]
pub struct Options {
    /// For a flash backup: the device whose device-local stores to take where it has any; empty for the shared ones.
    pub device: String,
    /// Images and sounds too.
    pub images: bool,
    /// API keys and the like in clear text, as the app's own backups have them; else masked.
    pub secrets: bool,
    /// Milliseconds since 1970, for the timestamp inside.
    pub now: i64,
}

/// One export: of whose data, how, and who hears of it.
pub struct Job<'a> {
    /// The data.
    pub store: &'a dyn Store,
    /// Whose.
    pub owner: &'a Owner,
    /// How.
    pub options: &'a Options,
    /// Hears how many conversations are written.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What was written, by kind: how many of each.
pub type Counts = BTreeMap<&'static str, u64>;

/// Writes a file of `format` into `sink` and gives its counts and its size in bytes.
pub async fn write(format: Format, job: &Job<'_>, sink: &mut dyn Sink) -> Result<(Counts, u64), ExportError> {
    let mut out = Out::new(sink);
    let counts = match format {
        Format::Flash => flash::write(job, &mut out).await?,
        Format::AllChats => all_chats::write(job, &mut out).await?,
        Format::Markdown => markdown::write_zip(job, &mut out).await?,
        Format::Archive => archive::write(job, &mut out).await?,
    };
    Ok((counts, out.finish().await?))
}

/// Why an export ended early. What was written so far is no whole file.
#[derive(Debug)]
pub enum ExportError {
    /// The store cannot be read.
    Store(StoreError),
    /// The file cannot be written.
    Io(std::io::Error),
    /// Nobody takes the rest: the client is gone, or reads no more.
    Stopped(&'static str),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(why) => write!(f, "{why}; run `holdfast doctor`"),
            Self::Io(why) => write!(f, "{why}; check the directory and its free space"),
            Self::Stopped(why) => write!(f, "{why}; ask for the export again"),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(why) => Some(why),
            Self::Io(why) => Some(why),
            Self::Stopped(_) => None,
        }
    }
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<std::io::Error> for ExportError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
