//! `holdfast import`: files of the app into the database, with a preview first.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use holdfast_store::url::Access;
use holdfast_store::{Json, Owner, Store, Writer};

use super::database::DatabaseOptions;
use super::print;
use super::remote::Server;
use crate::import::{self, Input, Options, Report};

/// How many reasons are shown on a terminal.
const SHOWN: usize = 20;

/// Flags of `holdfast import`.
#[derive(Debug, Clone, clap::Args)]
pub struct ImportOptions {
    /// Flash backups, exports of all chats or of one, captures, and databases of the first SQLite system, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show what would happen and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the file's version where another one is stored; the stored one stays in history
    #[arg(long)]
    overwrite: bool,
    /// The device that device-local stores (theme, open panes) belong to
    #[arg(long, value_name = "ID", default_value = "")]
    device: String,
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

pub(super) async fn import(options: ImportOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.clone().resolve()?;
    let server = database.server();
    let files = read_all(&options.files, server.is_some())?;
    let report = match server {
        Some(server) => through_server(&server, &files, &options)?,
        None if !options.dry_run => {
            let _lock = database.lock()?;
            into_store(database.open(Access::ReadWrite)?.as_ref(), files, &options).await?
        }
        None if database.path.exists() => {
            into_store(database.open(Access::ReadOnly)?.as_ref(), files, &options).await?
        }
        None => {
            // Nothing is there yet, and a dry run leaves it so: it compares with an empty database elsewhere.
            let empty = EmptyDatabase::create()?;
            into_store(empty.store()?.as_ref(), files, &options).await?
        }
    };
    if options.json {
        print::json(&report)?;
    } else {
        show(&report, &options, if report.dry_run { "Preview, nothing is written" } else { "Imported" })?;
        show_notes(&report)?;
    }
    Ok(print::exit(report.has_problems()))
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

/// A file as a server takes it.
fn sendable(path: &Path) -> anyhow::Result<Json> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if import::is_database(&bytes) {
        return Ok(import::enclose(&bytes));
    }
    Ok(Json::from_bytes(&bytes)?)
}

async fn into_store(store: &dyn Store, files: Vec<File>, options: &ImportOptions) -> anyhow::Result<Report> {
    let owner = Owner::local();
    let how = Options { overwrite: options.overwrite, device: options.device.clone() };
    let inputs: Vec<Input> = files.into_iter().map(|f| f.input).collect();
    let bar = print::progress(inputs.len(), "comparing");
    let plan = import::plan(store, &owner, inputs, &how, &|done| bar.set_position(done as u64)).await?;
    bar.finish_and_clear();
    let preview = plan.preview();
    if options.dry_run {
        return Ok(preview);
    }
    show(&preview, options, "Preview")?;
    let bar = print::progress(preview.files.len(), "importing");
    let writer = Writer::new(owner);
    let report = plan.apply(store, &writer, &|done| bar.set_position(done as u64)).await?;
    bar.finish_and_clear();
    Ok(report)
}

/// All files in one request, so that the fullest comes first there too.
fn through_server(server: &Server, files: &[File], options: &ImportOptions) -> anyhow::Result<Report> {
    let texts: Vec<&str> = files.iter().filter_map(|f| f.text.as_ref()).map(Json::as_str).collect();
    let body = format!("[{}]", texts.join(","));
    let send = |dry_run| {
        let bar = print::progress(1, if dry_run { "comparing" } else { "importing" });
        let mut report = server.import(&body, dry_run, options.overwrite, &options.device)?;
        bar.finish_and_clear();
        name_files(&mut report, files);
        anyhow::Ok(report)
    };
    let preview = send(true)?;
    if options.dry_run {
        return Ok(preview);
    }
    show(&preview, options, "Preview")?;
    send(false)
}

/// A server knows files by their place only.
fn name_files(report: &mut Report, files: &[File]) {
    for file in &mut report.files {
        if let Some(given) = files.get(file.index) {
            file.name.clone_from(&given.name);
        }
    }
}

fn show(report: &Report, options: &ImportOptions, title: &str) -> anyhow::Result<()> {
    if options.json {
        return Ok(());
    }
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

fn show_notes(report: &Report) -> anyhow::Result<()> {
    let notes: Vec<_> =
        report.files.iter().flat_map(|file| file.notes.iter().map(move |note| (file, note))).collect();
    for (file, note) in notes.iter().take(SHOWN) {
        let verdict = format!("{:?}", note.verdict).to_lowercase();
        let (noun, id, reason) = (&note.noun, &note.id, &note.reason);
        print::line(format!("{verdict} in {}: {noun} '{id}': {reason}", file.name))?;
    }
    for file in &report.files {
        for lost in &file.lost {
            print::line(format!("note on {}: {lost}", file.name))?;
        }
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
    Ok(())
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
