//! Carries out the writes of one request.

use rusqlite::{OptionalExtension as _, params};

use super::transaction::Transaction;
use super::{asset, conversation, document, history, import, item, message, report, usage};
use crate::error::{ApplyError, StoreError, StoreResult};
use crate::store::{Idempotency, Outcome, Write, Writer};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// All writes of a request, once for each idempotency key.
pub(super) fn request(
    tx: &mut Transaction<'_>,
    writer: &Writer,
    writes: Vec<Write>,
) -> Result<Vec<Outcome>, ApplyError> {
    match &writer.idempotency {
        None => all(tx, writes),
        Some(idempotency) => once(tx, idempotency, |tx| all(tx, writes)),
    }
}

fn all(tx: &mut Transaction<'_>, writes: Vec<Write>) -> Result<Vec<Outcome>, ApplyError> {
    let numbered = writes.into_iter().enumerate();
    numbered.map(|(index, w)| one(tx, w).map_err(|error| ApplyError::at(index, error))).collect()
}

/// What was answered under a key, or what `make` does now.
fn once<E: From<StoreError>>(
    tx: &mut Transaction<'_>,
    idempotency: &Idempotency,
    make: impl FnOnce(&mut Transaction<'_>) -> Result<Vec<Outcome>, E>,
) -> Result<Vec<Outcome>, E> {
    if let Some(outcomes) = answered(tx, idempotency)? {
        return Ok(outcomes);
    }
    let outcomes = make(tx)?;
    remember(tx, idempotency, &outcomes)?;
    Ok(outcomes)
}

fn answered(tx: &Transaction<'_>, idempotency: &Idempotency) -> StoreResult<Option<Vec<Outcome>>> {
    tx.connection
        .prepare_cached("DELETE FROM idempotency WHERE owner = ?1 AND at < ?2")?
        .execute([tx.owner, tx.now - DAY_MS])?;
    let before: Option<(Vec<u8>, String)> = tx
        .connection
        .prepare_cached("SELECT request, answer FROM idempotency WHERE owner = ?1 AND key = ?2")?
        .query_row(params![tx.owner, idempotency.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((request, answer)) = before else { return Ok(None) };
    if request != idempotency.request {
        return Err(StoreError::IdempotencyMismatch);
    }
    let outcomes: Vec<Outcome> =
        serde_json::from_str(&answer).map_err(|e| StoreError::Corrupt(format!("idempotency row: {e}")))?;
    Ok(Some(outcomes.into_iter().map(|o| Outcome { replayed: true, ..o }).collect()))
}

fn remember(tx: &Transaction<'_>, idempotency: &Idempotency, outcomes: &[Outcome]) -> StoreResult<()> {
    let answer = serde_json::to_string(outcomes).map_err(|e| StoreError::Internal(e.to_string()))?;
    tx.connection
        .prepare_cached(
            "INSERT INTO idempotency (owner, key, request, answer, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![tx.owner, idempotency.key, idempotency.request, answer, tx.now])?;
    Ok(())
}

fn one(tx: &mut Transaction<'_>, write: Write) -> StoreResult<Outcome> {
    match write {
        Write::PutConversation { id, body, place, precondition } => {
            conversation::put(tx, &id, &body, &place, &precondition)
        }
        Write::EditConversation { id, edit, precondition } => {
            conversation::edit(tx, &id, &edit, &precondition)
        }
        Write::DeleteConversation { id, precondition } => conversation::delete(tx, &id, &precondition),
        Write::PutMessage { conversation, id, body, place, precondition } => {
            message::put(tx, &conversation, &id, &body, &place, &precondition)
        }
        Write::AppendText { conversation, id, fragment, text, precondition } => {
            message::append(tx, &conversation, &id, &fragment, &text, &precondition)
        }
        Write::DeleteMessage { conversation, id, precondition } => {
            message::delete(tx, &conversation, &id, &precondition)
        }
        Write::PutDocument { document, mode, confirm, precondition } => {
            document::put(tx, &document, mode, confirm, &precondition)
        }
        Write::DeleteDocument { name, device, confirm, precondition } => {
            document::delete(tx, &name, &device, confirm, &precondition)
        }
        Write::PutItem { kind, id, body, place, precondition } => {
            item::put(tx, kind, &id, &body, &place, &precondition)
        }
        Write::EditItem { kind, id, edit, precondition } => item::edit(tx, kind, &id, &edit, &precondition),
        Write::DeleteItem { kind, id, precondition } => item::delete(tx, kind, &id, &precondition),
        Write::TogglePersona { id } => item::toggle_persona(tx, &id),
        Write::UnassignFile { file } => item::unassign_file(tx, &file),
        Write::PutAsset { id, record, precondition } => asset::put(tx, &id, &record, &precondition),
        Write::PutAssetData { id, bytes, mime, precondition } => {
            asset::put_data(tx, &id, &bytes, &mime, &precondition)
        }
        Write::DeleteAsset { id, spared, precondition } => asset::delete(tx, &id, spared, &precondition),
        Write::AddCost(entry) => usage::add_cost(tx, &entry),
        Write::ClearMetrics { service } => usage::clear(tx, service.as_deref()),
        Write::AddReport { kind, body } => report::add(tx, &kind, &body),
        Write::DeleteShell { name, precondition } => document::delete_shell(tx, &name, &precondition),
        Write::PutImport { id, state, body } => import::put(tx, &id, &state, &body),
        Write::PutImportUndo { id, undo } => import::put_undo(tx, &id, undo.as_ref()),
        Write::MarkImport { id, edge } => import::mark(tx, &id, edge),
        Write::VoidImport { id } => import::void(tx, &id),
        Write::DeleteImport { id } => import::delete(tx, &id),
        Write::Restore { kind, parent, id, revision, precondition } => {
            history::restore(tx, kind, parent.as_deref(), &id, revision, &precondition)
        }
        Write::Once { idempotency, write } => {
            let outcomes = once(tx, &idempotency, |tx| one(tx, *write).map(|outcome| vec![outcome]))?;
            Ok(outcomes.into_iter().next().unwrap_or_default())
        }
    }
}
