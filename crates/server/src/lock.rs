//! One process per database file: an OS lock on `<db>.lock`, whose text names the process and its URL.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often, and after which pause, a lock is tried: who only asks for the holder has it for a moment.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(20);

/// A held lock; dropping it, or the end of the process in whatever way, frees it.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// The process that holds a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Where it serves; empty while it starts, and for commands that serve nothing.
    pub url: String,
}

/// Why a lock was not given.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    Held(Holder),
    /// The lock file cannot be used.
    Io(PathBuf, io::Error),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(Holder { pid: 0, .. }) => f.write_str("another process is using it: try again"),
            Self::Held(Holder { pid, url }) if url.is_empty() => {
                write!(f, "process {pid} is using it: wait for it, or stop it with `kill {pid}`")
            }
            Self::Held(Holder { pid, url }) => {
                write!(
                    f,
                    "process {pid} already serves it at {url}: use that one, or stop it with `kill {pid}`"
                )
            }
            Self::Io(path, error) => {
                write!(f, "the lock file {} cannot be used: {error}; check its permissions", path.display())
            }
        }
    }
}

impl std::error::Error for LockError {}

/// Takes the lock of a database. Errors: [`LockError::Held`] names who has it.
pub fn acquire(db: &Path) -> Result<Lock, LockError> {
    let path = lock_path(db);
    let failed = |error| LockError::Io(path.clone(), error);
    let file = open(&path).map_err(failed)?;
    for tries_left in (0..TRIES).rev() {
        match file.try_lock() {
            Ok(()) => {
                let mut lock = Lock { file };
                lock.announce("").map_err(failed)?;
                return Ok(lock);
            }
            Err(TryLockError::WouldBlock) if tries_left > 0 => pause(),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    Err(LockError::Held(read(file)))
}

#[allow(
    clippy::disallowed_methods,
    reason = "before anything is served or read; a lock has nothing to wait on"
)]
fn pause() {
    std::thread::sleep(PAUSE);
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The lock itself ends with the file; a text that stays behind is never read as a holder's.
        let _ = self.file.set_len(0);
    }
}

impl Lock {
    /// Writes where this process serves.
    pub fn announce(&mut self, url: &str) -> io::Result<()> {
        let holder = Holder { pid: std::process::id(), url: url.to_owned() };
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(serde_json::to_string(&holder)?.as_bytes())?;
        self.file.flush()
    }
}

/// Who holds a database now, if anyone.
pub fn holder(db: &Path) -> Option<Holder> {
    let file = OpenOptions::new().read(true).open(lock_path(db)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read(file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn lock_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    // Not truncated: the text belongs to whoever holds the lock.
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn read(mut file: File) -> Holder {
    let mut text = String::new();
    let unknown = Holder { pid: 0, url: String::new() };
    match file.read_to_string(&mut text) {
        Ok(_) => serde_json::from_str(&text).unwrap_or(unknown),
        Err(_) => unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_for_the_holder_keeps_nobody_from_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("a.db");
        drop(acquire(&db).unwrap());
        let asking = File::open(lock_path(&db)).unwrap();
        asking.lock_shared().unwrap();
        assert_eq!(holder(&db), None, "who asks holds nothing");
        let waiting = std::thread::spawn(move || acquire(&db).is_ok());
        drop(asking);
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn a_freed_lock_names_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("a.db");
        let mut lock = acquire(&db).unwrap();
        lock.announce("http://127.0.0.1:1").unwrap();
        drop(lock);
        assert_eq!(std::fs::read_to_string(lock_path(&db)).unwrap(), "");
        let unnamed = LockError::Held(Holder { pid: 0, url: String::new() }).to_string();
        assert!(!unnamed.contains("kill"), "{unnamed}");
    }

    #[test]
    fn a_second_process_is_told_who_holds_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("a.db");
        assert_eq!(holder(&db), None);
        let mut lock = acquire(&db).unwrap();
        lock.announce("http://127.0.0.1:1").unwrap();
        let expected = Holder { pid: std::process::id(), url: "http://127.0.0.1:1".to_owned() };
        assert_eq!(holder(&db), Some(expected.clone()));
        let LockError::Held(held) = acquire(&db).unwrap_err() else { panic!("expected a holder") };
        assert_eq!(held, expected);
        drop(lock);
        assert!(acquire(&db).is_ok());
    }
}
