//! Assets: the app's record in one row, its bytes in another that equal assets share.

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::transaction::{Changed, Kept, Transaction, hash, size};
use crate::asset::{Asset, AssetData, Parts, join, references, split};
use crate::error::{StoreError, StoreResult};
use crate::item::Kind;
use crate::json::{Json, Node};
use crate::owner::Id;
use crate::page::Page;
use crate::revision::{Precondition, Revision};
use crate::store::{Effect, Holders, Outcome};

struct Found {
    key: i64,
    id: String,
    revision: Revision,
    bytes: i64,
    hash: [u8; 16],
    blob: Option<Vec<u8>>,
    data_at: Option<usize>,
    body: String,
    mime: Option<String>,
}

fn find(connection: &Connection, owner: i64, id: &str) -> StoreResult<Option<Found>> {
    Ok(connection
        .prepare_cached(
            "SELECT key, id, revision, bytes, hash, blob, data_at, body, mime FROM assets WHERE owner = ?1 AND id = ?2",
        )?
        .query_row(params![owner, id], found)
        .optional()?)
}

fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        key: row.get(0)?,
        id: row.get(1)?,
        revision: row.get(2)?,
        bytes: row.get(3)?,
        hash: row.get(4)?,
        blob: row.get(5)?,
        data_at: row.get(6)?,
        body: row.get(7)?,
        mime: row.get(8)?,
    })
}

fn blob(connection: &Connection, hash: &[u8]) -> StoreResult<Vec<u8>> {
    connection
        .prepare_cached("SELECT bytes FROM blobs WHERE hash = ?1")?
        .query_row([hash], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::Corrupt("the bytes of an asset are missing".to_owned()))
}

fn record(connection: &Connection, found: &Found) -> StoreResult<Json> {
    let bytes = match (&found.blob, found.data_at) {
        (Some(hash), Some(_)) => Some(blob(connection, hash)?),
        _ => None,
    };
    Ok(join(&found.body, found.data_at, bytes.as_deref()))
}

/// A kept version whole again.
pub(super) fn kept_record(
    connection: &Connection,
    body: &str,
    data_at: Option<usize>,
    hash: Option<&[u8]>,
) -> StoreResult<Json> {
    let bytes = hash.map(|hash| blob(connection, hash)).transpose()?;
    Ok(join(body, data_at, bytes.as_deref()))
}

pub(super) fn put(
    tx: &mut Transaction<'_>,
    id: &Id,
    record: &Json,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    if record.get("id").and_then(|raw| Id::from_json(raw).ok()).as_ref() != Some(id) {
        return Err(StoreError::InvalidBody("Asset ID mismatch".to_owned()));
    }
    let parts = split(record.as_str())?;
    write(tx, id, &parts, precondition)
}

fn write(
    tx: &mut Transaction<'_>,
    id: &Id,
    parts: &Parts,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let started = Instant::now();
    let found = find(tx.connection, tx.owner, id.as_str())?;
    let content = parts.bytes.as_ref().map(|b| *blake3::hash(b).as_bytes());
    if let Some(found) = &found
        && found.hash == hash(&parts.body)
        && found.data_at == parts.data_at
        && found.blob.as_deref() == content.as_ref().map(<[u8; 32]>::as_slice)
    {
        return Ok(Outcome { revision: found.revision, ..Outcome::default() });
    }
    tx.check(precondition, found.as_ref().map(|f| f.revision), || {
        Ok(found.as_ref().map(|f| Json::trusted(f.body.as_str())))
    })?;
    if let (Some(content), Some(bytes)) = (&content, &parts.bytes) {
        tx.connection
            .prepare_cached("INSERT OR IGNORE INTO blobs (hash, size, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![content, size(bytes.len()), bytes])?;
    }
    if let Some(found) = &found {
        keep(tx, found, false)?;
    }
    let bytes = size(parts.body.len() + parts.bytes.as_ref().map_or(0, Vec::len));
    tx.connection
        .prepare_cached(
            "INSERT INTO assets (owner, id, scope_id, asset_type, label, mime, width, height, revision, bytes, hash,
                 blob, data_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (owner, id) DO UPDATE SET scope_id = excluded.scope_id, asset_type = excluded.asset_type,
                 label = excluded.label, mime = excluded.mime, width = excluded.width, height = excluded.height,
                 revision = excluded.revision, bytes = excluded.bytes, hash = excluded.hash, blob = excluded.blob,
                 data_at = excluded.data_at, body = excluded.body",
        )?
        .execute(params![
            tx.owner,
            id.as_str(),
            parts.scope_id,
            parts.asset_type,
            parts.label,
            parts.mime,
            parts.width,
            parts.height,
            tx.seq + 1,
            bytes,
            hash(&parts.body),
            content,
            parts.data_at.map(size),
            parts.body
        ])?;
    let before = found.as_ref().map(|f| f.bytes);
    let change =
        Changed { kind: Kind::Asset, parent: None, id: id.as_str(), before, after: Some(bytes), started };
    let revision = tx.change(&change)?;
    let effect = if found.is_some() { Effect::Updated } else { Effect::Created };
    Ok(Outcome { effect, revision, ..Outcome::default() })
}

pub(super) fn put_data(
    tx: &mut Transaction<'_>,
    id: &Id,
    bytes: &[u8],
    mime: &str,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let Some(found) = find(tx.connection, tx.owner, id.as_str())? else {
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    };
    let mut node = Node::parse(&found.body);
    let mut data = match node.get("data") {
        Some(data @ Node::Object(_)) => data.clone(),
        _ => Node::Object(Vec::new()),
    };
    data.set("mimeType", Node::string(mime));
    data.set("base64", Node::string(""));
    node.set("data", data);
    let mut parts = split(node.to_json().as_str())?;
    parts.bytes = Some(bytes.to_vec());
    write(tx, id, &parts, precondition)
}

fn keep(tx: &Transaction<'_>, found: &Found, deleted: bool) -> StoreResult<()> {
    let kept = Kept {
        id: &found.id,
        revision: found.revision,
        deleted,
        blob: found.blob.as_deref(),
        data_at: found.data_at.map(size),
        bytes: found.bytes,
        text: Some(&found.body),
        ..Kept::default()
    };
    tx.keep(Kind::Asset, &kept).map(drop)
}

pub(super) fn delete(
    tx: &mut Transaction<'_>,
    id: &Id,
    spared: Holders,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let started = Instant::now();
    let Some(found) = find(tx.connection, tx.owner, id.as_str())? else {
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    };
    tx.check(precondition, Some(found.revision), || Ok(Some(Json::trusted(found.body.as_str()))))?;
    let least = match spared {
        Holders::None => Some(i64::MIN),
        Holders::History => Some(0),
        Holders::All => None,
    };
    let held: bool = tx
        .connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM asset_references WHERE owner = ?1 AND asset_id = ?2 AND holder >= ?3)",
        )?
        .query_row(params![tx.owner, id.as_str(), least], |row| row.get(0))?;
    if held {
        return Err(StoreError::AssetInUse(id.as_str().to_owned()));
    }
    keep(tx, &found, true)?;
    tx.connection
        .prepare_cached("DELETE FROM assets WHERE owner = ?1 AND key = ?2")?
        .execute([tx.owner, found.key])?;
    let change = Changed {
        kind: Kind::Asset,
        parent: None,
        id: id.as_str(),
        before: Some(found.bytes),
        after: None,
        started,
    };
    let revision = tx.change(&change)?;
    Ok(Outcome { effect: Effect::Deleted, revision, ..Outcome::default() })
}

/// Whether a message that was written after a revision refers to the asset.
pub(super) fn is_shown_since(
    connection: &Connection,
    owner: i64,
    id: &str,
    after: Revision,
) -> StoreResult<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM asset_references INNER JOIN messages ON messages.key = holder
             WHERE asset_references.owner = ?1 AND asset_id = ?2 AND messages.revision > ?3)",
        )?
        .query_row(params![owner, id, after], |row| row.get(0))?)
}

/// Enters which assets a message (by its key) or a kept version (by its negative key) refers to.
pub(super) fn refer(tx: &Transaction<'_>, holder: i64, body: &str) -> StoreResult<()> {
    for id in references(body) {
        tx.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO asset_references (owner, asset_id, holder) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![tx.owner, id, holder])?;
    }
    Ok(())
}

/// Removes what [`refer`] entered.
pub(super) fn forget(tx: &Transaction<'_>, holder: i64) -> StoreResult<()> {
    tx.connection
        .prepare_cached("DELETE FROM asset_references WHERE owner = ?1 AND holder = ?2")?
        .execute([tx.owner, holder])?;
    Ok(())
}

/// A page of records, by id, without data.
pub(super) fn page(
    connection: &Connection,
    owner: i64,
    cursor: Option<&str>,
    limit: usize,
) -> StoreResult<Page<Asset>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, id, revision, bytes, hash, blob, data_at, body, mime FROM assets
         WHERE owner = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let rows = statement.query_map(params![owner, cursor.unwrap_or_default(), size(limit) + 1], found)?;
    let mut items: Vec<Asset> = rows
        .map(|row| row.map(|f| Asset { id: f.id, record: Json::trusted(f.body), revision: f.revision }))
        .collect::<Result<_, _>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|a| a.id.clone());
    Ok(Page { items, next })
}

pub(super) fn get(connection: &Connection, owner: i64, id: &str) -> StoreResult<Option<Asset>> {
    find(connection, owner, id)?
        .map(|f| Ok(Asset { record: record(connection, &f)?, id: f.id, revision: f.revision }))
        .transpose()
}

pub(super) fn data(connection: &Connection, owner: i64, id: &str) -> StoreResult<Option<AssetData>> {
    let Some(found) = find(connection, owner, id)? else { return Ok(None) };
    let Some(hash) = found.blob else { return Ok(None) };
    Ok(Some(AssetData {
        bytes: blob(connection, &hash)?,
        mime: found.mime.unwrap_or_else(|| "application/octet-stream".to_owned()),
        hash: hash.iter().map(|b| format!("{b:02x}")).collect(),
        revision: found.revision,
    }))
}
