//! `holdfast export`: the data as a file or a folder, in one of several formats.

mod destination;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use holdfast_store::Owner;
use holdfast_store::url::{Access, Clock};
use serde::Serialize;

use super::database::{DatabaseOptions, explain};
use super::print;
use crate::export::out::Sink as _;
use crate::export::{self, Counts, ExportError, Format, Job};
use destination::{Stdout, into_file, into_folder};

/// Flags of `holdfast export`.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportOptions {
    /// What to write
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Where to; `-` is stdout. Markdown goes into a folder, or into a zip when the name ends in .zip
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Take the device-local stores (theme, open panes) of this device into a flash backup
    #[arg(long, value_name = "ID", default_value = "")]
    device: String,
    /// With images and sounds, which is the default
    #[arg(long, overrides_with = "no_images")]
    images: bool,
    /// Without images and sounds
    #[arg(long)]
    no_images: bool,
    /// Replace the file when it exists; of a folder, the files that have the same names
    #[arg(long)]
    force: bool,
    /// Report as JSON on stdout; needs --out
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

#[derive(Serialize)]
struct Exported {
    file: String,
    format: &'static str,
    /// Size of the file; `None` for a folder.
    bytes: Option<u64>,
    images: bool,
    /// How many of each kind were written.
    counts: Counts,
}

pub(super) async fn export(options: ExportOptions) -> anyhow::Result<ExitCode> {
    let to_stdout = options.out.as_os_str() == "-";
    if options.json && to_stdout {
        anyhow::bail!("stdout cannot hold both the export and its report; pass --out FILE");
    }
    if to_stdout && options.format == Format::Markdown && std::io::stdout().is_terminal() {
        anyhow::bail!("Markdown is a zip on stdout, and no terminal shows one; pass --out DIRECTORY");
    }
    if !to_stdout && options.out.exists() && !options.force {
        anyhow::bail!("{} exists; name another one or pass --force", options.out.display());
    }
    let database = options.database.clone().resolve()?;
    database.must_exist()?;
    // Never through a server: what it shows may be masked, and a masked backup would restore to masks.
    let store = database.open(Access::ReadOnly)?;
    let images = !options.no_images;
    let how =
        export::Options { device: options.device.clone(), images, secrets: true, now: Clock::system().now() };
    let failed = |why: ExportError| match why {
        ExportError::Store(why) => explain(&why, &database.path),
        why => anyhow!("cannot write {}: {why}", options.out.display()),
    };
    let total = store.conversation_count(&Owner::local()).await.map_err(|e| failed(e.into()))?;
    let bar = print::progress(usize::try_from(total).unwrap_or(usize::MAX), "exporting chats");
    let owner = Owner::local();
    let progress = |done| bar.set_position(done);
    let job = Job { store: store.as_ref(), owner: &owner, options: &how, progress: &progress };
    let (counts, bytes) = if to_stdout {
        let (counts, _) = export::write(options.format, &job, &mut Stdout).await.map_err(failed)?;
        if options.format == Format::Flash {
            Stdout.take(b"\n".to_vec()).await.map_err(failed)?;
        }
        (counts, None)
    } else if options.format == Format::Markdown && options.out.extension().is_none_or(|end| end != "zip") {
        (into_folder(&job, &options.out).await.map_err(failed)?, None)
    } else {
        let (counts, bytes) = into_file(options.format, &job, &options.out).await.map_err(failed)?;
        (counts, Some(bytes))
    };
    bar.finish_and_clear();
    if !to_stdout {
        let file = options.out.display().to_string();
        show(&options, &Exported { file, format: options.format.name(), bytes, images, counts })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(options: &ExportOptions, report: &Exported) -> anyhow::Result<()> {
    if options.json {
        return print::json(report);
    }
    let with = if report.images { "with" } else { "without" };
    let chats = report.counts.get("conversation").copied().unwrap_or_default();
    let size = match report.bytes {
        Some(bytes) => print::size(bytes),
        None => format!("{chats} chats"),
    };
    print::line(format!("{}: {size} {with} images", report.file))?;
    if options.format.holds_secrets() {
        print::line("It holds API keys in clear text, as the app's own backups do.")?;
    }
    Ok(())
}
