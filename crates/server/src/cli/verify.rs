//! `holdfast verify`: reads everything in the database and compares.

use std::process::ExitCode;

use holdfast_store::store::Check;
use holdfast_store::url::Access;
use serde::Serialize;

use super::database::{DatabaseOptions, explain};
use super::print;

/// Flags of `holdfast verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyOptions {
    /// Report as JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

/// One check in a report.
#[derive(Serialize)]
pub(super) struct CheckReport {
    name: &'static str,
    checked: u64,
    problems: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    file: String,
    ok: bool,
    checks: Vec<CheckReport>,
    content_hash: String,
}

pub(super) async fn verify(options: VerifyOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.resolve()?;
    database.must_exist()?;
    let store = database.open(Access::ReadOnly)?;
    let bar = print::progress(1, "checking");
    let checks = store.verify().await.map_err(|why| explain(&why, &database.path))?;
    let content_hash = store.content_hash().await.map_err(|why| explain(&why, &database.path))?;
    bar.finish_and_clear();
    let problems = has_problems(&checks);
    if options.json {
        let file = database.path.display().to_string();
        print::json(&Verified { file, ok: !problems, checks: reports(checks), content_hash })?;
    } else {
        print::line(database.path.display().to_string())?;
        show(&checks)?;
        print::line(if problems {
            "Problems were found: `holdfast restore --force FILE` brings back a backup."
        } else {
            "No problems."
        })?;
    }
    Ok(print::exit(problems))
}

pub(super) fn has_problems(checks: &[Check]) -> bool {
    checks.iter().any(|c| !c.problems.is_empty())
}

pub(super) fn reports(checks: Vec<Check>) -> Vec<CheckReport> {
    let report = |c: Check| CheckReport { name: c.name, checked: c.checked, problems: c.problems };
    checks.into_iter().map(report).collect()
}

pub(super) fn show(checks: &[Check]) -> anyhow::Result<()> {
    let mut table = print::table(&["check", "looked at", "problems"], 1);
    for check in checks {
        table.add_row([check.name.to_owned(), check.checked.to_string(), check.problems.len().to_string()]);
    }
    print::line(table.to_string())?;
    for check in checks {
        for problem in &check.problems {
            print::line(format!("{}: {problem}", check.name))?;
        }
    }
    Ok(())
}
