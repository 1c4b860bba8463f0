//! What every write shares: the sequence, the changes feed, kept versions, sealing.

use std::collections::BTreeMap;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::keys::Keys;
use crate::error::{StoreError, StoreResult};
use crate::item::Kind;
use crate::json::Json;
use crate::revision::{Epoch, Precondition, Revision};

/// An overwritten version is not kept when the same client wrote it less than this before, in milliseconds.
const SAME_EDIT_MS: i64 = 5_000;

/// The part of the group's transaction that belongs to one owner and one request.
pub(super) struct Transaction<'a> {
    pub(super) connection: &'a Connection,
    pub(super) keys: &'a Keys,
    pub(super) epoch: &'a Epoch,
    pub(super) owner: i64,
    pub(super) client: Option<&'a str>,
    /// Milliseconds since 1970.
    pub(super) now: i64,
    /// The last sequence number that was given out.
    pub(super) seq: Revision,
    /// Last change of each kind in this group, this request included; stored with the group.
    pub(super) touched: BTreeMap<Kind, Revision>,
}

/// A body as it stands in its columns: in clear, or sealed.
pub(super) struct Stored {
    pub(super) text: Option<String>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) hash: [u8; 16],
    pub(super) bytes: i64,
}

/// One row of the changes feed.
pub(super) struct Changed<'a> {
    pub(super) kind: Kind,
    pub(super) parent: Option<&'a str>,
    pub(super) id: &'a str,
    pub(super) before: Option<i64>,
    pub(super) after: Option<i64>,
    pub(super) started: Instant,
}

/// A version to keep.
#[derive(Default)]
pub(super) struct Kept<'a> {
    pub(super) parent: Option<&'a str>,
    pub(super) id: &'a str,
    pub(super) revision: Revision,
    pub(super) deleted: bool,
    pub(super) pending: bool,
    pub(super) position: Option<i64>,
    pub(super) version: Option<&'a str>,
    pub(super) bare: bool,
    pub(super) beside: Option<&'a str>,
    pub(super) blob: Option<&'a [u8]>,
    pub(super) data_at: Option<i64>,
    pub(super) bytes: i64,
    pub(super) text: Option<&'a str>,
    pub(super) sealed: Option<&'a [u8]>,
}

impl Transaction<'_> {
    /// Takes the next sequence number and writes the change under it.
    pub(super) fn change(&mut self, changed: &Changed<'_>) -> StoreResult<Revision> {
        self.seq += 1;
        self.touched.insert(changed.kind, self.seq);
        let op = if changed.after.is_some() { "put" } else { "delete" };
        let duration = i64::try_from(changed.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "INSERT INTO changes (owner, seq, at, client, kind, parent, id, op, bytes_before, bytes_after, duration_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                self.owner,
                self.seq,
                self.now,
                self.client,
                changed.kind.name(),
                changed.parent,
                changed.id,
                op,
                changed.before,
                changed.after,
                duration
            ])?;
        Ok(self.seq)
    }

    /// Stores the last change of each kind now, for a write that is about to ask for a whole store's revision.
    pub(super) fn store_touched(&self) -> StoreResult<()> {
        for (kind, revision) in &self.touched {
            self.connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO kind_revisions (owner, kind, revision, at) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![self.owner, kind.name(), revision, self.now])?;
        }
        Ok(())
    }

    /// Keeps a version in history, unless it is one of a run of edits by one client. Gives its key.
    pub(super) fn keep(&self, kind: Kind, kept: &Kept<'_>) -> StoreResult<Option<i64>> {
        if !kept.deleted && self.is_one_edit(kept)? {
            return Ok(None);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO history (owner, kind, parent, id, revision, at, client, op, position, version, bare,
                     beside, blob, data_at, bytes, sealed, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                self.owner,
                kind.name(),
                kept.parent,
                kept.id,
                kept.revision,
                self.now,
                self.client,
                if kept.deleted { "delete" } else { "put" },
                kept.position,
                kept.version,
                kept.bare,
                kept.beside,
                kept.blob,
                kept.data_at,
                kept.bytes,
                kept.sealed,
                kept.text
            ])?;
        Ok(Some(self.connection.last_insert_rowid()))
    }

    fn is_one_edit(&self, kept: &Kept<'_>) -> StoreResult<bool> {
        let Some(client) = self.client else { return Ok(false) };
        if kept.pending {
            return Ok(true);
        }
        let last: Option<(i64, Option<String>)> = self
            .connection
            .prepare_cached("SELECT at, client FROM changes WHERE owner = ?1 AND seq = ?2")?
            .query_row(params![self.owner, kept.revision], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(last.is_some_and(|(at, by)| {
            by.as_deref() == Some(client) && (0..SAME_EDIT_MS).contains(&(self.now - at))
        }))
    }

    /// Fails unless the precondition holds; `current` gives the answer's body and is only made then.
    pub(super) fn check(
        &self,
        precondition: &Precondition,
        revision: Option<Revision>,
        current: impl FnOnce() -> StoreResult<Option<Json>>,
    ) -> StoreResult<()> {
        if precondition.holds(self.epoch, revision, self.seq) {
            return Ok(());
        }
        let current = if revision.is_some() { current()? } else { None };
        Err(StoreError::Conflict { current_revision: revision, current })
    }

    /// The columns for a body: ciphertext and a keyed hash when it is secret.
    pub(super) fn store(&self, secret: bool, context: &str, text: &str) -> StoreResult<Stored> {
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        if secret {
            let sealer = self.keys.for_writing(self.connection)?;
            let sealed = Some(sealer.seal(context, text)?);
            Ok(Stored { text: None, sealed, hash: sealer.hash(text), bytes })
        } else {
            Ok(Stored { text: Some(text.to_owned()), sealed: None, hash: hash(text), bytes })
        }
    }

    /// The hash that [`Transaction::store`] would give, to compare without writing.
    pub(super) fn hash(&self, secret: bool, text: &str) -> StoreResult<[u8; 16]> {
        if secret { Ok(self.keys.for_writing(self.connection)?.hash(text)) } else { Ok(hash(text)) }
    }
}

/// The clear text of a body from its two columns.
pub(super) fn clear(
    keys: &Keys,
    context: &str,
    text: Option<String>,
    sealed: Option<Vec<u8>>,
) -> StoreResult<Json> {
    match (text, sealed) {
        (Some(text), _) => Ok(Json::trusted(text)),
        (None, Some(sealed)) => keys.open(context, &sealed),
        (None, None) => Err(StoreError::Corrupt(format!("{context} has no body"))),
    }
}

/// What a ciphertext belongs to.
pub(super) fn context(owner: i64, kind: Kind, id: &str) -> String {
    format!("{owner}/{}/{id}", kind.name())
}

/// The first half of BLAKE3.
pub(super) fn hash(text: &str) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    out
}

pub(super) fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
