//! Entities of a store's arrays and maps: services, models, assignments, folders, personas, prompts, live files.
//!
//! All tables have the same columns but for what is derived from the body, so there is one code for all.

use std::collections::HashSet;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::keys::Keys;
use super::matching::match_by_id;
use super::transaction::{Changed, Kept, Transaction, clear, context};
use crate::conversation::MessageCounts;
use crate::error::{StoreError, StoreResult};
use crate::item::{Item, Kind, Shape};
use crate::json::{self, Json, Node, as_text};
use crate::owner::Id;
use crate::position::{STEP, arrange, between};
use crate::revision::{Precondition, Revision};
use crate::store::{Edit, Effect, Outcome, Place};

use super::conversation::LIST_BOUNDS;

/// A table of entities: its name, and the columns derived from members of the body.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) derived: &'static [(&'static str, &'static str)],
    pub(super) sealed: bool,
}

/// The table of a kind. Errors: [`StoreError::Internal`] for kinds that have one of their own.
pub(super) fn table(kind: Kind) -> StoreResult<Table> {
    let table = |name, derived| Table { name, derived, sealed: kind == Kind::LlmService };
    Ok(match kind {
        Kind::LlmService => table("llm_services", &[("label", "label"), ("vendor_id", "vId")]),
        Kind::LlmModel => {
            table("llm_models", &[("label", "label"), ("vendor_id", "vId"), ("service_id", "sId")])
        }
        Kind::LlmAssignment => table("llm_assignments", &[("model_id", "modelId")]),
        Kind::Folder => table("folders", &[("title", "title")]),
        Kind::Persona => table("personas", &[("name", "name")]),
        Kind::HiddenPersona => table("hidden_personas", &[]),
        Kind::ConversationPrompt => table("conversation_prompts", &[]),
        Kind::WorkspaceFiles => table("workspace_files", &[]),
        Kind::Conversation | Kind::Message | Kind::Document | Kind::Asset | Kind::Usage | Kind::Report => {
            return Err(StoreError::Internal(format!("{} is no entity of a list", kind.name())));
        }
    })
}

/// Every kind that has a table here.
pub(super) const KINDS: [Kind; 8] = [
    Kind::LlmService,
    Kind::LlmModel,
    Kind::LlmAssignment,
    Kind::Folder,
    Kind::Persona,
    Kind::HiddenPersona,
    Kind::ConversationPrompt,
    Kind::WorkspaceFiles,
];

/// A row without its derived columns.
pub(super) struct ItemRow {
    pub(super) key: i64,
    pub(super) position: i64,
    pub(super) id: String,
    pub(super) revision: Revision,
    pub(super) bytes: i64,
    pub(super) hash: [u8; 16],
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) text: Option<String>,
}

impl ItemRow {
    pub(super) fn clear(&self, keys: &Keys, owner: i64, kind: Kind) -> StoreResult<Json> {
        clear(keys, &context(owner, kind, &self.id), self.text.clone(), self.sealed.clone())
    }
}

/// All rows of a kind in their order.
pub(super) fn rows(connection: &Connection, owner: i64, kind: Kind) -> StoreResult<Vec<ItemRow>> {
    select(connection, kind, "owner = ?1 ORDER BY position", params![owner])
}

/// The first row with this id.
pub(super) fn find(
    connection: &Connection,
    owner: i64,
    kind: Kind,
    id: &str,
) -> StoreResult<Option<ItemRow>> {
    let rows =
        select(connection, kind, "owner = ?1 AND id = ?2 ORDER BY position LIMIT 1", params![owner, id])?;
    Ok(rows.into_iter().next())
}

fn select(
    connection: &Connection,
    kind: Kind,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> StoreResult<Vec<ItemRow>> {
    let table = table(kind)?.name;
    let sql =
        format!("SELECT key, position, id, revision, bytes, hash, sealed, body FROM {table} WHERE {filter}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(ItemRow {
            key: row.get(0)?,
            position: row.get(1)?,
            id: row.get(2)?,
            revision: row.get(3)?,
            bytes: row.get(4)?,
            hash: row.get(5)?,
            sealed: row.get(6)?,
            text: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An entity to store.
pub(super) struct NewItem {
    pub(super) id: String,
    pub(super) body: Json,
}

/// Takes the entities out of a member's value; `None` when it does not have the shape.
pub(super) fn take_apart(shape: Shape, value: &str) -> StoreResult<Option<Vec<NewItem>>> {
    let text = |raw: &str| as_text(raw).map(|t| t.into_owned()).unwrap_or_default();
    Ok(match shape {
        Shape::Objects => json::elements(value).map(|elements| {
            elements
                .map(|raw| NewItem {
                    id: json::member(raw, "id").map(text).unwrap_or_default(),
                    body: Json::trusted(raw),
                })
                .collect()
        }),
        Shape::Strings => json::elements(value).map(|elements| {
            elements.map(|raw| NewItem { id: text(raw), body: Json::trusted(raw) }).collect()
        }),
        Shape::Map => match json::members(value) {
            None => None,
            Some(members) => {
                let mut items: Vec<NewItem> = Vec::new();
                let mut seen = HashSet::new();
                for member in members {
                    let id = Id::from_json(member.raw_key)?.as_str().to_owned();
                    if !seen.insert(id.clone()) {
                        return Err(StoreError::InvalidBody(format!(
                            "the key \"{id}\" stands twice in one object"
                        )));
                    }
                    items.push(NewItem { id, body: Json::trusted(member.value) });
                }
                Some(items)
            }
        },
    })
}

/// Makes the rows of a kind the new entities, in this order; `keep_others` leaves rows alone that it does not
/// name.
pub(super) fn replace(
    tx: &mut Transaction<'_>,
    kind: Kind,
    new: Vec<NewItem>,
    keep_others: bool,
) -> StoreResult<MessageCounts> {
    let old = rows(tx.connection, tx.owner, kind)?;
    let matched =
        match_by_id(old.iter().map(|r| Some(r.id.as_str())), new.iter().map(|n| Some(n.id.as_str())));
    let mut counts = MessageCounts::default();
    let mut named = vec![false; old.len()];
    for at in matched.iter().flatten() {
        named[*at] = true;
    }
    if !keep_others {
        for (row, _) in old.iter().zip(&named).filter(|(_, named)| !**named) {
            remove(tx, kind, row)?;
            counts.deleted += 1;
        }
    }
    let positions = if keep_others {
        merged_positions(&old, &matched)
    } else {
        arrange(&matched.iter().map(|m| m.map(|at| old[at].position)).collect::<Vec<_>>(), LIST_BOUNDS)
    };
    for ((item, row), position) in new.into_iter().zip(&matched).zip(positions) {
        let (effect, _) = write(tx, kind, row.map(|at| &old[at]), &item.id, &item.body, position)?;
        match effect {
            Effect::Created => counts.inserted += 1,
            Effect::Updated => counts.updated += 1,
            Effect::Unchanged | Effect::Deleted | Effect::Absent => counts.unchanged += 1,
        }
    }
    Ok(counts)
}

/// Rows that exist keep their place, new ones go to the end.
fn merged_positions(old: &[ItemRow], matched: &[Option<usize>]) -> Vec<i64> {
    let fresh = matched.iter().filter(|m| m.is_none()).count();
    let last = old.last().map(|r| r.position);
    let mut free = between(last, None, fresh, LIST_BOUNDS).unwrap_or_default().into_iter();
    matched.iter().map(|m| m.map_or_else(|| free.next().unwrap_or(0), |at| old[at].position)).collect()
}

/// Writes one row unless it already is so. Gives what became of it and its revision.
fn write(
    tx: &mut Transaction<'_>,
    kind: Kind,
    row: Option<&ItemRow>,
    id: &str,
    body: &Json,
    position: i64,
) -> StoreResult<(Effect, Revision)> {
    let started = Instant::now();
    let table = table(kind)?;
    let body = match row {
        Some(row) if table.sealed => crate::seal::unmask(body, &row.clear(tx.keys, tx.owner, kind)?),
        _ => body.clone(),
    };
    if let Some(row) = row
        && row.position == position
        && row.hash == tx.hash(table.sealed, body.as_str())?
    {
        return Ok((Effect::Unchanged, row.revision));
    }
    if let Some(row) = row {
        keep(tx, kind, row, false)?;
    }
    let stored = tx.store(table.sealed, &context(tx.owner, kind, id), body.as_str())?;
    let revision = tx.seq + 1;
    let derived =
        table.derived.iter().map(|(_, member)| body.get(member).and_then(as_text).map(|t| t.into_owned()));
    let columns: Vec<&str> = ["owner", "position", "id", "revision", "bytes", "hash", "sealed", "body"]
        .into_iter()
        .chain(table.derived.iter().map(|(column, _)| *column))
        .collect();
    let mut values: Vec<rusqlite::types::Value> = vec![
        tx.owner.into(),
        position.into(),
        id.to_owned().into(),
        revision.into(),
        stored.bytes.into(),
        stored.hash.to_vec().into(),
        stored.sealed.into(),
        stored.text.into(),
    ];
    values.extend(derived.map(Into::into));
    let key = match row {
        None => {
            let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
            let sql =
                format!("INSERT INTO {} ({}) VALUES ({})", table.name, columns.join(", "), marks.join(", "));
            tx.connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
            tx.connection.last_insert_rowid()
        }
        Some(row) => {
            let sets: Vec<String> =
                columns.iter().enumerate().map(|(n, column)| format!("{column} = ?{}", n + 1)).collect();
            let sql = format!(
                "UPDATE {} SET {} WHERE owner = ?1 AND key = ?{}",
                table.name,
                sets.join(", "),
                columns.len() + 1
            );
            values.push(row.key.into());
            tx.connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
            row.key
        }
    };
    if kind == Kind::Folder {
        list_folder(tx, key, &body)?;
    }
    let before = row.map(|r| r.bytes);
    let revision =
        tx.change(&Changed { kind, parent: None, id, before, after: Some(stored.bytes), started })?;
    Ok((if row.is_some() { Effect::Updated } else { Effect::Created }, revision))
}

/// Which conversations a folder lists.
fn list_folder(tx: &Transaction<'_>, folder: i64, body: &Json) -> StoreResult<()> {
    tx.connection
        .prepare_cached("DELETE FROM folder_conversations WHERE owner = ?1 AND folder = ?2")?
        .execute([tx.owner, folder])?;
    let ids = body.get("conversationIds").and_then(json::elements).into_iter().flatten();
    for (number, id) in ids.filter_map(as_text).enumerate() {
        tx.connection
            .prepare_cached(
                "INSERT INTO folder_conversations (owner, folder, number, conversation_id) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![tx.owner, folder, super::transaction::size(number), id])?;
    }
    Ok(())
}

fn keep(tx: &Transaction<'_>, kind: Kind, row: &ItemRow, deleted: bool) -> StoreResult<()> {
    let kept = Kept {
        id: &row.id,
        revision: row.revision,
        deleted,
        position: Some(row.position),
        bytes: row.bytes,
        text: row.text.as_deref(),
        sealed: row.sealed.as_deref(),
        ..Kept::default()
    };
    tx.keep(kind, &kept).map(drop)
}

pub(super) fn remove(tx: &mut Transaction<'_>, kind: Kind, row: &ItemRow) -> StoreResult<Revision> {
    let started = Instant::now();
    keep(tx, kind, row, true)?;
    let sql = format!("DELETE FROM {} WHERE owner = ?1 AND key = ?2", table(kind)?.name);
    tx.connection.prepare_cached(&sql)?.execute([tx.owner, row.key])?;
    tx.change(&Changed { kind, parent: None, id: &row.id, before: Some(row.bytes), after: None, started })
}

pub(super) fn put(
    tx: &mut Transaction<'_>,
    kind: Kind,
    id: &Id,
    body: &Json,
    place: &Place,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let row = find(tx.connection, tx.owner, kind, id.as_str())?;
    let position = match (&row, place) {
        (Some(row), Place::Usual) => row.position,
        _ => place_for(tx, kind, place, row.as_ref())?,
    };
    write_checked(tx, kind, row.as_ref(), id, body, position, precondition)
}

fn write_checked(
    tx: &mut Transaction<'_>,
    kind: Kind,
    row: Option<&ItemRow>,
    id: &Id,
    body: &Json,
    position: i64,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let sealed = table(kind)?.sealed;
    let unmasked = row.filter(|_| sealed).map(|r| r.clear(tx.keys, tx.owner, kind)).transpose()?;
    let body = &unmasked.map_or_else(|| body.clone(), |stored| crate::seal::unmask(body, &stored));
    let same = match row {
        Some(row) => row.position == position && row.hash == tx.hash(sealed, body.as_str())?,
        None => false,
    };
    if !same {
        let current = || row.map(|r| r.clear(tx.keys, tx.owner, kind)).transpose();
        tx.check(precondition, row.map(|r| r.revision), current)?;
    }
    let (effect, revision) = write(tx, kind, row, id.as_str(), body, position)?;
    Ok(Outcome { effect, revision, body: Some(body.clone()), ..Outcome::default() })
}

/// The position that `place` asks for; an existing row that stands there keeps its own.
fn place_for(tx: &Transaction<'_>, kind: Kind, place: &Place, row: Option<&ItemRow>) -> StoreResult<i64> {
    if *place == Place::Usual {
        let sql = format!("SELECT max(position) FROM {} WHERE owner = ?1", table(kind)?.name);
        let last: Option<i64> =
            tx.connection.prepare_cached(&sql)?.query_row([tx.owner], |row| row.get(0))?;
        return Ok(last.map_or(0, |p| p + STEP));
    }
    let mut rows = rows(tx.connection, tx.owner, kind)?;
    let stands = row.and_then(|row| rows.iter().position(|r| r.key == row.key));
    let own = stands.map(|at| rows.remove(at));
    let at = match place {
        Place::First => 0,
        Place::After(id) => rows.iter().position(|r| r.id == *id).map_or(rows.len(), |at| at + 1),
        Place::Usual => rows.len(),
    };
    if let Some(own) = own
        && (stands == Some(at) || *place == Place::After(own.id))
    {
        return Ok(own.position);
    }
    let before = at.checked_sub(1).and_then(|b| rows.get(b)).map(|r| r.position);
    let free = between(before, rows.get(at).map(|r| r.position), 1, LIST_BOUNDS);
    match free.and_then(|f| f.first().copied()) {
        Some(position) => Ok(position),
        None => {
            let sql = format!("UPDATE {} SET position = ?3 WHERE owner = ?1 AND key = ?2", table(kind)?.name);
            let rows = self::rows(tx.connection, tx.owner, kind)?;
            let positions = arrange(&vec![None; rows.len()], LIST_BOUNDS);
            for (row, position) in rows.iter().zip(positions) {
                tx.connection.prepare_cached(&sql)?.execute([tx.owner, row.key, position])?;
            }
            place_for(tx, kind, place, row)
        }
    }
}

/// Applies an edit to a body.
pub(super) fn apply_edit(node: &mut Node, edit: &Edit) -> StoreResult<()> {
    let array = |node: &mut Node, member: &Option<&'static str>| -> StoreResult<Vec<Node>> {
        let found = match member {
            None => Some(&*node),
            Some(name) => node.get(name),
        };
        match found {
            Some(Node::Array(items)) => Ok(items.clone()),
            None => Ok(Vec::new()),
            Some(_) => Err(StoreError::InvalidBody("the value to change is no array".to_owned())),
        }
    };
    let set = |node: &mut Node, member: &Option<&'static str>, items: Vec<Node>| match member {
        None => *node = Node::Array(items),
        Some(name) => node.set(name, Node::Array(items)),
    };
    match edit {
        Edit::MergePatch(patch) => node.merge(&Node::parse(patch.as_str())),
        Edit::JsonPatch(patch) => {
            node.patch(&Node::parse(patch.as_str())).map_err(|e| StoreError::PatchFailed(e.to_string()))?;
        }
        Edit::Assign(patch) => node.assign(&Node::parse(patch.as_str())),
        Edit::Include { member, value } => {
            let mut items = array(node, member)?;
            let value = Node::parse(value.as_str());
            if !items.contains(&value) {
                items.push(value);
                set(node, member, items);
            }
        }
        Edit::Exclude { member, value } => {
            let mut items = array(node, member)?;
            let (before, value) = (items.len(), Node::parse(value.as_str()));
            items.retain(|item| *item != value);
            if items.len() < before {
                set(node, member, items);
            }
        }
    }
    Ok(())
}

pub(super) fn edit(
    tx: &mut Transaction<'_>,
    kind: Kind,
    id: &Id,
    edit: &Edit,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let Some(row) = find(tx.connection, tx.owner, kind, id.as_str())? else {
        if let Edit::Include { member: None, value } = edit {
            let body = Node::Array(vec![Node::parse(value.as_str())]).to_json();
            return put(tx, kind, id, &body, &Place::Usual, precondition);
        }
        tx.check(precondition, None, || Ok(None))?;
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    };
    let old = row.clear(tx.keys, tx.owner, kind)?;
    let before = Node::parse(old.as_str());
    let mut after = before.clone();
    apply_edit(&mut after, edit)?;
    if before.get("id") != after.get("id") {
        return Err(StoreError::InvalidBody("the id of an entity cannot be changed".to_owned()));
    }
    let new = if before == after { old } else { crate::seal::unmask(&after.to_json(), &old) };
    write_checked(tx, kind, Some(&row), id, &new, row.position, precondition)
}

pub(super) fn delete(
    tx: &mut Transaction<'_>,
    kind: Kind,
    id: &Id,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let Some(row) = find(tx.connection, tx.owner, kind, id.as_str())? else {
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    };
    tx.check(precondition, Some(row.revision), || row.clear(tx.keys, tx.owner, kind).map(Some))?;
    let body = Some(row.clear(tx.keys, tx.owner, kind)?);
    let mut revision = remove(tx, kind, &row)?;
    let mut outcome = Outcome { effect: Effect::Deleted, body, ..Outcome::default() };
    let models: Vec<ItemRow> = match kind {
        Kind::LlmService => {
            let filter = "owner = ?1 AND service_id = ?2 ORDER BY position";
            select(tx.connection, Kind::LlmModel, filter, params![tx.owner, id.as_str()])?
        }
        _ => Vec::new(),
    };
    let mut gone: Vec<String> = if kind == Kind::LlmModel { vec![row.id] } else { Vec::new() };
    for model in models {
        revision = remove(tx, Kind::LlmModel, &model)?;
        outcome.models_removed += 1;
        gone.push(model.id);
    }
    for model in gone {
        let filter = "owner = ?1 AND model_id = ?2 ORDER BY position";
        for assignment in select(tx.connection, Kind::LlmAssignment, filter, params![tx.owner, model])? {
            revision = remove(tx, Kind::LlmAssignment, &assignment)?;
            outcome.assignments_removed += 1;
        }
    }
    Ok(Outcome { revision, ..outcome })
}

pub(super) fn toggle_persona(tx: &mut Transaction<'_>, id: &Id) -> StoreResult<Outcome> {
    match delete(tx, Kind::HiddenPersona, id, &Precondition::None)? {
        Outcome { effect: Effect::Absent, .. } => {
            put(tx, Kind::HiddenPersona, id, &Json::string(id.as_str()), &Place::Usual, &Precondition::None)
        }
        shown => Ok(shown),
    }
}

pub(super) fn unassign_file(tx: &mut Transaction<'_>, file: &str) -> StoreResult<Outcome> {
    let mut outcome = Outcome::default();
    let file = Json::string(file);
    for row in rows(tx.connection, tx.owner, Kind::WorkspaceFiles)? {
        let id = Id::parse(&row.id)?;
        let change = Edit::Exclude { member: None, value: file.clone() };
        let one = edit(tx, Kind::WorkspaceFiles, &id, &change, &Precondition::None)?;
        if one.effect == Effect::Updated {
            outcome.effect = Effect::Updated;
            outcome.revision = one.revision;
            outcome.items.updated += 1;
        }
    }
    Ok(outcome)
}

/// All entities of a kind in clear text.
pub(super) fn list(connection: &Connection, keys: &Keys, owner: i64, kind: Kind) -> StoreResult<Vec<Item>> {
    rows(connection, owner, kind)?
        .into_iter()
        .map(|row| Ok(Item { body: row.clear(keys, owner, kind)?, id: row.id, revision: row.revision }))
        .collect()
}

/// The last change of a kind, deletes included, and when it was.
pub(super) fn kind_revision(
    connection: &Connection,
    owner: i64,
    kind: Kind,
) -> StoreResult<Option<(Revision, i64)>> {
    Ok(connection
        .prepare_cached("SELECT revision, at FROM kind_revisions WHERE owner = ?1 AND kind = ?2")?
        .query_row(params![owner, kind.name()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}
