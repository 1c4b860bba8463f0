//! Kept versions: listing them, and making one current again.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::keys::Keys;
use super::transaction::{Transaction, clear, context, size};
use super::{asset, conversation, document, item, message};
use crate::document::{Mode, NewDocument};
use crate::error::{StoreError, StoreResult};
use crate::history::{Version, VersionBody, VersionFilter};
use crate::item::Kind;
use crate::json::Json;
use crate::owner::Id;
use crate::page::Page;
use crate::revision::{Precondition, Revision};
use crate::store::{Outcome, Place};

fn version(row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        kind: row.get("kind")?,
        parent: row.get("parent")?,
        id: row.get("id")?,
        revision: row.get("revision")?,
        at: row.get("at")?,
        client: row.get("client")?,
        op: row.get("op")?,
        bytes: row.get("bytes")?,
    })
}

/// A page of versions, newest first.
pub(super) fn page(
    connection: &Connection,
    owner: i64,
    filter: &VersionFilter,
    cursor: Option<&str>,
    limit: usize,
) -> StoreResult<Page<Version>> {
    let before: i64 = cursor.and_then(|c| c.parse().ok()).unwrap_or(i64::MAX);
    // Only what is asked for stands in the statement, so that the index on it is used.
    let mut sql = "SELECT key, kind, parent, id, revision, at, client, op, bytes FROM history
         WHERE owner = ?1 AND key < ?2"
        .to_owned();
    let mut values: Vec<Value> = vec![owner.into(), before.into(), (size(limit) + 1).into()];
    for (column, wanted) in [("kind", &filter.kind), ("parent", &filter.parent), ("id", &filter.id)] {
        if let Some(wanted) = wanted {
            values.push(wanted.clone().into());
            sql.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    sql.push_str(" ORDER BY key DESC LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params_from_iter(values), |row| Ok((row.get::<_, i64>("key")?, version(row)?)))?;
    let mut found: Vec<(i64, Version)> = rows.collect::<Result<_, _>>()?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(key, _)| key.to_string());
    Ok(Page { items: found.into_iter().map(|(_, version)| version).collect(), next })
}

/// What is needed to bring a version back.
struct Kept {
    version: Version,
    position: Option<i64>,
    document_version: Option<String>,
    bare: bool,
    beside: Option<String>,
    body: Json,
}

fn find(connection: &Connection, keys: &Keys, owner: i64, revision: Revision) -> StoreResult<Option<Kept>> {
    let row = connection
        .prepare_cached("SELECT * FROM history WHERE owner = ?1 AND revision = ?2 ORDER BY key DESC LIMIT 1")?
        .query_row([owner, revision], |row| {
            let text: Option<String> = row.get("body")?;
            let sealed: Option<Vec<u8>> = row.get("sealed")?;
            let blob: Option<Vec<u8>> = row.get("blob")?;
            let data_at: Option<usize> = row.get("data_at")?;
            let kept = Kept {
                version: version(row)?,
                position: row.get("position")?,
                document_version: row.get("version")?,
                bare: row.get("bare")?,
                beside: row.get("beside")?,
                body: Json::trusted("null"),
            };
            Ok((kept, text, sealed, blob, data_at))
        })
        .optional()?;
    let Some((mut kept, text, sealed, blob, data_at)) = row else { return Ok(None) };
    let id = match kept.version.kind.as_str() {
        "document" => format!("{}/{}", kept.version.id, kept.version.parent.as_deref().unwrap_or_default()),
        _ => kept.version.id.clone(),
    };
    let kind = Kind::parse(&kept.version.kind)
        .ok_or_else(|| StoreError::Corrupt(format!("unknown kind in history: {}", kept.version.kind)))?;
    kept.body = clear(keys, &context(owner, kind, &id), text, sealed)?;
    if kind == Kind::Document {
        let beside = document::open_beside(keys, &context(owner, kind, &id), kept.beside.as_deref())?;
        kept.beside = beside.map(|b| b.as_str().to_owned());
    }
    if kind == Kind::Asset {
        kept.body = asset::kept_record(connection, kept.body.as_str(), data_at, blob.as_deref())?;
    }
    Ok(Some(kept))
}

pub(super) fn get(
    connection: &Connection,
    keys: &Keys,
    owner: i64,
    revision: Revision,
) -> StoreResult<Option<VersionBody>> {
    Ok(find(connection, keys, owner, revision)?.map(|k| VersionBody { version: k.version, body: k.body }))
}

pub(super) fn restore(
    tx: &mut Transaction<'_>,
    kind: Kind,
    parent: Option<&str>,
    id: &str,
    revision: Revision,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let kept = find(tx.connection, tx.keys, tx.owner, revision)?
        .filter(|k| {
            k.version.kind == kind.name() && k.version.id == id && k.version.parent.as_deref() == parent
        })
        .ok_or_else(|| {
            StoreError::NotFound(format!("no version {revision} of this {} is kept", kind.name()))
        })?;
    if kind == Kind::Message {
        return restore_message(tx, &Id::parse(parent.unwrap_or_default())?, &kept, precondition);
    }
    let entity = Id::parse(id)?;
    match kind {
        Kind::Conversation => restore_conversation(tx, &entity, &kept, precondition),
        Kind::Document => {
            let new = NewDocument {
                name: entity,
                device: parent.unwrap_or_default().to_owned(),
                // With `Mode::Merge`, the emptied arrays of a store with tables name no entity and delete none.
                data: kept.body,
                version: kept.document_version.map(Json::trusted),
                bare: kept.bare,
                beside: kept.beside.map(Json::trusted),
            };
            document::put(tx, &new, Mode::Merge, None, precondition)
        }
        Kind::Asset => asset::put(tx, &entity, &kept.body, precondition),
        Kind::Usage | Kind::Report => {
            Err(StoreError::InvalidBody("the ledger and reports have no versions".to_owned()))
        }
        _ => item::put(tx, kind, &entity, &kept.body, &Place::Usual, precondition),
    }
}

/// A deleted conversation comes back whole and to its place; of an overwritten one the head.
fn restore_conversation(
    tx: &mut Transaction<'_>,
    id: &Id,
    kept: &Kept,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let found = conversation::find(tx.connection, tx.owner, id.as_str())?;
    if kept.version.op == "put"
        && let Some(found) = &found
    {
        return conversation::put_head(tx, found, kept.body.as_str(), precondition);
    }
    if kept.version.op == "put" {
        // The head alone would come back without messages: those are in the version that the delete kept.
        let whole: Option<Revision> = tx
            .connection
            .prepare_cached(
                "SELECT max(revision) FROM history WHERE owner = ?1 AND kind = 'conversation' AND id = ?2 AND op = 'delete'",
            )?
            .query_row(params![tx.owner, id.as_str()], |row| row.get(0))?;
        let hint = whole
            .map_or_else(String::new, |r| format!(": restore version {r} first, which has its messages"));
        return Err(StoreError::NotFound(format!("the conversation of this version was deleted{hint}")));
    }
    let parts = crate::conversation::split(kept.body.as_str())?;
    let taken: bool = tx
        .connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM conversations WHERE owner = ?1 AND position = ?2)")?
        .query_row(params![tx.owner, kept.position], |row| row.get(0))?;
    let position = kept.position.filter(|_| found.is_none() && !taken);
    conversation::put_parts(tx, &parts, found.as_ref(), position, precondition)
}

/// An overwritten message gets its body back; a deleted one comes back beside what stands there now.
fn restore_message(
    tx: &mut Transaction<'_>,
    conversation: &Id,
    kept: &Kept,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let found = conversation::find(tx.connection, tx.owner, conversation.as_str())?
        .ok_or_else(|| StoreError::ConversationNotFound(conversation.as_str().to_owned()))?;
    let standing = message::rows(tx.connection, tx.owner, found.key)?
        .into_iter()
        .filter(|r| r.id.as_deref().unwrap_or_default() == kept.version.id)
        .count();
    if standing == 1 && kept.version.op == "put" {
        let id = Id::parse(&kept.version.id)?;
        return message::put(tx, conversation, &id, &kept.body, &Place::Usual, precondition);
    }
    tx.check(precondition, None, || Ok(None))?;
    message::bring_back(tx, &found, conversation.as_str(), kept.body.as_str(), kept.position)
}
