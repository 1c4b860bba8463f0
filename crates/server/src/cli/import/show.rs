//! What an import shows on a terminal.

use serde::Serialize;

use super::super::print;
use super::Made;
use crate::import::Report;
use crate::import::session::{Session, State, Verification};

/// How many reasons are shown.
const SHOWN: usize = 20;

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<&'a Verification>,
}

pub(super) fn json(made: &Made) -> anyhow::Result<()> {
    let session = made.session.as_ref();
    let verification = session.and_then(|s| s.details.verification.as_ref());
    print::json(&Whole { report: &made.report, import: session.map(|s| s.id.as_str()), verification })
}

pub(super) fn made(made: &Made) -> anyhow::Result<()> {
    let title = if made.session.is_some() { "Imported" } else { "Preview, nothing is written" };
    report(&made.report, title)?;
    notes(&made.report)?;
    let Some(session) = &made.session else { return Ok(()) };
    if let Some(found) = &session.details.verification {
        print::line(verified(found))?;
    }
    print::line(format!("`holdfast import rollback {}` takes it back.", session.id))?;
    Ok(())
}

fn verified(found: &Verification) -> String {
    let Verification { compared, equal, missing, different, .. } = found;
    if *missing > 0 {
        return format!("Read again: {missing} of {compared} are not in the database as they were brought.");
    }
    let others = different.len();
    let kept = if others > 0 { format!(", {others} kept as they were stored before") } else { String::new() };
    format!("Read again and compared: {equal} of {compared} are equal{kept}.")
}

pub(super) fn report(report: &Report, title: &str) -> anyhow::Result<()> {
    print::line(title)?;
    for file in &report.files {
        print::line(format!("  {} ({})", file.name, file.format))?;
    }
    let header = ["", "found", "imported", "replaced", "unchanged", "conflict", "skipped", "rejected"];
    let mut table = print::table(&header, 1);
    for row in &report.totals {
        let c = &row.counts;
        let numbers = [c.found, c.imported, c.replaced, c.unchanged, c.conflict, c.skipped, c.rejected];
        let shown = numbers.map(|n| if n == 0 { "·".to_owned() } else { n.to_string() });
        table.add_row(std::iter::once(row.noun.clone()).chain(shown));
    }
    print::line(table.to_string())?;
    Ok(())
}

fn notes(report: &Report) -> anyhow::Result<()> {
    let notes: Vec<_> =
        report.files.iter().flat_map(|file| file.notes.iter().map(move |note| (file, note))).collect();
    for (file, note) in notes.iter().take(SHOWN) {
        let verdict = format!("{:?}", note.verdict).to_lowercase();
        let (noun, id, reason) = (&note.noun, &note.id, &note.reason);
        print::line(format!("{verdict} in {}: {noun} '{id}': {reason}", file.name))?;
    }
    if !report.missing_assets.is_empty() {
        print::line(format!(
            "images shown in chats that no file brings: {}; a flash backup with images has them",
            report.missing_assets.len()
        ))?;
    }
    if notes.len() > SHOWN {
        print::line(format!("and {} more: --json lists all", notes.len() - SHOWN))?;
    }
    for file in &report.files {
        for lost in &file.lost {
            print::line(format!("note on {}: {lost}", file.name))?;
        }
    }
    Ok(())
}

pub(super) fn list(found: &[Session]) -> anyhow::Result<()> {
    if found.is_empty() {
        print::line("Nothing was imported yet.")?;
        return Ok(());
    }
    let mut table = print::table(&["import", "at", "state", "files"], 4);
    for session in found {
        let state = match session.state {
            State::Previewed => "only looked at",
            State::Applied => "imported",
            State::RolledBack => "taken back",
        };
        let at = crate::api::answer::iso_time(session.created_at);
        table.add_row([session.id.clone(), at, state.to_owned(), session.details.names.join(", ")]);
    }
    print::line(table.to_string())?;
    Ok(())
}

pub(super) fn rolled_back(session: &Session) -> anyhow::Result<()> {
    let kept = &session.details.kept;
    for note in kept.iter().take(SHOWN) {
        print::line(format!("kept: {} '{}': {}", note.noun, note.id, note.reason))?;
    }
    if kept.len() > SHOWN {
        print::line(format!("and {} more: --json lists all", kept.len() - SHOWN))?;
    }
    print::line(format!("Import {} is taken back.", session.id))?;
    Ok(())
}
