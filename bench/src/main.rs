//! Measures a release build of Holdfast against limits taken in the same run: see README.md beside this crate.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing the table is what this program does")]
#![allow(clippy::disallowed_types, reason = "raw rusqlite is the limit that is measured")]

mod client;
mod history;
mod imports;
mod limit_servers;
mod measure;
mod process;
mod raw;
mod report;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;

use measure::{Place, Plan};
use report::Report;

const ROWS: [&str; 7] = ["writes", "reads", "lists", "messages", "imports", "costs", "start"];

/// Measures Holdfast against limits taken in the same run
#[derive(clap::Parser)]
struct Options {
    /// Fewer runs over less data
    #[arg(long)]
    quick: bool,
    /// Only these groups of rows: writes, reads, lists, messages, imports, costs, start
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The release binary of holdfast
    #[arg(long, default_value = "target/release/holdfast")]
    holdfast: PathBuf,
    /// Where the result is written
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
    /// Where the databases are made; on the disk that is to be measured
    #[arg(long, default_value = "bench/data")]
    data: PathBuf,
    /// The commit that the binary was built from
    #[arg(long, default_value = "unknown")]
    commit: String,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(clap::Subcommand)]
enum Part {
    /// One of the servers that reads are compared with
    #[command(hide = true)]
    Limit { kind: String, db: PathBuf, listen: SocketAddr },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("holdfast-bench: {failed} of the figures are not what is asked");
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("holdfast-bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(options: Options) -> Result<usize> {
    if let Some(Part::Limit { kind, db, listen }) = options.part {
        return match kind.as_str() {
            "bare" => limit_servers::bare(db, listen).await.map(|()| 0),
            "static" => limit_servers::fixed(db, listen).await.map(|()| 0),
            _ => bail!("no limit is called {kind}: use bare or static"),
        };
    }
    if cfg!(debug_assertions) {
        bail!("this is a debug build, whose figures mean nothing: run script/bench");
    }
    if let Some(unknown) = options.only.iter().find(|name| !ROWS.contains(&name.as_str())) {
        bail!("no rows are called {unknown}: use {}", ROWS.join(", "));
    }
    let plan = if options.quick { Plan::quick() } else { Plan::full() };
    let holdfast = options
        .holdfast
        .canonicalize()
        .with_context(|| format!("{} is missing: run script/bench", options.holdfast.display()))?;
    // A directory of our own in it, because it is removed at the end.
    let data = options.data.join("holdfast-bench");
    std::fs::create_dir_all(&data)?;
    let place = Place { holdfast, data: data.canonicalize()? };
    let mut report = Report::default();
    let asked = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    if asked("writes") {
        measure::writes(&place, &plan, &mut report).await?;
    }
    if asked("reads") {
        measure::reads(&place, &plan, &mut report).await?;
    }
    if asked("lists") {
        measure::lists(&place, &plan, &mut report).await?;
    }
    if asked("messages") {
        measure::messages(&place, &plan, &mut report).await?;
    }
    if asked("imports") {
        imports::imports(&place, &plan, &mut report).await?;
    }
    if asked("costs") {
        measure::costs(&place, &mut report).await?;
    }
    if asked("start") {
        measure::start(&place, &plan, &mut report).await?;
    }
    std::fs::remove_dir_all(&place.data)?;
    write_result(&options.results, &options.commit, options.quick, plan.runs, &report)?;
    Ok(report.failed())
}

fn write_result(directory: &Path, commit: &str, quick: bool, runs: usize, report: &Report) -> Result<()> {
    let date = output("date", &["-u", "+%Y-%m-%d"])?;
    let text = report.markdown(&[
        ("date", date.clone()),
        ("commit", commit.to_owned()),
        ("machine", machine()),
        (
            "runs",
            format!("median of {runs}, interleaved{}", if quick { "; `--quick`: less data" } else { "" }),
        ),
    ]);
    std::fs::create_dir_all(directory)?;
    let path = directory.join(format!("{date}-{commit}{}.md", if quick { "-quick" } else { "" }));
    std::fs::write(&path, &text)?;
    println!("\n{text}\nwritten to {}", path.display());
    Ok(())
}

/// Processor, cores, memory and kernel: what a figure depends on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, v)| v.trim().to_owned())
    };
    let processor =
        field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    format!(
        "{processor}, {cores} cores, {memory} memory, Linux {}",
        read("/proc/sys/kernel/osrelease").trim()
    )
}

fn output(command: &str, arguments: &[&str]) -> Result<String> {
    let out =
        Command::new(command).args(arguments).output().with_context(|| format!("{command} cannot be run"))?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
