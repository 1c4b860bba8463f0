//! Stores that are documents, and those whose entities have tables.

use holdfast_store::document::{Mode, NewDocument, is_device_local};
use holdfast_store::item::{METRICS, has_tables, parts};
use holdfast_store::json::canonical;
use holdfast_store::{Json, Kind, Precondition, Write};

use super::plan::Planner;
use super::report::Verdict;
use super::{ImportError, tables};

pub(super) async fn plan(planner: &mut Planner<'_>, mut incoming: NewDocument) -> Result<(), ImportError> {
    let name = incoming.name.clone();
    if incoming.device.is_empty() && is_device_local(name.as_str()) {
        incoming.device.clone_from(&planner.options.device);
    }
    if let Some(why) = tables::refusal(name.as_str(), &incoming.data) {
        planner.tally.note(Kind::Document, name.as_str(), Verdict::Rejected, why);
        return Ok(());
    }
    let found = planner.known.document(&name, &incoming.device).await?;
    // Messages and entries that bring costs along move the revision of the costs, or make them.
    let precondition = match planner.known.precondition(found.as_ref()) {
        _ if name.as_str() == METRICS => Precondition::None,
        usual => usual,
    };
    let (write, whole) = match found.map(|f| f.value) {
        None => {
            count_new(planner, &incoming);
            (Some(incoming.clone()), incoming)
        }
        Some(stored) if in_tables(&incoming) && both_objects(&stored, &incoming) => {
            let merged = tables::merge(planner, &stored, &incoming);
            (merged.write, merged.whole)
        }
        Some(stored) => {
            let verdict = judge(planner, &stored, &incoming);
            match verdict {
                Verdict::Conflict => planner.conflict(Kind::Document, name.as_str(), "differs"),
                _ => planner.tally.count(Kind::Document, verdict),
            }
            ((verdict == Verdict::Replaced).then(|| incoming.clone()), incoming)
        }
    };
    if let Some(document) = write {
        planner.writes.push(Write::PutDocument { document, mode: Mode::Merge, confirm: None, precondition });
        let before = planner.known.kept(&whole.name, &whole.device).await?;
        planner.undo.document(before, &whole);
        planner.known.will_have_document(whole);
    }
    Ok(())
}

fn judge(planner: &Planner<'_>, stored: &NewDocument, incoming: &NewDocument) -> Verdict {
    let same = |a: &Option<Json>, b: &Option<Json>| match (a, b) {
        (Some(a), Some(b)) => canonical(a.as_str()) == canonical(b.as_str()),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let around = stored.bare == incoming.bare
        && same(&stored.version, &incoming.version)
        && same(&stored.beside, &incoming.beside);
    match planner.judge(Some(&stored.data), &incoming.data) {
        Verdict::Unchanged if around => Verdict::Unchanged,
        _ if planner.options.overwrite => Verdict::Replaced,
        _ => Verdict::Conflict,
    }
}

/// A store that is new here, and the entities in it.
fn count_new(planner: &mut Planner<'_>, incoming: &NewDocument) {
    planner.tally.count(Kind::Document, Verdict::Imported);
    for part in parts(incoming.name.as_str()).filter(|_| in_tables(incoming)) {
        let held = incoming.data.get(part.member).map_or(0, |value| tables::size(part.shape, value));
        for _ in 0..held {
            planner.tally.count(part.kind, Verdict::Imported);
        }
    }
}

/// Whether its entities have tables: a device's own document is kept as it is.
fn in_tables(document: &NewDocument) -> bool {
    document.device.is_empty() && has_tables(document.name.as_str())
}

fn both_objects(stored: &NewDocument, incoming: &NewDocument) -> bool {
    stored.data.members().is_some() && incoming.data.members().is_some()
}
