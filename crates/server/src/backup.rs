//! A copy of the database that is only called a backup after it was opened and checked.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use holdfast_store::store::Check;
use holdfast_store::url::Access;
use holdfast_store::{OpenOptions, Store, StoreError};

/// A backup that was checked.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The content hash of the copy.
    pub content_hash: String,
    /// The source had the same content before or after; `false` when others wrote to it all the time.
    pub matches_source: bool,
    /// What was checked in the copy.
    pub checks: Vec<Check>,
}

/// Why there is no backup. Nothing is left at the path.
#[derive(Debug)]
pub enum BackupError {
    /// Something is there already.
    Exists(PathBuf),
    /// The copy cannot be written or renamed.
    Io(PathBuf, io::Error),
    /// The source cannot be read, or the copy cannot be opened.
    Store(StoreError),
    /// The copy has problems, so the source has them too.
    Damaged(Vec<Check>),
    /// The copy differs from a source that nobody wrote to.
    Differs,
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(path) => write!(f, "{} exists; name another file", path.display()),
            Self::Io(path, why) => {
                write!(f, "{}: {why}; check the directory and its free space", path.display())
            }
            Self::Store(why) => write!(f, "{why}; run `holdfast doctor`"),
            Self::Damaged(checks) => {
                let problems: usize = checks.iter().map(|c| c.problems.len()).sum();
                write!(f, "the copy has {problems} problems; `holdfast verify` lists them")
            }
            Self::Differs => f.write_str("the copy differs from the database; run `holdfast verify`"),
        }
    }
}

impl std::error::Error for BackupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, why) => Some(why),
            Self::Store(why) => Some(why),
            Self::Exists(_) | Self::Damaged(_) | Self::Differs => None,
        }
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Copies `source` to a new file at `to`, opens the copy with the key at `key_file`, and checks it. Writes may
/// go on meanwhile. The key is not in the copy.
pub async fn backup(source: &dyn Store, key_file: &Path, to: &Path) -> Result<Backup, BackupError> {
    // SQLite would take a log that another database left there for this one's.
    let sidecars = SIDECARS.iter().map(|suffix| with_suffix(to, suffix));
    if let Some(there) = std::iter::once(to.to_owned()).chain(sidecars).find(|path| path.exists()) {
        return Err(BackupError::Exists(there));
    }
    let temporary = beside(to, "partial");
    let result = copy_and_check(source, key_file, &temporary).await;
    let result = result.and_then(|mut backup| {
        publish(&temporary, to).map_err(|why| BackupError::Io(to.to_owned(), why))?;
        backup.path = to.to_owned();
        Ok(backup)
    });
    if result.is_err() {
        discard(&temporary);
    }
    result
}

async fn copy_and_check(source: &dyn Store, key_file: &Path, to: &Path) -> Result<Backup, BackupError> {
    let before = source.content_hash().await?;
    source.backup(to).await?;
    let after = source.content_hash().await?;
    let copy = holdfast_store::open(&OpenOptions {
        key_file: key_file.to_owned(),
        access: Access::ReadOnly,
        ..OpenOptions::sqlite(to)
    })?;
    let checks = copy.verify().await?;
    let content_hash = copy.content_hash().await?;
    drop(copy);
    if checks.iter().any(|c| !c.problems.is_empty()) {
        return Err(BackupError::Damaged(checks));
    }
    let matches_source = content_hash == before || content_hash == after;
    if before == after && !matches_source {
        return Err(BackupError::Differs);
    }
    let size = |path: &Path| fs::metadata(path).map(|m| m.len());
    let bytes = size(to).map_err(|why| BackupError::Io(to.to_owned(), why))?;
    Ok(Backup { path: to.to_owned(), bytes, content_hash, matches_source, checks })
}

/// Makes a finished temporary file the file at `to`, on the disk, and readable by this user only.
pub(crate) fn publish(temporary: &Path, to: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(temporary, fs::Permissions::from_mode(0o600))?;
    }
    File::open(temporary)?.sync_all()?;
    fs::rename(temporary, to)?;
    for suffix in SIDECARS {
        remove_if_there(&with_suffix(temporary, suffix))?;
    }
    sync_directory(to)
}

/// A new or emptied file that only this user can read.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes renames in the directory of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// What SQLite keeps beside a file.
pub(crate) const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// `path` with more at its end.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A temporary name in the same directory, so that a rename is enough to finish.
pub(crate) fn beside(path: &Path, what: &str) -> PathBuf {
    with_suffix(path, &format!(".{what}-{}", std::process::id()))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a temporary database. What cannot be removed is named in the log: the caller has a better error.
pub(crate) fn discard(temporary: &Path) {
    let sidecars = SIDECARS.iter().map(|suffix| with_suffix(temporary, suffix));
    for path in std::iter::once(temporary.to_owned()).chain(sidecars) {
        if let Err(error) = remove_if_there(&path) {
            tracing::warn!(target: "store", path = %path.display(), %error, "{} stays behind", path.display());
        }
    }
}
