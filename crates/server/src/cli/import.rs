//! `holdfast import`: files of the app into the database, with a preview first and a way back.

mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use holdfast_store::url::Access;
use holdfast_store::{Id, Json, Owner, Store};

use super::database::{Database, DatabaseOptions};
use super::print;
use super::remote::Server;
use crate::import::session::{self, Changed, Details, Session, Sessions};
use crate::import::{self, Input, Options, Report};

/// Flags of `holdfast import`.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ImportOptions {
    #[command(subcommand)]
    command: Option<ImportCommand>,
    /// Flash backups, exports of all chats or of one, captures, archives, and databases of the first SQLite system
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show what would happen and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the file's version where another one is stored; the stored one stays in history
    #[arg(long)]
    overwrite: bool,
    /// Read the files once more afterwards, and compare every entity with the database
    #[arg(long)]
    verify: bool,
    /// The device that device-local stores (theme, open panes) belong to
    #[arg(long, value_name = "ID", default_value = "")]
    device: String,
    /// Report as JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

/// What can be done with imports that were made.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ImportCommand {
    /// List the imports
    List(ListOptions),
    /// Take an import back: what it brought goes, what it replaced returns
    Rollback(RollbackOptions),
}

/// Flags of `holdfast import list`.
#[derive(Debug, Clone, clap::Args)]
pub struct ListOptions {
    /// Report as JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

/// Flags of `holdfast import rollback`.
#[derive(Debug, Clone, clap::Args)]
pub struct RollbackOptions {
    /// Which import: `holdfast import list` shows them
    #[arg(value_name = "ID")]
    id: String,
    /// What becomes of things that were changed since
    #[arg(long, value_name = "WHAT")]
    changed: Option<Changed>,
    /// Report as JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

/// A file that was read and checked.
struct File {
    name: String,
    text: Option<Json>,
    input: Input,
}

/// What came of an import: its session where it was written.
struct Made {
    report: Report,
    session: Option<Session>,
}

pub(super) async fn import(options: ImportOptions) -> anyhow::Result<ExitCode> {
    match options.command {
        Some(ImportCommand::List(list)) => self::list(list).await,
        Some(ImportCommand::Rollback(back)) => roll_back(back).await,
        None => files(options).await,
    }
}

async fn files(options: ImportOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.clone().resolve()?;
    let server = database.server();
    let files = read_all(&options.files, server.is_some())?;
    let made = match server {
        Some(server) => through_server(&server, &files, &options)?,
        None if !options.dry_run => {
            let _lock = database.lock()?;
            into_store(&database, files, &options).await?
        }
        None if database.path.exists() => {
            compare(database.open(Access::ReadOnly)?.as_ref(), files, &options).await?
        }
        None => {
            // Nothing is there yet, and a dry run leaves it so: it compares with an empty database elsewhere.
            let empty = EmptyDatabase::create()?;
            compare(empty.store()?.as_ref(), files, &options).await?
        }
    };
    if options.json {
        show::json(&made)?;
    } else {
        show::made(&made)?;
    }
    let verification = made.session.as_ref().and_then(|s| s.details.verification.as_ref());
    let is_lost = verification.is_some_and(|v| v.missing > 0);
    Ok(print::exit(made.report.has_problems() || is_lost))
}

/// Reads and checks every file before anything is written; their texts are kept for a server only.
fn read_all(paths: &[PathBuf], keep_text: bool) -> anyhow::Result<Vec<File>> {
    let bar = print::progress(paths.len(), "reading");
    let mut files = Vec::new();
    for path in paths {
        files.push(read(path, keep_text)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(files)
}

fn read(path: &Path, keep_text: bool) -> anyhow::Result<File> {
    let name = path.display().to_string();
    let bundle = import::read_path(path).map_err(|why| anyhow!("{name}: {why}"))?;
    let text = if keep_text { Some(sendable(path)?) } else { None };
    Ok(File { input: Input { name: name.clone(), bundle }, name, text })
}

/// A file as a server takes it among others.
fn sendable(path: &Path) -> anyhow::Result<Json> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if import::is_database(&bytes) {
        return Ok(import::enclose(&bytes));
    }
    Ok(import::document(&bytes)?)
}

fn how(options: &ImportOptions) -> Options {
    Options { overwrite: options.overwrite, device: options.device.clone() }
}

async fn planned(
    store: &dyn Store,
    files: Vec<File>,
    how: &Options,
    what: &'static str,
) -> anyhow::Result<import::Plan> {
    let inputs: Vec<Input> = files.into_iter().map(|f| f.input).collect();
    let bar = print::progress(inputs.len(), what);
    let owner = Owner::local();
    let plan = import::plan(store, &owner, inputs, how, &|done| bar.set_position(done as u64)).await?;
    bar.finish_and_clear();
    Ok(plan)
}

async fn compare(store: &dyn Store, files: Vec<File>, options: &ImportOptions) -> anyhow::Result<Made> {
    let plan = planned(store, files, &how(options), "comparing").await?;
    Ok(Made { report: plan.preview(), session: None })
}

async fn into_store(database: &Database, files: Vec<File>, options: &ImportOptions) -> anyhow::Result<Made> {
    let store = database.open(Access::ReadWrite)?;
    let owner = Owner::local();
    let sessions = sessions(store.as_ref(), &owner, database);
    let names = files.iter().map(|f| f.name.clone()).collect();
    let plan = planned(store.as_ref(), files, &how(options), "comparing").await?;
    if !options.json {
        show::report(&plan.preview(), "Preview")?;
    }
    let id = session::new_id(crate::app::now())?;
    let details =
        Details { names, overwrite: options.overwrite, device: options.device.clone(), ..Details::default() };
    let bar = print::progress(1, "importing");
    let mut session = sessions.bring(&id, details, plan).await?;
    bar.finish_and_clear();
    if options.verify {
        let inputs = read_all(&options.files, false)?.into_iter().map(|f| f.input).collect();
        session = sessions.verify(&id, inputs).await?;
    }
    made(session)
}

/// All files in one request, so that the fullest comes first there too.
fn through_server(server: &Server, files: &[File], options: &ImportOptions) -> anyhow::Result<Made> {
    let texts: Vec<&str> = files.iter().filter_map(|f| f.text.as_ref()).map(Json::as_str).collect();
    let body = format!("[{}]", texts.join(","));
    let step = |what, ask: &dyn Fn() -> anyhow::Result<Session>| {
        let bar = print::progress(1, what);
        let mut session = ask()?;
        bar.finish_and_clear();
        name_files(&mut session, files);
        anyhow::Ok(session)
    };
    let preview = step("comparing", &|| server.preview(&body, options.overwrite, &options.device))?;
    let id = preview.id.clone();
    if options.dry_run {
        server.import_step(&id, "DELETE", "", None)?;
        return Ok(Made { session: None, ..made(preview)? });
    }
    if !options.json {
        show::report(&made(preview)?.report, "Preview")?;
    }
    let mut session = step("importing", &|| server.import_step(&id, "POST", "/apply", None))?;
    if options.verify {
        session = step("verifying", &|| server.import_step(&id, "POST", "/verify", None))?;
    }
    made(session)
}

fn made(session: Session) -> anyhow::Result<Made> {
    let report = session.details.report.clone();
    Ok(Made { report: report.ok_or_else(|| anyhow!("the import has no report"))?, session: Some(session) })
}

/// A server knows files by their place only.
fn name_files(session: &mut Session, files: &[File]) {
    for file in session.details.report.iter_mut().flat_map(|r| &mut r.files) {
        if let Some(given) = files.get(file.index) {
            file.name.clone_from(&given.name);
        }
    }
}

fn sessions<'a>(store: &'a dyn Store, owner: &'a Owner, database: &Database) -> Sessions<'a> {
    Sessions { store, owner, directory: database.path.with_file_name("imports") }
}

async fn list(options: ListOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.resolve()?;
    let found = match database.server() {
        Some(server) => server.imports()?,
        None => {
            database.must_exist()?;
            let store = database.open(Access::ReadOnly)?;
            sessions(store.as_ref(), &Owner::local(), &database).list().await?
        }
    };
    if options.json {
        print::json(&found)?
    } else {
        show::list(&found)?
    }
    Ok(ExitCode::SUCCESS)
}

async fn roll_back(options: RollbackOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.resolve()?;
    let id = Id::parse(&options.id)?;
    let session = match database.server() {
        Some(server) => server.import_step(&options.id, "POST", "/rollback", options.changed)?,
        None => {
            database.must_exist()?;
            let _lock = database.lock()?;
            let store = database.open(Access::ReadWrite)?;
            sessions(store.as_ref(), &Owner::local(), &database).roll_back(&id, options.changed).await?
        }
    };
    if options.json {
        print::json(&session)?
    } else {
        show::rolled_back(&session)?
    }
    Ok(ExitCode::SUCCESS)
}

/// An empty database in the system's directory for temporary files, gone with this value.
struct EmptyDatabase(PathBuf);

impl EmptyDatabase {
    fn create() -> anyhow::Result<Self> {
        let directory = std::env::temp_dir().join(format!("holdfast-dry-run-{}", std::process::id()));
        std::fs::create_dir(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self(directory))
    }

    fn store(&self) -> anyhow::Result<std::sync::Arc<dyn Store>> {
        let path = self.0.join("holdfast.db");
        holdfast_store::open(&holdfast_store::OpenOptions::sqlite(&path))
            .map_err(|why| super::database::explain(&why, &path))
    }
}

impl Drop for EmptyDatabase {
    fn drop(&mut self) {
        // What is left behind is empty and lies where the system cleans up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
