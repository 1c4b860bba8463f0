//! `holdfast export`: the flash backup that the app can restore.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use holdfast_store::Owner;
use holdfast_store::url::{Access, Clock};
use serde::Serialize;

use super::database::{DatabaseOptions, explain};
use super::print;
use crate::export;

/// Flags of `holdfast export`.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportOptions {
    /// Where to; `-` is stdout
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Take the device-local stores (theme, open panes) of this device
    #[arg(long, value_name = "ID", default_value = "")]
    device: String,
    /// With images and sounds, which is the default
    #[arg(long, overrides_with = "no_images")]
    images: bool,
    /// Without images and sounds
    #[arg(long)]
    no_images: bool,
    /// Replace the file when it exists
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
    bytes: u64,
    images: bool,
}

pub(super) async fn export(options: ExportOptions) -> anyhow::Result<ExitCode> {
    let to_stdout = options.out.as_os_str() == "-";
    if options.json && to_stdout {
        anyhow::bail!("stdout cannot hold both the backup and its report; pass --out FILE");
    }
    if !to_stdout && options.out.exists() && !options.force {
        anyhow::bail!("{} exists; name another file or pass --force", options.out.display());
    }
    let images = !options.no_images;
    let text = read(&options, images).await?;
    if to_stdout {
        let mut out = std::io::stdout().lock();
        out.write_all(&text)?;
        out.write_all(b"\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    write_whole(&options.out, &text).with_context(|| format!("cannot write {}", options.out.display()))?;
    let report = Exported { file: options.out.display().to_string(), bytes: text.len() as u64, images };
    if options.json {
        print::json(&report)?;
    } else {
        let with = if images { "with" } else { "without" };
        print::line(format!("{}: {} {with} images", report.file, print::size(report.bytes)))?;
        print::line("It holds API keys in clear text, as the app's own backups do.")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(options: &ExportOptions, images: bool) -> anyhow::Result<Vec<u8>> {
    let database = options.database.clone().resolve()?;
    database.must_exist()?;
    // Never through a server: what it shows may be masked, and a masked backup would restore to masks.
    let store = database.open(Access::ReadOnly)?;
    let how =
        export::Options { device: options.device.clone(), images, secrets: true, now: Clock::system().now() };
    let text = export::flash_backup(store.as_ref(), &Owner::local(), &how)
        .await
        .map_err(|why| explain(&why, &database.path))?;
    Ok(text.into_bytes())
}

/// Writes a file that is there whole or not at all.
fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let temporary = crate::backup::beside(path, "partial");
    let result = (|| {
        // Only for this user: the backup holds API keys.
        let mut file = crate::backup::private_file(&temporary)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if result.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}
