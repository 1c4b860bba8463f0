//! Decides what to do with the files of one import, then does it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use holdfast_store::item::METRICS;
use holdfast_store::json::canonical;
use holdfast_store::{Json, Kind, Owner, Store, Write};

use super::bundle::{Bundle, Format};
use super::known::Known;
use super::report::{FileReport, Report, Tally, Verdict};
use super::undo::Undo;
use super::{ImportError, assets, chats, costs, documents, items};

/// One file that was read.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name, for reports.
    pub name: String,
    /// What it holds.
    pub bundle: Bundle,
}

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Replace stored versions that differ; they stay in history.
    pub overwrite: bool,
    /// The device that device-local stores belong to; empty for none.
    pub device: String,
}

/// What will be written, file by file.
#[derive(Debug)]
pub struct Plan {
    files: Vec<(Vec<Write>, FileReport)>,
    missing_assets: Vec<String>,
    undo: Undo,
}

/// What a plan is made with.
pub(super) struct Planner<'a> {
    pub(super) known: Known<'a>,
    pub(super) options: &'a Options,
    pub(super) format: Format,
    pub(super) writes: Vec<Write>,
    pub(super) undo: Undo,
    pub(super) tally: Tally,
}

/// Compares the files with the store. Nothing is written.
///
/// The fullest file comes first whatever their order, and of two alike the newer one, so that the result does
/// not depend on how a shell sorts names. `progress` hears of each file that is done.
pub async fn plan(
    store: &dyn Store,
    owner: &Owner,
    inputs: Vec<Input>,
    options: &Options,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Plan, ImportError> {
    let mut inputs: Vec<(usize, Input)> = inputs.into_iter().enumerate().collect();
    inputs.sort_by_cached_key(|(_, input)| std::cmp::Reverse(rank(&input.bundle)));
    let mut known = Known::new(store, owner);
    let mut files = Vec::new();
    let mut undo = Undo::default();
    for (done, (index, input)) in inputs.into_iter().enumerate() {
        let mut planner = Planner {
            known,
            options,
            format: input.bundle.format,
            writes: Vec::new(),
            undo,
            tally: Tally::default(),
        };
        let lost = planner.file(input.bundle).await?;
        let Planner { known: after, format, writes, tally, undo: noted, .. } = planner;
        (known, undo) = (after, noted);
        let report = tally.into_report(index, input.name, format.name());
        files.push((writes, FileReport { lost, ..report }));
        progress(done + 1);
    }
    let missing_assets = known.missing_assets().await?;
    Ok(Plan { files, missing_assets, undo })
}

/// Sorts files: by what their format keeps, then by age, then by content, so that equal ranks are equal files.
fn rank(bundle: &Bundle) -> (Format, Option<String>, u64) {
    let mut content = DefaultHasher::new();
    for conversation in bundle.chats.iter().flat_map(|c| &c.conversations) {
        conversation.hash(&mut content);
    }
    for document in &bundle.documents {
        (document.name.as_str(), &document.data).hash(&mut content);
    }
    for asset in &bundle.assets {
        asset.record.hash(&mut content);
    }
    for cost in &bundle.costs {
        cost.entry.ledger_key.hash(&mut content);
    }
    for item in &bundle.items {
        (item.id.as_str(), &item.body).hash(&mut content);
    }
    (bundle.format, bundle.made_at.clone(), content.finish())
}

impl Planner<'_> {
    /// Plans a file; gives what it cannot bring.
    async fn file(&mut self, bundle: Bundle) -> Result<Vec<String>, ImportError> {
        for unread in bundle.unread {
            let verdict = if unread.broken { Verdict::Rejected } else { Verdict::Skipped };
            self.tally.note(unread.kind, &unread.id, verdict, unread.reason);
        }
        if let Some(found) = bundle.chats {
            chats::plan(self, found).await?;
        }
        // A saved `app-metrics` stands for the entries before it, and came here with those after it, which are in
        // the stored sums since.
        let counted_before = costs::are_known(self, &bundle.costs).await?;
        let (before, after) = bundle.costs.into_iter().partition(|cost| cost.counted);
        costs::plan(self, before).await?;
        for document in bundle.documents {
            if counted_before && document.name.as_str() == METRICS {
                self.tally.count(Kind::Document, Verdict::Unchanged);
                continue;
            }
            documents::plan(self, document).await?;
        }
        costs::plan(self, after).await?;
        for record in bundle.assets {
            assets::plan(self, record).await?;
        }
        items::plan(self, bundle.items).await?;
        Ok(bundle.lost)
    }

    /// What to do with an entity where another may stand.
    pub(super) fn judge(&self, stored: Option<&Json>, incoming: &Json) -> Verdict {
        let Some(stored) = stored else { return Verdict::Imported };
        if stored == incoming || canonical(stored.as_str()) == canonical(incoming.as_str()) {
            Verdict::Unchanged
        } else if self.options.overwrite {
            Verdict::Replaced
        } else {
            Verdict::Conflict
        }
    }

    /// The same for conversations, where a file may lack fields that the store has, or the other way round.
    pub(super) fn judge_conversation(&self, stored: Option<&Json>, incoming: &Json) -> Verdict {
        let verdict = self.judge(stored, incoming);
        let (Some(stored), Verdict::Conflict | Verdict::Replaced) = (stored, verdict) else {
            return verdict;
        };
        let poorer =
            |format: Format, full: &Json| format.project(full.as_str()).map(|j| canonical(j.as_str()));
        if poorer(self.format, stored).is_some_and(|p| p == canonical(incoming.as_str())) {
            return Verdict::Unchanged;
        }
        let stored = canonical(stored.as_str());
        let formats = [Format::FirstSystem, Format::Conversation].into_iter().filter(|f| *f < self.format);
        let mut came_from = formats.map(|format| poorer(format, incoming));
        if came_from.any(|poorer| poorer.as_ref() == Some(&stored)) { Verdict::Replaced } else { verdict }
    }

    pub(super) fn conflict(&mut self, kind: Kind, id: &str, differs: &str) {
        let reason = format!("{differs}; kept what is stored, --overwrite takes the file's");
        self.tally.note(kind, id, Verdict::Conflict, reason);
    }
}

impl Plan {
    /// What will be done.
    pub fn preview(&self) -> Report {
        let files = self.files.iter().map(|(_, report)| report.clone()).collect();
        Report::new(true, files, self.missing_assets.clone())
    }

    /// The writes of all files, the report of what they do, and what takes them back.
    pub(super) fn into_parts(self) -> (Vec<Write>, Report, Undo) {
        let (writes, reports): (Vec<_>, Vec<_>) = self.files.into_iter().unzip();
        (writes.concat(), Report::new(false, reports, self.missing_assets), self.undo)
    }
}
