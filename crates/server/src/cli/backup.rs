//! `holdfast backup`: a checked copy, also while the database is served.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use holdfast_store::url::Access;
use serde::Serialize;

use super::database::DatabaseOptions;
use super::print;
use super::verify::{CheckReport, reports, show};
use crate::backup::{Backup, BackupError, backup as copy};

/// Flags of `holdfast backup`.
#[derive(Debug, Clone, clap::Args)]
pub struct BackupOptions {
    /// Where to
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Report as JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupReport {
    file: String,
    bytes: u64,
    content_hash: String,
    matches_source: bool,
    /// The copy needs it, and it is not inside.
    key_file: String,
    checks: Vec<CheckReport>,
}

pub(super) async fn backup(options: BackupOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.resolve()?;
    database.must_exist()?;
    let store = database.open(Access::ReadOnly)?;
    let bar = print::progress(1, "copying and checking");
    let done = copy(store.as_ref(), &database.key_file, &options.file).await;
    bar.finish_and_clear();
    let Backup { path, bytes, content_hash, matches_source, checks } = match done {
        Ok(done) => done,
        Err(BackupError::Damaged(checks)) => {
            show(&checks)?;
            return Err(anyhow!(BackupError::Damaged(checks)));
        }
        Err(why) => return Err(anyhow!(why)),
    };
    let key_file = database.key_file.display().to_string();
    if options.json {
        print::json(&BackupReport {
            file: path.display().to_string(),
            bytes,
            content_hash,
            matches_source,
            key_file,
            checks: reports(checks),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    print::line(format!("{}: {}, opened and checked", path.display(), print::size(bytes)))?;
    if !matches_source {
        print::line("The database changed meanwhile: the copy is as it was at one moment between.")?;
    }
    print::line(format!(
        "The key file is not inside: keep a copy of {key_file} elsewhere, without it API keys cannot be read."
    ))?;
    Ok(ExitCode::SUCCESS)
}
