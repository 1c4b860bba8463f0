//! `holdfast doctor`: what could keep the database from working, each with what to do about it.

mod checks;

use std::process::ExitCode;

use anyhow::bail;
use holdfast_store::OpenOptions;
use holdfast_store::url::Access;
use serde::Serialize;

use super::database::{Database, DatabaseOptions, explain};
use super::print;

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

/// Opens the database without its key, which gives its secrets up; a key that is there is kept aside.
async fn forget_secrets(database: &Database) -> anyhow::Result<()> {
    database.must_exist()?;
    let _lock = database.lock()?;
    if database.open(Access::ReadOnly).is_ok() {
        bail!("the key in {} opens this database; nothing needs to be given up", database.key_file.display());
    }
    let options = OpenOptions { forget_secrets: true, ..database.options(Access::ReadWrite) };
    let store = holdfast_store::open(&options).map_err(|why| explain(&why, &database.path))?;
    store.ping().await.map_err(|why| explain(&why, &database.path))
}
