//! `holdfast doctor`: what could keep the database from working, each with what to do about it.

mod checks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use holdfast_store::seal::Sealer;
use holdfast_store::url::{Access, Clock};
use holdfast_store::{OpenOptions, StoreError};
use serde::Serialize;

use super::database::{Database, DatabaseOptions, explain};
use super::print;
use crate::backup::{sync_directory, with_suffix};

/// Flags of `holdfast doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorOptions {
    /// Open a database whose key file is lost: API keys and other secrets are given up, everything else stays
    #[arg(long)]
    forget_secrets: bool,
    /// Report as JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

/// How a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    status: Status,
    message: String,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Diagnosis {
    file: String,
    ok: bool,
    checks: Vec<Finding>,
}

pub(super) async fn doctor(options: DoctorOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.resolve()?;
    if options.forget_secrets {
        forget_secrets(&database).await?;
    }
    let findings = checks::all(&database).await;
    let ok = findings.iter().all(|f| f.status != Status::Failed);
    if options.json {
        print::json(&Diagnosis { file: database.path.display().to_string(), ok, checks: findings })?;
        return Ok(print::exit(!ok));
    }
    print::line(database.path.display().to_string())?;
    for finding in &findings {
        let status = match finding.status {
            Status::Ok => "ok     ",
            Status::Warning => "warning",
            Status::Failed => "FAILED ",
        };
        print::line(format!("  {status} {:<12} {}", finding.name, finding.message))?;
        if let Some(hint) = &finding.hint {
            print::line(format!("          {:<12} → {hint}", ""))?;
        }
    }
    Ok(print::exit(!ok))
}

/// Opens the database without its key, which gives its secrets up.
async fn forget_secrets(database: &Database) -> anyhow::Result<()> {
    database.must_exist()?;
    let _lock = database.lock()?;
    match holdfast_store::open(&database.options(Access::ReadOnly)) {
        Err(StoreError::WrongKey(_)) => {}
        // With anything else wrong, the key may be the right one.
        Err(why) => return Err(explain(&why, &database.path)),
        Ok(_) => bail!(
            "the key in {} opens this database; nothing needs to be given up",
            database.key_file.display()
        ),
    }
    let aside = set_unusable_key_aside(&database.key_file)?;
    let result = open_without_secrets(database).await;
    if let (Err(_), Some(aside)) = (&result, &aside) {
        fs::rename(aside, &database.key_file)
            .with_context(|| format!("the key file stays at {}", aside.display()))?;
    }
    result
}

async fn open_without_secrets(database: &Database) -> anyhow::Result<()> {
    let options = OpenOptions { forget_secrets: true, ..database.options(Access::ReadWrite) };
    let store = holdfast_store::open(&options).map_err(|why| explain(&why, &database.path))?;
    store.ping().await.map_err(|why| explain(&why, &database.path))
}

/// A file that is no key would keep every database from opening; a key of another database does not.
fn set_unusable_key_aside(key_file: &Path) -> anyhow::Result<Option<PathBuf>> {
    if Sealer::read(key_file).is_ok() {
        return Ok(None);
    }
    let day = crate::export::timestamp(Clock::system().now()).replace([':', '.'], "-");
    let aside = with_suffix(key_file, &format!(".unusable-{day}"));
    fs::rename(key_file, &aside)
        .and_then(|()| sync_directory(key_file))
        .with_context(|| format!("cannot rename {}", key_file.display()))?;
    Ok(Some(aside))
}
