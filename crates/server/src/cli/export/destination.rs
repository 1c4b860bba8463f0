//! Where `holdfast export` writes to: stdout, a file, or a folder.

use std::io::Write as _;
use std::path::Path;

use async_trait::async_trait;

use crate::export::markdown::{self, Directory};
use crate::export::out::Sink;
use crate::export::{self, Counts, ExportError, Format, Job};

/// The standard output.
pub(super) struct Stdout;

#[async_trait]
impl Sink for Stdout {
    async fn take(&mut self, piece: Vec<u8>) -> Result<(), ExportError> {
        Ok(std::io::stdout().lock().write_all(&piece)?)
    }
}

#[async_trait]
impl Sink for std::fs::File {
    async fn take(&mut self, piece: Vec<u8>) -> Result<(), ExportError> {
        Ok(self.write_all(&piece)?)
    }
}

/// Writes a file that is there whole or not at all.
pub(super) async fn into_file(
    format: Format,
    job: &Job<'_>,
    path: &Path,
) -> Result<(Counts, u64), ExportError> {
    let temporary = crate::backup::beside(path, "partial");
    let result = async {
        // Only for this user: the file holds chats, and API keys.
        let mut file = crate::backup::private_file(&temporary)?;
        let done = export::write(format, job, &mut file).await?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        Ok(done)
    }
    .await;
    if result.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

/// Writes a folder that is there whole or not at all; into one that is there already, file by file.
pub(super) async fn into_folder(job: &Job<'_>, path: &Path) -> Result<Counts, ExportError> {
    if path.exists() {
        return markdown::write(job, &mut Directory::open(path.to_owned())?).await;
    }
    let temporary = crate::backup::beside(path, "partial");
    let result = async {
        let counts = markdown::write(job, &mut Directory::open(temporary.clone())?).await?;
        std::fs::rename(&temporary, path)?;
        Ok(counts)
    }
    .await;
    if result.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_dir_all(&temporary);
    }
    result
}
