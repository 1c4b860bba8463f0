//! Stores as documents: plain ones whole, those with tables put together from their rows.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::conversation::{self, LIST_BOUNDS};
use super::item::{self, kind_revision};
use super::keys::Keys;
use super::transaction::{Changed, Kept, Stored, Transaction, clear, context};
use super::usage;
use crate::conversation::{MessageCounts, split};
use crate::document::{Document, Mode, NewDocument};
use crate::error::{StoreError, StoreResult};
use crate::item::{CHATS, CONVERSATIONS, Kind, METRICS, PARTS, has_tables, parts};
use crate::json::{self, Json};
use crate::owner::Id;
use crate::position::arrange;
use crate::revision::{Precondition, Revision};
use crate::seal;
use crate::store::{Effect, Order, Outcome};

/// A replace that deletes more than this, and over half of the rows, must be confirmed.
const MASS_DELETE: usize = 10;

struct Row {
    key: i64,
    version: Option<String>,
    bare: bool,
    beside: Option<String>,
    created_at: i64,
    updated_at: i64,
    revision: Revision,
    bytes: i64,
    hash: [u8; 16],
    sealed: Option<Vec<u8>>,
    text: Option<String>,
}

const COLUMNS: &str =
    "key, version, bare, beside, created_at, updated_at, revision, bytes, hash, sealed, data";

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        key: row.get(0)?,
        version: row.get(1)?,
        bare: row.get(2)?,
        beside: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        revision: row.get(6)?,
        bytes: row.get(7)?,
        hash: row.get(8)?,
        sealed: row.get(9)?,
        text: row.get(10)?,
    })
}

fn find(connection: &Connection, owner: i64, name: &str, device: &str) -> StoreResult<Option<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM documents WHERE owner = ?1 AND name = ?2 AND device = ?3");
    Ok(connection.prepare_cached(&sql)?.query_row(params![owner, name, device], row).optional()?)
}

/// What a sealed document is bound to.
fn place(owner: i64, name: &str, device: &str) -> String {
    context(owner, Kind::Document, &format!("{name}/{device}"))
}

/// The kinds whose rows belong to a store.
fn kinds(name: &str) -> Vec<Kind> {
    match name {
        CHATS => vec![Kind::Conversation, Kind::Message],
        METRICS => vec![Kind::Usage],
        _ => parts(name).map(|p| p.kind).collect(),
    }
}

/// The last change of a store with all its entities, and when it was; `None` when there is no such store.
fn last_change(
    connection: &Connection,
    owner: i64,
    name: &str,
    device: &str,
) -> StoreResult<Option<(Revision, i64)>> {
    let own = find(connection, owner, name, device)?.map(|r| (r.revision, r.updated_at));
    if own.is_none() && (!device.is_empty() || !has_rows(connection, owner, name)?) {
        return Ok(None);
    }
    let mut last = own.unwrap_or((0, 0));
    if device.is_empty() {
        for kind in kinds(name) {
            if let Some((revision, at)) = kind_revision(connection, owner, kind)?
                && revision > last.0
            {
                last = (revision, at);
            }
        }
    }
    Ok(Some(last))
}

fn has_rows(connection: &Connection, owner: i64, name: &str) -> StoreResult<bool> {
    if name == CHATS {
        return Ok(connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM conversations WHERE owner = ?1)")?
            .query_row([owner], |row| row.get(0))?);
    }
    if name == METRICS {
        return usage::has_sums(connection, owner);
    }
    for part in parts(name) {
        if !item::rows(connection, owner, part.kind)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The conversations of the list: id and position, in order.
fn conversation_list(connection: &Connection, owner: i64) -> StoreResult<Vec<(String, i64)>> {
    let mut statement = connection
        .prepare_cached("SELECT id, position FROM conversations WHERE owner = ?1 ORDER BY position")?;
    let rows = statement.query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces member values of an object's text.
fn splice(
    text: &str,
    mut replace: impl FnMut(&json::Member<'_>) -> StoreResult<Option<String>>,
) -> StoreResult<String> {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for member in json::members(text).into_iter().flatten() {
        if let Some(value) = replace(&member)? {
            out.push_str(&text[copied..member.at]);
            out.push_str(&value);
            copied = member.at + member.value.len();
        }
    }
    out.push_str(&text[copied..]);
    Ok(out)
}

pub(super) fn put(
    tx: &mut Transaction<'_>,
    document: &NewDocument,
    mode: Mode,
    confirm: Option<u64>,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let (name, device) = (document.name.as_str(), document.device.as_str());
    tx.store_touched()?;
    let before = last_change(tx.connection, tx.owner, name, device)?.map(|l| l.0);
    let current = plain_current(tx, name, device, before, precondition)?;
    let first = tx.seq;
    let mut outcome = Outcome::default();
    let mut seen = HashSet::new();
    let tables = device.is_empty() && has_tables(name);
    let template = splice(document.data.as_str(), |member| {
        if !tables {
            return Ok(None);
        }
        let key = member.key();
        let once = |seen: &mut HashSet<String>| {
            if seen.insert(key.clone().into_owned()) {
                Ok(())
            } else {
                Err(StoreError::InvalidBody(format!("the key \"{key}\" stands twice in one object")))
            }
        };
        if name == CHATS && key == CONVERSATIONS {
            let Some(conversations) = json::elements(member.value) else { return Ok(None) };
            once(&mut seen)?;
            put_conversations(tx, conversations.collect(), mode, confirm, precondition, &mut outcome)?;
            return Ok(Some("[]".to_owned()));
        }
        let Some(part) = parts(name).find(|p| p.member == key) else { return Ok(None) };
        let Some(items) = item::take_apart(part.shape, member.value)? else { return Ok(None) };
        once(&mut seen)?;
        add(&mut outcome.items, item::replace(tx, part.kind, items, mode == Mode::Merge)?);
        Ok(Some(part.shape.empty().to_owned()))
    })?;
    if tables && mode == Mode::Replace {
        for part in parts(name).filter(|p| !seen.contains(p.member)) {
            add(&mut outcome.items, item::replace(tx, part.kind, Vec::new(), false)?);
        }
        if name == CHATS && !seen.contains(CONVERSATIONS) {
            put_conversations(tx, Vec::new(), mode, confirm, precondition, &mut outcome)?;
        }
    }
    put_row(tx, document, &template)?;
    if name == METRICS && (tx.seq > first || usage::has_entries(tx.connection, tx.owner)?) {
        usage::mark(tx, "baseline", None)?;
    }
    let revision = last_change(tx.connection, tx.owner, name, device)?.map_or(0, |l| l.0);
    if tx.seq == first {
        return Ok(Outcome { revision, ..outcome });
    }
    if !precondition.holds(tx.epoch, before, first) {
        return Err(StoreError::Conflict { current_revision: before, current });
    }
    let effect = if before.is_none() { Effect::Created } else { Effect::Updated };
    // The rows written here have their revisions in the group, not yet in `kind_revisions`.
    Ok(Outcome { effect, revision: tx.seq, ..outcome })
}

/// The state of a plain document whose precondition does not hold; stores with tables are too large to repeat.
fn plain_current(
    tx: &Transaction<'_>,
    name: &str,
    device: &str,
    before: Option<Revision>,
    precondition: &Precondition,
) -> StoreResult<Option<Json>> {
    if precondition.holds(tx.epoch, before, tx.seq) || has_tables(name) {
        return Ok(None);
    }
    Ok(get(tx.connection, tx.keys, tx.owner, name, device, false)?.and_then(|d| d.data))
}

fn add(total: &mut MessageCounts, more: MessageCounts) {
    total.inserted += more.inserted;
    total.updated += more.updated;
    total.deleted += more.deleted;
    total.unchanged += more.unchanged;
}

/// Makes the stored conversations those of a document.
fn put_conversations(
    tx: &mut Transaction<'_>,
    elements: Vec<&str>,
    mode: Mode,
    confirm: Option<u64>,
    precondition: &Precondition,
    outcome: &mut Outcome,
) -> StoreResult<()> {
    let mut new = Vec::with_capacity(elements.len());
    let mut ids = HashSet::new();
    for element in elements {
        match split(element) {
            Ok(parts) if ids.insert(parts.id.as_str().to_owned()) => new.push(parts),
            Ok(parts) => {
                return Err(StoreError::InvalidBody(format!("the conversation '{}' stands twice", parts.id)));
            }
            Err(StoreError::Incognito) => outcome.skipped += 1,
            Err(error) => return Err(error),
        }
    }
    let stored = conversation_list(tx.connection, tx.owner)?;
    if mode == Mode::Replace {
        let gone: Vec<&str> = stored.iter().map(|s| s.0.as_str()).filter(|id| !ids.contains(*id)).collect();
        guard(gone.len(), stored.len(), confirm, precondition)?;
        for id in gone {
            conversation::delete(tx, &Id::parse(id)?, &Precondition::None)?;
            outcome.items.deleted += 1;
        }
    }
    let old: HashMap<&str, i64> = stored.iter().map(|(id, position)| (id.as_str(), *position)).collect();
    let order = match mode {
        Mode::Replace => new.iter().map(|p| p.id.as_str().to_owned()).collect(),
        Mode::Merge => merged_order(&stored, new.iter().map(|p| p.id.as_str())),
    };
    let positions =
        arrange(&order.iter().map(|id| old.get(id.as_str()).copied()).collect::<Vec<_>>(), LIST_BOUNDS);
    let place: HashMap<&str, i64> = order.iter().map(String::as_str).zip(positions).collect();
    for parts in &new {
        let id = parts.id.as_str();
        let found = conversation::find(tx.connection, tx.owner, id)?;
        let position = place.get(id).copied().filter(|p| found.as_ref().is_none_or(|f| f.position != *p));
        let one = conversation::put_parts(tx, parts, found.as_ref(), position, &Precondition::None)?;
        match one.effect {
            Effect::Created => outcome.items.inserted += 1,
            Effect::Updated => outcome.items.updated += 1,
            Effect::Unchanged | Effect::Deleted | Effect::Absent => outcome.items.unchanged += 1,
        }
        add(&mut outcome.messages, one.messages);
    }
    for (id, position) in &stored {
        if !ids.contains(id)
            && let Some(moved) = place.get(id.as_str()).filter(|p| *p != position)
        {
            tx.connection
                .prepare_cached("UPDATE conversations SET position = ?3 WHERE owner = ?1 AND id = ?2")?
                .execute(params![tx.owner, id, moved])?;
        }
    }
    Ok(())
}

/// The stored order with the new ones after the conversation they follow in their own list, or first.
fn merged_order<'a>(stored: &[(String, i64)], new: impl Iterator<Item = &'a str>) -> Vec<String> {
    let known: HashSet<&str> = stored.iter().map(|s| s.0.as_str()).collect();
    let mut after: HashMap<Option<&str>, Vec<&str>> = HashMap::new();
    let mut anchor = None;
    for id in new {
        if known.contains(id) {
            anchor = Some(id);
        } else {
            after.entry(anchor).or_default().push(id);
        }
    }
    let mut order = Vec::new();
    for anchor in std::iter::once(None).chain(stored.iter().map(|s| Some(s.0.as_str()))) {
        order.extend(anchor.map(str::to_owned));
        order.extend(after.remove(&anchor).into_iter().flatten().map(str::to_owned));
    }
    order
}

fn guard(deletes: usize, of: usize, confirm: Option<u64>, precondition: &Precondition) -> StoreResult<()> {
    let confirmed = confirm == Some(deletes as u64) || matches!(precondition, Precondition::At { .. });
    if deletes > MASS_DELETE && deletes * 2 > of && !confirmed {
        return Err(StoreError::MassDelete { deletes: deletes as u64, of: of as u64 });
    }
    Ok(())
}

/// Writes the document's own row unless it already is so.
fn put_row(tx: &mut Transaction<'_>, document: &NewDocument, template: &str) -> StoreResult<()> {
    let started = Instant::now();
    let (name, device) = (document.name.as_str(), document.device.as_str());
    let old = find(tx.connection, tx.owner, name, device)?;
    let context = place(tx.owner, name, device);
    let mut data = Json::trusted(template);
    if let Some(Row { sealed: Some(sealed), .. }) = &old {
        data = seal::unmask(&data, &tx.keys.open(&context, sealed)?);
    }
    let version = document
        .version
        .as_ref()
        .map(|v| v.as_str().to_owned())
        .or(old.as_ref().and_then(|o| o.version.clone()));
    let old_beside =
        old.as_ref().map(|o| open_beside(tx.keys, &context, o.beside.as_deref())).transpose()?.flatten();
    let beside = document.beside.clone().or(old_beside.clone());
    let secret = holds_secret(name, device, data.as_str(), beside.as_ref());
    if let Some(old) = &old
        && old.hash == tx.hash(secret, data.as_str())?
        && (&old.version, old.bare, &old_beside) == (&version, document.bare, &beside)
    {
        return Ok(());
    }
    let beside = seal_beside(tx, secret, &context, beside)?;
    if let Some(old) = &old {
        keep(tx, name, device, old, false)?;
    }
    let Stored { text, sealed, hash, bytes } = tx.store(secret, &context, data.as_str())?;
    tx.connection
        .prepare_cached(
            "INSERT INTO documents (owner, name, device, version, bare, beside, created_at, updated_at, revision,
                 bytes, hash, sealed, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (owner, name, device) DO UPDATE SET version = excluded.version, bare = excluded.bare,
                 beside = excluded.beside, updated_at = excluded.updated_at, revision = excluded.revision,
                 bytes = excluded.bytes, hash = excluded.hash, sealed = excluded.sealed, data = excluded.data",
        )?
        .execute(params![
            tx.owner,
            name,
            device,
            version,
            document.bare,
            beside,
            tx.now,
            tx.seq + 1,
            bytes,
            hash,
            sealed,
            text
        ])?;
    let parent = Some(device).filter(|d| !d.is_empty());
    let before = old.map(|o| o.bytes);
    tx.change(&Changed { kind: Kind::Document, parent, id: name, before, after: Some(bytes), started })?;
    Ok(())
}

/// Whether a document or what stands beside it is sealed. What is left of `app-models` in its own document is
/// sealed too when services may be in it: under another shape, or for one device.
fn holds_secret(name: &str, device: &str, data: &str, beside: Option<&Json>) -> bool {
    let services = || {
        let mut sources = json::members(data).into_iter().flatten().filter(|m| m.key_is("sources"));
        !device.is_empty() || json::members(data).is_none() || sources.any(|m| m.value != "[]")
    };
    seal::is_secret(name, data)
        || (name == "app-models" && services())
        || beside.is_some_and(|b| seal::is_secret("", b.as_str()))
}

/// What stands beside a sealed state is one JSON string, the hex of its ciphertext; in clear it is an object.
fn seal_beside(
    tx: &Transaction<'_>,
    secret: bool,
    context: &str,
    beside: Option<Json>,
) -> StoreResult<Option<String>> {
    let Some(beside) = beside else { return Ok(None) };
    if !secret {
        return Ok(Some(beside.as_str().to_owned()));
    }
    let sealed = tx.keys.for_writing(tx.connection)?.seal(&format!("{context}/beside"), beside.as_str())?;
    Ok(Some(json::quote(&sealed.iter().map(|b| format!("{b:02x}")).collect::<String>())))
}

/// What stands beside a state, in clear text.
pub(super) fn open_beside(keys: &Keys, context: &str, beside: Option<&str>) -> StoreResult<Option<Json>> {
    let Some(text) = beside else { return Ok(None) };
    let Some(hex) = json::as_text(text) else { return Ok(Some(Json::trusted(text))) };
    let digits: Vec<char> = hex.chars().collect();
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok()).collect();
    let bytes = bytes.ok_or_else(|| StoreError::Corrupt(format!("what stands beside {context}")))?;
    keys.open(&format!("{context}/beside"), &bytes).map(Some)
}

fn keep(tx: &Transaction<'_>, name: &str, device: &str, old: &Row, deleted: bool) -> StoreResult<()> {
    let kept = Kept {
        parent: Some(device).filter(|d| !d.is_empty()),
        id: name,
        revision: old.revision,
        deleted,
        version: old.version.as_deref(),
        bare: old.bare,
        beside: old.beside.as_deref(),
        bytes: old.bytes,
        text: old.text.as_deref(),
        sealed: old.sealed.as_deref(),
        ..Kept::default()
    };
    tx.keep(Kind::Document, &kept).map(drop)
}

pub(super) fn delete(
    tx: &mut Transaction<'_>,
    name: &Id,
    device: &str,
    confirm: Option<u64>,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let started = Instant::now();
    let name = name.as_str();
    tx.store_touched()?;
    let Some((before, _)) = last_change(tx.connection, tx.owner, name, device)? else {
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    };
    tx.check(precondition, Some(before), || plain_current(tx, name, device, Some(before), precondition))?;
    let mut outcome = Outcome { effect: Effect::Deleted, ..Outcome::default() };
    if device.is_empty() {
        if name == CHATS {
            put_conversations(tx, Vec::new(), Mode::Replace, confirm, precondition, &mut outcome)?;
        }
        if name == METRICS {
            usage::mark(tx, "clear", None)?;
        }
        for part in parts(name) {
            add(&mut outcome.items, item::replace(tx, part.kind, Vec::new(), false)?);
        }
    }
    delete_row(tx, name, device, started)?;
    Ok(Outcome { revision: tx.seq, ..outcome })
}

/// Deletes the row and leaves the store's entities.
pub(super) fn delete_shell(
    tx: &mut Transaction<'_>,
    name: &Id,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let started = Instant::now();
    tx.store_touched()?;
    let before = last_change(tx.connection, tx.owner, name.as_str(), "")?.map(|(revision, _)| revision);
    tx.check(precondition, before, || Ok(None))?;
    let effect = if delete_row(tx, name.as_str(), "", started)? { Effect::Deleted } else { Effect::Absent };
    Ok(Outcome { effect, revision: tx.seq, ..Outcome::default() })
}

fn delete_row(tx: &mut Transaction<'_>, name: &str, device: &str, started: Instant) -> StoreResult<bool> {
    let Some(old) = find(tx.connection, tx.owner, name, device)? else { return Ok(false) };
    keep(tx, name, device, &old, true)?;
    tx.connection
        .prepare_cached("DELETE FROM documents WHERE owner = ?1 AND key = ?2")?
        .execute([tx.owner, old.key])?;
    let parent = Some(device).filter(|d| !d.is_empty());
    tx.change(&Changed {
        kind: Kind::Document,
        parent,
        id: name,
        before: Some(old.bytes),
        after: None,
        started,
    })?;
    Ok(true)
}

/// One store, whole; with `shell` the conversations are left out.
pub(super) fn get(
    connection: &Connection,
    keys: &Keys,
    owner: i64,
    name: &str,
    device: &str,
    shell: bool,
) -> StoreResult<Option<Document>> {
    let Some((revision, updated_at)) = last_change(connection, owner, name, device)? else { return Ok(None) };
    let row = find(connection, owner, name, device)?;
    let template = match &row {
        Some(row) => clear(keys, &place(owner, name, device), row.text.clone(), row.sealed.clone())?,
        None => Json::trusted(default_template(name)),
    };
    let tables = device.is_empty();
    let mut given = HashSet::new();
    let last_of =
        |key: &str| json::members(template.as_str())?.filter(|m| m.key_is(key)).last().map(|m| m.at);
    let mut data = splice(template.as_str(), |member| {
        let key = member.key();
        // Of a repeated key the last one counts, as in `JSON.parse`.
        if !tables || last_of(&key) != Some(member.at) {
            return Ok(None);
        }
        let rows = rows_of(connection, keys, owner, name, &key, shell)?;
        given.extend(rows.is_some().then(|| key.into_owned()));
        Ok(rows)
    })?;
    let members = parts(name).map(|p| p.member).chain((name == CHATS).then_some(CONVERSATIONS));
    for member in members.filter(|m| tables && !given.contains(*m)) {
        if let Some(rows) = rows_of(connection, keys, owner, name, member, shell)? {
            data = add_member(&data, member, &rows);
        }
    }
    let data = if tables && name == METRICS { usage::with_entries(connection, owner, &data)? } else { data };
    let beside = match &row {
        Some(row) => open_beside(keys, &place(owner, name, device), row.beside.as_deref())?,
        None => None,
    };
    let data = (Some(Json::trusted(data)), beside);
    Ok(Some(document(row, name, device, data, (revision, updated_at))))
}

/// The value of a member that has rows; `None` when it has none, so that the template's own value stands.
fn rows_of(
    connection: &Connection,
    keys: &Keys,
    owner: i64,
    name: &str,
    member: &str,
    shell: bool,
) -> StoreResult<Option<String>> {
    if name == CHATS && member == CONVERSATIONS {
        let rows = has_rows(connection, owner, name)?;
        if shell {
            return Ok(rows.then(|| "[]".to_owned()));
        }
        return rows.then(|| conversations(connection, owner)).transpose();
    }
    let Some(part) = parts(name).find(|p| p.member == member) else { return Ok(None) };
    let items = item::list(connection, keys, owner, part.kind)?;
    let items: Vec<_> = items.into_iter().map(|i| (i.id, i.body)).collect();
    Ok((!items.is_empty()).then(|| part.shape.put_together(&items)))
}

/// An object with one more member; what is no object gives way to one.
fn add_member(data: &str, member: &str, value: &str) -> String {
    let mut node = json::Node::parse(data);
    if json::members(data).is_none() {
        node = json::Node::Object(Vec::new());
    }
    node.set(member, json::Node::Scalar(value.to_owned()));
    node.to_json().as_str().to_owned()
}

fn default_template(name: &str) -> String {
    if name == CHATS {
        return format!("{{\"{CONVERSATIONS}\":[]}}");
    }
    let members: Vec<String> = parts(name).map(|p| format!("\"{}\":{}", p.member, p.shape.empty())).collect();
    format!("{{{}}}", members.join(","))
}

fn conversations(connection: &Connection, owner: i64) -> StoreResult<String> {
    let keys = super::read::conversation_keys(connection, owner, Order::List, 0)?;
    let chunk = super::read::conversation_chunk(connection, owner, &keys, usize::MAX, b',')?;
    let texts = String::from_utf8(chunk.texts).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    Ok(["[", texts.strip_prefix(',').unwrap_or(&texts), "]"].concat())
}

fn document(
    row: Option<Row>,
    name: &str,
    device: &str,
    (data, beside): (Option<Json>, Option<Json>),
    (revision, updated_at): (Revision, i64),
) -> Document {
    let bytes = data.as_ref().map_or(0, |d| super::transaction::size(d.as_str().len()));
    let mut document = Document {
        key: 0,
        name: name.to_owned(),
        device: device.to_owned(),
        data,
        version: None,
        bare: false,
        beside: None,
        created_at: updated_at,
        updated_at,
        bytes,
        revision,
    };
    match row {
        Some(row) => {
            document.key = row.key;
            document.version = row.version.map(Json::trusted);
            document.bare = row.bare;
            document.beside = beside;
            document.created_at = row.created_at;
            document.bytes = bytes.max(row.bytes);
        }
        // A store that exists by its rows alone has no row of its own: its number is below all others.
        None => {
            let at = PARTS.iter().position(|p| p.store == name).map_or(0, |at| at + 1);
            document.key = -1 - super::transaction::size(at);
        }
    }
    document
}

/// Every store, newest change first.
pub(super) fn list(
    connection: &Connection,
    keys: &Keys,
    owner: i64,
    tables: bool,
) -> StoreResult<Vec<Document>> {
    let mut names: Vec<(String, String)> = connection
        .prepare_cached("SELECT name, device FROM documents WHERE owner = ?1 ORDER BY name, device")?
        .query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let known = PARTS.iter().map(|p| p.store).chain([CHATS, METRICS]);
    for name in known {
        let entry = (name.to_owned(), String::new());
        if !names.contains(&entry) {
            names.push(entry);
        }
    }
    let mut documents = Vec::new();
    for (name, device) in names {
        if device.is_empty() && has_tables(&name) && !tables {
            documents.extend(summary(connection, owner, &name)?);
        } else {
            documents.extend(get(connection, keys, owner, &name, &device, false)?);
        }
    }
    documents.sort_by_key(|d| std::cmp::Reverse(d.updated_at));
    Ok(documents)
}

/// A store with tables, without its data.
fn summary(connection: &Connection, owner: i64, name: &str) -> StoreResult<Option<Document>> {
    let Some((revision, updated_at)) = last_change(connection, owner, name, "")? else { return Ok(None) };
    let row = find(connection, owner, name, "")?;
    let own = row.as_ref().map_or(0, |r| r.bytes);
    let mut document = document(row, name, "", (None, None), (revision, updated_at));
    document.bytes = own;
    if name == CHATS {
        document.bytes += connection
            .prepare_cached(
                "SELECT coalesce(sum(length(head) + message_bytes), 0) FROM conversations WHERE owner = ?1",
            )?
            .query_row([owner], |row| row.get::<_, i64>(0))?;
    }
    for part in parts(name) {
        document.bytes += item::rows(connection, owner, part.kind)?.iter().map(|r| r.bytes).sum::<i64>();
    }
    Ok(Some(document))
}
