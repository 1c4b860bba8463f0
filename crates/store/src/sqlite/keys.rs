//! The key of a file's secrets, made when the first secret is written.

use std::path::{Path, PathBuf};
use std::sync::RwLock;

use rusqlite::Connection;

use super::connection::{meta, set_meta};
use crate::error::{StoreError, StoreResult};
use crate::json::Json;
use crate::seal::Sealer;

pub(super) struct Keys {
    path: PathBuf,
    sealer: RwLock<Option<Sealer>>,
}

impl Keys {
    /// Reads the key file, and refuses one that does not fit the ciphertext in the file.
    pub(super) fn load(connection: &Connection, path: &Path, forget: bool) -> StoreResult<Self> {
        let sealer = Sealer::read(path);
        let recorded = meta(connection, "key_id")?;
        let fits = match (&sealer, &recorded) {
            (_, None) => true,
            (Ok(Some(sealer)), Some(id)) => sealer.id() == *id,
            (Ok(None) | Err(_), Some(_)) => false,
        };
        if !fits && !forget {
            return Err(StoreError::WrongKey(path.to_owned()));
        }
        if !fits {
            super::care::forget_secrets(connection)?;
        }
        // A key file that is none matters only where something is sealed; the next secret moves it aside.
        let sealer = match sealer {
            Ok(sealer) => sealer.filter(|_| fits),
            Err(StoreError::WrongKey(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), sealer: RwLock::new(sealer) })
    }

    /// The key, made now when there is none; the file records which one it is.
    pub(super) fn for_writing(&self, connection: &Connection) -> StoreResult<Sealer> {
        let sealer = match self.current() {
            Some(sealer) => sealer,
            None => {
                let sealer = match Sealer::read(&self.path) {
                    Ok(Some(sealer)) => sealer,
                    Ok(None) => Sealer::create(&self.path)?,
                    Err(StoreError::WrongKey(_)) => {
                        let aside = self.path.with_extension("key.damaged");
                        std::fs::rename(&self.path, aside)
                            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
                        Sealer::create(&self.path)?
                    }
                    Err(error) => return Err(error),
                };
                if let Ok(mut slot) = self.sealer.write() {
                    *slot = Some(sealer.clone());
                }
                sealer
            }
        };
        if meta(connection, "key_id")?.is_none() {
            set_meta(connection, "key_id", &sealer.id())?;
        }
        Ok(sealer)
    }

    pub(super) fn open(&self, context: &str, sealed: &[u8]) -> StoreResult<Json> {
        match self.current() {
            Some(sealer) => sealer.open(context, sealed),
            None => Err(StoreError::WrongKey(self.path.clone())),
        }
    }

    pub(super) fn current(&self) -> Option<Sealer> {
        self.sealer.read().ok().and_then(|slot| slot.clone())
    }
}
