//! Import sessions, and the part of the ledger that each of them wrote.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::keys::Keys;
use super::transaction::Transaction;
use crate::error::{StoreError, StoreResult};
use crate::import::{ImportSession, LedgerEdge};
use crate::json::Json;
use crate::owner::Id;
use crate::store::{Effect, Outcome};

fn session(row: &rusqlite::Row<'_>) -> rusqlite::Result<ImportSession> {
    Ok(ImportSession {
        id: row.get("id")?,
        state: row.get("state")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        revision: row.get("revision")?,
        body: Json::trusted(row.get::<_, String>("body")?),
    })
}

fn context(owner: i64, id: &str) -> String {
    format!("{owner}/import/{id}")
}

fn missing(id: &Id) -> StoreError {
    StoreError::NotFound(format!("there is no import '{id}'"))
}

fn of(effect: Effect) -> Outcome {
    Outcome { effect, ..Outcome::default() }
}

pub(super) fn put(tx: &Transaction<'_>, id: &Id, state: &str, body: &Json) -> StoreResult<Outcome> {
    tx.connection
        .prepare_cached(
            "INSERT INTO imports (owner, id, state, created_at, updated_at, body) VALUES (?1, ?2, ?3, ?4, ?4, ?5)
             ON CONFLICT (owner, id) DO UPDATE SET state = ?3, updated_at = ?4, body = ?5",
        )?
        .execute(params![tx.owner, id.as_str(), state, tx.now, body.as_str()])?;
    Ok(of(Effect::Updated))
}

/// What takes the session back; `None` forgets it.
pub(super) fn put_undo(tx: &Transaction<'_>, id: &Id, undo: Option<&Json>) -> StoreResult<Outcome> {
    let sealed = match undo {
        Some(undo) => {
            let sealer = tx.keys.for_writing(tx.connection)?;
            Some(sealer.seal(&context(tx.owner, id.as_str()), undo.as_str())?)
        }
        None => None,
    };
    let changed = tx
        .connection
        .prepare_cached("UPDATE imports SET undo = ?3 WHERE owner = ?1 AND id = ?2")?
        .execute(params![tx.owner, id.as_str(), sealed])?;
    if changed == 0 { Err(missing(id)) } else { Ok(of(Effect::Updated)) }
}

pub(super) fn delete(tx: &Transaction<'_>, id: &Id) -> StoreResult<Outcome> {
    let gone = tx
        .connection
        .prepare_cached("DELETE FROM imports WHERE owner = ?1 AND id = ?2")?
        .execute(params![tx.owner, id.as_str()])?;
    Ok(of(if gone == 0 { Effect::Absent } else { Effect::Deleted }))
}

/// Notes where the session's rows of the ledger begin or end.
pub(super) fn mark(tx: &Transaction<'_>, id: &Id, edge: LedgerEdge) -> StoreResult<Outcome> {
    let column = match edge {
        LedgerEdge::Begin => "usage_from",
        LedgerEdge::End => "usage_until",
    };
    let sql = format!(
        "UPDATE imports SET {column} = (SELECT coalesce(max(key), 0) FROM usage), revision = ?3
         WHERE owner = ?1 AND id = ?2"
    );
    let changed = tx.connection.prepare_cached(&sql)?.execute(params![tx.owner, id.as_str(), tx.seq])?;
    if changed == 0 { Err(missing(id)) } else { Ok(of(Effect::Updated)) }
}

/// The session's rows of the ledger count no more. They stay, and the same messages may be counted again.
pub(super) fn void(tx: &Transaction<'_>, id: &Id) -> StoreResult<Outcome> {
    tx.connection
        .prepare_cached(
            "UPDATE usage SET source = 'void', ledger_key = NULL FROM imports
             WHERE imports.owner = ?1 AND imports.id = ?2 AND usage.owner = ?1
                 AND usage.key > imports.usage_from AND usage.key <= imports.usage_until",
        )?
        .execute(params![tx.owner, id.as_str()])?;
    Ok(of(Effect::Updated))
}

pub(super) fn get(connection: &Connection, owner: i64, id: &str) -> StoreResult<Option<ImportSession>> {
    Ok(connection
        .prepare_cached("SELECT * FROM imports WHERE owner = ?1 AND id = ?2")?
        .query_row(params![owner, id], session)
        .optional()?)
}

/// All sessions, newest first.
pub(super) fn list(connection: &Connection, owner: i64) -> StoreResult<Vec<ImportSession>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM imports WHERE owner = ?1 ORDER BY key DESC")?;
    let rows = statement.query_map([owner], session)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn undo(connection: &Connection, keys: &Keys, owner: i64, id: &str) -> StoreResult<Option<Json>> {
    let sealed: Option<Option<Vec<u8>>> = connection
        .prepare_cached("SELECT undo FROM imports WHERE owner = ?1 AND id = ?2")?
        .query_row(params![owner, id], |row| row.get(0))
        .optional()?;
    sealed.flatten().map(|sealed| keys.open(&context(owner, id), &sealed)).transpose()
}
