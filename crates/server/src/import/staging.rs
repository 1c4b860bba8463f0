//! A file that waits to be imported: in pieces, each sealed, because an upload may hold API keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use holdfast_store::seal::Sealer;
use holdfast_store::{StoreError, StoreResult};

/// Clear bytes of one piece.
const PIECE: usize = 1 << 20;

/// Writes a staged file. It counts only once [`Staging::end`] returned.
pub struct Staging {
    path: PathBuf,
    file: File,
    sealer: Sealer,
    waiting: Vec<u8>,
    pieces: u64,
    bytes: u64,
}

impl Staging {
    /// Begins a new file at `path`, readable by this user only, under a key of its own.
    pub fn create(path: &Path) -> StoreResult<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(|e| failed(path, &e))?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let file = options.open(path).map_err(|e| failed(path, &e))?;
        let sealer = Sealer::generate()?;
        Ok(Self { path: path.to_owned(), file, sealer, waiting: Vec::new(), pieces: 0, bytes: 0 })
    }

    /// Takes more bytes.
    pub fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.bytes += bytes.len() as u64;
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() >= PIECE {
            let rest = self.waiting.split_off(PIECE);
            let piece = std::mem::replace(&mut self.waiting, rest);
            self.put(&piece, false)?;
        }
        Ok(())
    }

    /// Ends the file: how many bytes it has, and the key that opens it.
    pub fn end(mut self) -> StoreResult<(u64, String)> {
        let last = std::mem::take(&mut self.waiting);
        self.put(&last, true)?;
        self.file.sync_all().map_err(|e| failed(&self.path, &e))?;
        Ok((self.bytes, self.sealer.to_hex()))
    }

    fn put(&mut self, piece: &[u8], is_last: bool) -> StoreResult<()> {
        let sealed = self.sealer.seal_bytes(&context(self.pieces, is_last), piece)?;
        self.pieces += 1;
        let length = u32::try_from(sealed.len()).map_err(|e| StoreError::Internal(e.to_string()))?;
        self.file
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.file.write_all(&sealed))
            .map_err(|e| failed(&self.path, &e))
    }
}

/// Reads a staged file whole. Errors: [`StoreError::Corrupt`] when it was changed or cut.
pub fn read(path: &Path, key: &str) -> StoreResult<Vec<u8>> {
    let corrupt = || StoreError::Corrupt(format!("the staged file {} is damaged", path.display()));
    let sealer = Sealer::from_hex(key).ok_or_else(corrupt)?;
    let file = File::open(path).map_err(|e| failed(path, &e))?;
    let size = file.metadata().map_or(0, |m| m.len());
    let mut file = BufReader::new(file);
    let mut clear = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    for number in 0.. {
        let mut length = [0; 4];
        file.read_exact(&mut length).map_err(|_| corrupt())?;
        let length = u32::from_le_bytes(length) as usize;
        if length > PIECE + 64 {
            return Err(corrupt());
        }
        let mut sealed = vec![0; length];
        file.read_exact(&mut sealed).map_err(|_| corrupt())?;
        if let Ok(piece) = sealer.open_bytes(&context(number, false), &sealed) {
            clear.extend_from_slice(&piece);
            continue;
        }
        clear.extend_from_slice(&sealer.open_bytes(&context(number, true), &sealed).map_err(|_| corrupt())?);
        break;
    }
    Ok(clear)
}

/// Bound to its number, so that no piece takes another's place, and to being the last, so that a cut shows.
fn context(number: u64, is_last: bool) -> String {
    format!("import/{number}/{}", if is_last { "last" } else { "more" })
}

fn failed(path: &Path, why: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(bytes: &[u8]) -> (tempfile::TempDir, PathBuf, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("imports/one");
        let mut staging = Staging::create(&path).unwrap();
        for part in bytes.chunks(300_001) {
            staging.write(part).unwrap();
        }
        let (size, key) = staging.end().unwrap();
        assert_eq!(size, bytes.len() as u64);
        (directory, path, key)
    }

    #[test]
    fn what_was_staged_comes_back_and_is_not_legible_meanwhile() {
        for size in [0, 5, PIECE, 3 * PIECE + 7] {
            let bytes = b"sk-secret ".repeat(size / 10 + 1);
            let (_directory, path, key) = staged(&bytes);
            assert_eq!(read(&path, &key).unwrap(), bytes);
            let raw = fs::read(&path).unwrap();
            assert!(!raw.windows(9).any(|w| w == b"sk-secret"));
        }
    }

    #[test]
    fn a_cut_or_changed_file_is_refused() {
        let (_directory, path, key) = staged(&vec![7; 2 * PIECE + 1]);
        let raw = fs::read(&path).unwrap();
        for cut in [0, 3, 100, PIECE + 44, raw.len() - 1] {
            fs::write(&path, &raw[..cut]).unwrap();
            assert!(matches!(read(&path, &key), Err(StoreError::Corrupt(_))), "cut at {cut}");
        }
        let mut changed = raw;
        changed[PIECE / 2] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(matches!(read(&path, &key), Err(StoreError::Corrupt(_))));
    }
}
