//! What an import found and did, counted per noun.

use std::collections::BTreeMap;

use holdfast_store::Kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of one entity of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportVerdict)]
pub enum Verdict {
    /// It is new here.
    Imported,
    /// It took the place of a stored one that had less, or that was to be overwritten.
    Replaced,
    /// It already stands here.
    Unchanged,
    /// Another version stands here and was kept.
    Conflict,
    /// It is never stored: incognito, or none of the app's.
    Skipped,
    /// It is broken.
    Rejected,
}

/// How many entities met which verdict. All but `found` add up to `found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
#[schema(as = ImportCounts)]
pub struct Counts {
    pub found: u64,
    pub imported: u64,
    pub replaced: u64,
    pub unchanged: u64,
    pub conflict: u64,
    pub skipped: u64,
    pub rejected: u64,
}

impl Counts {
    fn add(&mut self, verdict: Verdict) {
        self.found += 1;
        *match verdict {
            Verdict::Imported => &mut self.imported,
            Verdict::Replaced => &mut self.replaced,
            Verdict::Unchanged => &mut self.unchanged,
            Verdict::Conflict => &mut self.conflict,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Rejected => &mut self.rejected,
        } += 1;
    }

    fn join(&mut self, other: &Self) {
        self.found += other.found;
        self.imported += other.imported;
        self.replaced += other.replaced;
        self.unchanged += other.unchanged;
        self.conflict += other.conflict;
        self.skipped += other.skipped;
        self.rejected += other.rejected;
    }
}

/// The counts of one noun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportRow)]
pub struct Row {
    /// The noun, in the plural.
    pub noun: String,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One entity that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportNote)]
pub struct Note {
    /// The noun, in the plural.
    pub noun: String,
    /// Which one.
    pub id: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportFile)]
pub struct FileReport {
    /// Its place among the given files, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its format.
    pub format: String,
    /// Counts per noun.
    pub rows: Vec<Row>,
    /// What was not taken.
    pub notes: Vec<Note>,
    /// What the file cannot bring, because whoever wrote it never kept it; none for the app's own files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// What became of all files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportReport)]
pub struct Report {
    /// Nothing was written.
    pub dry_run: bool,
    /// In the order in which they were read: the fullest first.
    pub files: Vec<FileReport>,
    /// Counts per noun over all files.
    pub totals: Vec<Row>,
    /// Images and sounds that imported conversations refer to and that are neither stored nor in the files.
    pub missing_assets: Vec<String>,
}

impl Report {
    pub(super) fn new(dry_run: bool, files: Vec<FileReport>, missing_assets: Vec<String>) -> Self {
        let mut totals: Vec<Row> = Vec::new();
        for row in files.iter().flat_map(|f| &f.rows) {
            match totals.iter_mut().find(|t| t.noun == row.noun) {
                Some(total) => total.counts.join(&row.counts),
                None => totals.push(row.clone()),
            }
        }
        Self { dry_run, files, totals, missing_assets }
    }

    /// Counts of one noun over all files.
    pub fn total(&self, noun: &str) -> Counts {
        self.totals.iter().find(|r| r.noun == noun).map(|r| r.counts).unwrap_or_default()
    }

    /// Whether something was rejected or kept out by a stored version.
    pub fn has_problems(&self) -> bool {
        self.totals.iter().any(|r| r.counts.conflict > 0 || r.counts.rejected > 0)
    }
}

/// Counts while a plan is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    counts: BTreeMap<Kind, Counts>,
    notes: Vec<Note>,
}

impl Tally {
    pub(super) fn count(&mut self, kind: Kind, verdict: Verdict) {
        self.counts.entry(kind).or_default().add(verdict);
    }

    /// Counts what was not taken, with the reason.
    pub(super) fn note(&mut self, kind: Kind, id: &str, verdict: Verdict, reason: impl Into<String>) {
        self.count(kind, verdict);
        self.notes.push(Note {
            noun: noun(kind).to_owned(),
            id: id.to_owned(),
            verdict,
            reason: reason.into(),
        });
    }

    pub(super) fn into_report(self, index: usize, name: String, format: &str) -> FileReport {
        let rows = self
            .counts
            .into_iter()
            .map(|(kind, counts)| Row { noun: noun(kind).to_owned(), counts })
            .collect();
        FileReport { index, name, format: format.to_owned(), rows, notes: self.notes, lost: Vec::new() }
    }
}

/// The plural of a kind, as people say it.
pub(crate) fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Conversation => "conversations",
        Kind::Message => "messages",
        Kind::Document => "stores",
        Kind::LlmService => "model services",
        Kind::LlmModel => "models",
        Kind::LlmAssignment => "model assignments",
        Kind::Folder => "folders",
        Kind::Persona => "personas",
        Kind::HiddenPersona => "hidden personas",
        Kind::ConversationPrompt => "conversation prompts",
        Kind::WorkspaceFiles => "workspaces",
        Kind::Asset => "images and sounds",
        Kind::Usage => "usage rows",
        Kind::Report => "reports",
    }
}
