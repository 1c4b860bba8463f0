//! `holdfast restore`: a checked backup in the place of the database, which is kept aside.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use holdfast_store::url::{Access, Clock};
use holdfast_store::{Epoch, OpenOptions};
use serde::Serialize;

use super::database::{Database, DatabaseOptions, explain};
use super::print;
use super::verify::{CheckReport, has_problems, reports, show};
use crate::backup::{SIDECARS, beside, discard, private_file, publish, sync_directory, with_suffix};

/// Flags of `holdfast restore`.
#[derive(Debug, Clone, clap::Args)]
pub struct RestoreOptions {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the place of a database that exists; it is kept aside under another name
    #[arg(long)]
    force: bool,
    /// Report as JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    file: String,
    restored: bool,
    /// Where the database is that was there before.
    kept_aside: Option<String>,
    epoch: Option<String>,
    checks: Vec<CheckReport>,
}

pub(super) async fn restore(options: RestoreOptions) -> anyhow::Result<ExitCode> {
    let database = options.database.resolve()?;
    if !options.file.is_file() {
        bail!("there is no backup at {}; name a file made by `holdfast backup`", options.file.display());
    }
    let _lock = database.lock()?;
    if database.path.exists() && !options.force {
        bail!("{} exists; pass --force to put the backup in its place", database.path.display());
    }
    let temporary = beside(&database.path, "restore");
    let result = prepare(&options.file, &temporary, &database).await;
    let (checks, epoch) = match result {
        Ok(prepared) => prepared,
        Err(why) => {
            discard(&temporary);
            return Err(why);
        }
    };
    let problems = has_problems(&checks);
    let mut kept = None;
    if problems {
        discard(&temporary);
    } else {
        write_back(&database);
        kept = swap(&temporary, &database.path)
            .inspect_err(|_| discard(&temporary))
            .with_context(|| format!("cannot put the backup in the place of {}", database.path.display()))?;
    }
    let kept_aside = kept.map(|p| p.display().to_string());
    if options.json {
        print::json(&Restored {
            file: database.path.display().to_string(),
            restored: !problems,
            kept_aside,
            epoch: (!problems).then_some(epoch.0),
            checks: reports(checks),
        })?;
    } else if problems {
        show(&checks)?;
        print::line("The backup has problems and was not restored; try an older one.")?;
    } else {
        print::line(format!("{} is restored from {}", database.path.display(), options.file.display()))?;
        if let Some(kept) = kept_aside {
            print::line(format!("The database before is kept at {kept}"))?;
        }
    }
    Ok(print::exit(problems))
}

/// A copy of the backup beside the database, upgraded where it is older, checked, and in a new epoch: what
/// clients knew before the restore is void.
async fn prepare(
    from: &Path,
    to: &Path,
    database: &Database,
) -> anyhow::Result<(Vec<holdfast_store::store::Check>, Epoch)> {
    // What an earlier restore left behind when it was killed.
    discard(to);
    copy_private(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    // A database that was copied while it was open has its newest part here.
    let wal = with_suffix(from, "-wal");
    if wal.exists() {
        copy_private(&wal, &with_suffix(to, "-wal"))
            .with_context(|| format!("cannot copy {}", wal.display()))?;
    }
    let options = OpenOptions {
        key_file: database.key_file.clone(),
        access: Access::ReadWrite,
        ..OpenOptions::sqlite(to)
    };
    let store = holdfast_store::open(&options).map_err(|why| explain(&why, from))?;
    discard_snapshots(to);
    let checks = store.verify().await.map_err(|why| explain(&why, from))?;
    let epoch = store.begin_epoch().await.map_err(|why| explain(&why, from))?;
    drop(store);
    let wal = with_suffix(to, "-wal");
    if fs::metadata(&wal).is_ok_and(|m| m.len() > 0) {
        return Err(anyhow!("{} was not written back; try again", wal.display()));
    }
    Ok((checks, epoch))
}

/// What an upgrade of the copy kept of it: the backup itself is that already.
fn discard_snapshots(copy: &Path) {
    let beside = copy.parent().and_then(|directory| fs::read_dir(directory).ok());
    let prefix = format!("{}.schema-", copy.file_name().unwrap_or_default().to_string_lossy());
    let names = beside.into_iter().flatten().flatten();
    names
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .for_each(|e| discard(&e.path()));
}

/// A copy that nobody else can read at any moment.
fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    io::copy(&mut fs::File::open(from)?, &mut private_file(to)?).map(drop)
}

/// Brings the database's log into its file, so that the file is whole wherever it goes. One that does not open
/// keeps its log beside it.
fn write_back(database: &Database) {
    // SQLite throws the log away that it finds beside an empty file: all that is left of a damaged database.
    let mut start = [0; SQLITE.len()];
    let read = fs::File::open(&database.path).and_then(|mut file| file.read_exact(&mut start));
    if read.is_ok() && start == *SQLITE {
        drop(database.open(Access::ReadWrite));
    }
}

/// How every SQLite file begins.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// Moves the database aside and the restored one in its place. Gives the new name of the one before.
fn swap(restored: &Path, database: &Path) -> io::Result<Option<PathBuf>> {
    let day = crate::export::timestamp(Clock::system().now()).replace([':', '.'], "-");
    let aside = with_suffix(database, &format!(".before-restore-{day}"));
    let there = database.exists();
    let done = move_aside(database, &aside)
        .and_then(|()| sync_directory(database))
        .and_then(|()| publish(restored, database));
    match done {
        Ok(()) => Ok(there.then_some(aside)),
        // What was moved was no database's, and must not come back beside the restored one.
        Err(why) if !there => Err(why),
        Err(why) => {
            put_back(&aside, database).map_err(|also| {
                io::Error::other(format!("{why}; the database before is at {} ({also})", aside.display()))
            })?;
            Err(why)
        }
    }
}

/// The log goes first: a crash in between leaves a database without a log, never one with another's. A log
/// without a database is as foreign to the restored one.
fn move_aside(database: &Path, aside: &Path) -> io::Result<()> {
    for suffix in SIDECARS {
        rename_if_there(&with_suffix(database, suffix), &with_suffix(aside, suffix))?;
    }
    rename_if_there(database, aside)
}

/// The reverse of [`move_aside`].
fn put_back(aside: &Path, database: &Path) -> io::Result<()> {
    rename_if_there(aside, database)?;
    for suffix in SIDECARS {
        rename_if_there(&with_suffix(aside, suffix), &with_suffix(database, suffix))?;
    }
    sync_directory(database)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_put_back_with_its_log_when_the_backup_cannot_take_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("holdfast.db");
        let log = with_suffix(&database, "-wal");
        fs::write(&database, "database").unwrap();
        fs::write(&log, "log").unwrap();
        assert!(swap(&directory.path().join("absent"), &database).is_err());
        assert_eq!(fs::read_to_string(&database).unwrap(), "database");
        assert_eq!(fs::read_to_string(&log).unwrap(), "log");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_an_upgrade_of_the_copy_kept_does_not_stay_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (copy, kept) = ("holdfast.db.restore-1", "holdfast.db.schema-1");
        for name in [copy, "holdfast.db.restore-1.schema-1", kept] {
            fs::write(path(name), "database").unwrap();
        }
        discard_snapshots(&path(copy));
        let mut left: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [copy, kept]);
    }
}
