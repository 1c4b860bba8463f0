//! The single checks, in the order in which they help: the first failure is usually the cause of the rest.

use std::fs;
use std::path::Path;

use holdfast_store::url::Access;
use holdfast_store::{StoreError, seal};

use super::{Finding, Status};
use crate::backup::with_suffix;
use crate::cli::database::{Database, advice};
use crate::cli::print;
use crate::lock;

/// Less free space than this is worth a warning, and a tenth of it a failure.
const LOW_SPACE: u64 = 1 << 30;

pub(super) async fn all(database: &Database) -> Vec<Finding> {
    let mut findings =
        vec![file(database), holder(database), directory(&database.path), space(&database.path)];
    findings.extend(readable_by_others(database));
    findings.push(key(database));
    if database.path.is_file() {
        findings.push(contents(database).await);
    }
    findings
}

fn finding(name: &'static str, status: Status, message: String) -> Finding {
    Finding { name, status, message, hint: None }
}

impl Finding {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn file(database: &Database) -> Finding {
    match fs::metadata(&database.path) {
        Ok(found) if found.is_file() => {
            let wal = fs::metadata(with_suffix(&database.path, "-wal")).map_or(0, |m| m.len());
            let message = format!("{}, log {}", print::size(found.len()), print::size(wal));
            finding("file", Status::Ok, message)
        }
        Ok(_) => finding("file", Status::Failed, "is no file".to_owned()).hint("name the file with --db"),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            finding("file", Status::Warning, "there is none yet".to_owned())
                .hint("`holdfast serve` or `holdfast import FILE` makes one; or name another with --db")
        }
        Err(why) => {
            finding("file", Status::Failed, why.to_string()).hint("check the permissions of its directory")
        }
    }
}

fn holder(database: &Database) -> Finding {
    match lock::holder(&database.path) {
        None => finding("lock", Status::Ok, "nobody has it".to_owned()),
        Some(holder) if holder.url.is_empty() => {
            finding("lock", Status::Ok, format!("process {} is using it", holder.pid))
        }
        Some(holder) => {
            finding("lock", Status::Ok, format!("process {} serves it at {}", holder.pid, holder.url))
        }
    }
}

/// SQLite writes files of its own beside the database.
fn directory(path: &Path) -> Finding {
    let Some(directory) = nearest_directory(path) else {
        return finding("directory", Status::Failed, "does not exist".to_owned())
            .hint("name another with --db");
    };
    let probe = directory.join(format!(".holdfast-probe-{}", std::process::id()));
    let shown = directory.display();
    match fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)) {
        Ok(()) if path.is_file() && fs::OpenOptions::new().write(true).open(path).is_err() => {
            finding("directory", Status::Failed, "the database file cannot be written".to_owned())
                .hint("give this user the right to write it")
        }
        Ok(()) => finding("directory", Status::Ok, format!("{shown} can be written")),
        Err(why) => finding("directory", Status::Failed, format!("{shown}: {why}"))
            .hint("give this user the right to write there"),
    }
}

/// The directory itself, or the nearest one above it that exists.
fn nearest_directory(path: &Path) -> Option<&Path> {
    let parent = path.parent()?;
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    parent.ancestors().find(|d| d.is_dir())
}

#[cfg(unix)]
fn space(path: &Path) -> Finding {
    let Some(stat) = nearest_directory(path).and_then(|d| rustix::fs::statvfs(d).ok()) else {
        return finding("space", Status::Warning, "unknown".to_owned());
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let message = format!("{} free", print::size(free));
    match free {
        _ if free < LOW_SPACE / 10 => {
            finding("space", Status::Failed, message).hint("make room: writes will fail soon")
        }
        _ if free < LOW_SPACE => {
            finding("space", Status::Warning, message).hint("make room before it is full")
        }
        _ => finding("space", Status::Ok, message),
    }
}

#[cfg(not(unix))]
fn space(_path: &Path) -> Finding {
    finding("space", Status::Warning, "not looked at on this system".to_owned())
}

#[cfg(unix)]
fn readable_by_others(database: &Database) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let open = |path: &Path| fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
    if open(&database.key_file) {
        let hint = format!("`chmod 600 {}`", database.key_file.display());
        return Some(
            finding("permissions", Status::Failed, "other users can read the key file".to_owned()).hint(hint),
        );
    }
    if open(&database.path) {
        let hint = format!("`chmod 600 {}` if others use this machine", database.path.display());
        return Some(
            finding("permissions", Status::Warning, "other users can read the chats".to_owned()).hint(hint),
        );
    }
    None
}

#[cfg(not(unix))]
fn readable_by_others(_database: &Database) -> Option<Finding> {
    None
}

fn key(database: &Database) -> Finding {
    let shown = database.key_file.display();
    match seal::Sealer::read(&database.key_file) {
        Ok(Some(_)) => finding("key", Status::Ok, format!("{shown}; keep a copy elsewhere")),
        Ok(None) => finding("key", Status::Ok, format!("no key file at {shown} yet")),
        Err(StoreError::WrongKey(_)) => {
            finding("key", Status::Failed, format!("{shown} is no key file")).hint("put the right one back")
        }
        Err(why) => finding("key", Status::Failed, why.to_string()).hint("check its permissions"),
    }
}

/// Opens the file: schema, key and header are checked there.
async fn contents(database: &Database) -> Finding {
    let opened = match holdfast_store::open(&database.options(Access::ReadOnly)) {
        Ok(store) => store.counts().await,
        Err(why) => Err(why),
    };
    match opened {
        Ok(counts) => {
            let rows: Vec<String> = counts
                .rows
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(noun, count)| format!("{count} {noun}"))
                .collect();
            let message = if rows.is_empty() { "opens, and is empty".to_owned() } else { rows.join(", ") };
            finding("contents", Status::Ok, message)
        }
        Err(why) => {
            let hint = advice(&why);
            finding("contents", Status::Failed, why.to_string()).hint(hint)
        }
    }
}
