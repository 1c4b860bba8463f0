//! Messages: one row each, side by side in the order of their conversation.

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::conversation::{self, Found};
use super::matching::match_by_id;
use super::transaction::{Changed, Kept, Transaction, hash, size};
use super::{asset, usage};
use crate::conversation::{MessageColumns, MessageCounts, message_columns};
use crate::error::{StoreError, StoreResult};
use crate::item::Kind;
use crate::json::{self, Json};
use crate::owner::Id;
use crate::position::{arrange, between};
use crate::revision::{Precondition, Revision};
use crate::store::{Effect, FragmentRef, Outcome, Place};

/// The lower half of a message's key.
pub(super) const MESSAGE_BOUNDS: (i64, i64) = (0, (1 << 32) - 1);

/// A message to store, with what is derived from it.
pub(super) struct Row<'a> {
    body: &'a str,
    columns: MessageColumns,
    hash: [u8; 16],
}

/// A stored message without its body.
pub(super) struct StoredRow {
    pub(super) key: i64,
    pub(super) id: Option<String>,
    pub(super) hash: [u8; 16],
    pub(super) revision: Revision,
    pub(super) pending: bool,
    pub(super) bytes: i64,
}

/// Derives the columns of all messages.
pub(super) fn prepare<'a>(bodies: &[&'a str]) -> StoreResult<Vec<Row<'a>>> {
    bodies.iter().map(|body| Ok(Row { body, columns: message_columns(body)?, hash: hash(body) })).collect()
}

/// The size of all bodies.
pub(super) fn total(messages: &[Row<'_>]) -> i64 {
    messages.iter().map(|m| size(m.body.len())).sum()
}

/// The stored messages of a conversation, in order.
pub(super) fn rows(connection: &Connection, owner: i64, conversation: i64) -> StoreResult<Vec<StoredRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, id, hash, revision, pending, bytes FROM messages
         WHERE owner = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key",
    )?;
    let rows = statement
        .query_map([owner, conversation << 32, (conversation << 32) + MESSAGE_BOUNDS.1], stored_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn stored_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredRow> {
    Ok(StoredRow {
        key: row.get(0)?,
        id: row.get(1)?,
        hash: row.get(2)?,
        revision: row.get(3)?,
        pending: row.get(4)?,
        bytes: row.get(5)?,
    })
}

pub(super) fn match_rows(rows: &[StoredRow], messages: &[Row<'_>]) -> Vec<Option<usize>> {
    match_by_id(rows.iter().map(|r| r.id.as_deref()), messages.iter().map(|m| m.columns.id.as_deref()))
}

/// Whether the stored messages already are the new ones, in this order.
pub(super) fn is_same(rows: &[StoredRow], messages: &[Row<'_>], matched: &[Option<usize>]) -> bool {
    rows.len() == messages.len()
        && matched.iter().enumerate().all(|(at, row)| *row == Some(at))
        && rows.iter().zip(messages).all(|(row, message)| row.hash == message.hash)
}

/// Makes the stored messages the new ones, and writes only those that differ.
pub(super) fn replace(
    tx: &mut Transaction<'_>,
    conversation: i64,
    parent: &str,
    rows: &[StoredRow],
    messages: &[Row<'_>],
    matched: &[Option<usize>],
    revision: &mut Revision,
) -> StoreResult<MessageCounts> {
    let old: Vec<Option<i64>> = matched.iter().map(|m| m.map(|at| rows[at].key & MESSAGE_BOUNDS.1)).collect();
    let positions = arrange(&old, MESSAGE_BOUNDS);
    let mut counts = MessageCounts::default();
    let mut gone = vec![true; rows.len()];
    for at in matched.iter().flatten() {
        gone[*at] = false;
    }
    for (row, _) in rows.iter().zip(gone).filter(|(_, gone)| *gone) {
        *revision = remove(tx, parent, row)?;
        counts.deleted += 1;
    }
    // Moved rows leave their place first, so that none arrives where another still is.
    for ((row, old), position) in matched.iter().zip(&old).zip(&positions) {
        if let (Some(at), Some(old)) = (row, old)
            && old != position
        {
            keep(tx, parent, &rows[*at], false)?;
            delete_row(tx, rows[*at].key)?;
        }
    }
    for (index, message) in messages.iter().enumerate() {
        let key = (conversation << 32) + positions[index];
        match matched[index].map(|at| &rows[at]) {
            None => {
                *revision = insert(tx, conversation, parent, message, positions[index])?;
                counts.inserted += 1;
            }
            Some(row) if row.key == key && row.hash == message.hash => counts.unchanged += 1,
            Some(row) if row.key == key => {
                *revision = update(tx, parent, row, message)?;
                counts.updated += 1;
            }
            Some(row) => {
                *revision = insert_moved(tx, conversation, parent, message, positions[index], row.bytes)?;
                counts.updated += 1;
            }
        }
    }
    Ok(counts)
}

/// A new message at a free position.
pub(super) fn insert(
    tx: &mut Transaction<'_>,
    conversation: i64,
    parent: &str,
    message: &Row<'_>,
    position: i64,
) -> StoreResult<Revision> {
    write(tx, conversation, parent, message, position, None)
}

fn insert_moved(
    tx: &mut Transaction<'_>,
    conversation: i64,
    parent: &str,
    message: &Row<'_>,
    position: i64,
    before: i64,
) -> StoreResult<Revision> {
    write(tx, conversation, parent, message, position, Some(before))
}

fn write(
    tx: &mut Transaction<'_>,
    conversation: i64,
    parent: &str,
    message: &Row<'_>,
    position: i64,
    before: Option<i64>,
) -> StoreResult<Revision> {
    let started = Instant::now();
    let key = (conversation << 32) + position;
    let columns = &message.columns;
    let revision = tx.seq + 1;
    tx.connection
        .prepare_cached(
            "INSERT INTO messages (key, owner, conversation, id, role, created, updated, vendor_id, model_id, pending,
                 revision, bytes, hash, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            key,
            tx.owner,
            conversation,
            columns.id,
            columns.role,
            columns.created,
            columns.updated,
            columns.vendor_id,
            columns.model_id,
            columns.pending,
            revision,
            size(message.body.len()),
            message.hash,
            message.body
        ])?;
    derived(tx, key, parent, message)?;
    log(tx, parent, columns.id.as_deref(), before, Some(size(message.body.len())), started)
}

/// The new body of a message that stays where it is.
fn update(
    tx: &mut Transaction<'_>,
    parent: &str,
    row: &StoredRow,
    message: &Row<'_>,
) -> StoreResult<Revision> {
    let started = Instant::now();
    keep(tx, parent, row, false)?;
    let columns = &message.columns;
    let revision = tx.seq + 1;
    tx.connection
        .prepare_cached(
            "UPDATE messages SET role = ?3, created = ?4, updated = ?5, vendor_id = ?6, model_id = ?7, pending = ?8,
                 revision = ?9, bytes = ?10, hash = ?11, body = ?12
             WHERE owner = ?1 AND key = ?2",
        )?
        .execute(params![
            tx.owner,
            row.key,
            columns.role,
            columns.created,
            columns.updated,
            columns.vendor_id,
            columns.model_id,
            columns.pending,
            revision,
            size(message.body.len()),
            message.hash,
            message.body
        ])?;
    asset::forget(tx, row.key)?;
    derived(tx, row.key, parent, message)?;
    log(tx, parent, columns.id.as_deref(), Some(row.bytes), Some(size(message.body.len())), started)
}

fn derived(tx: &Transaction<'_>, key: i64, parent: &str, message: &Row<'_>) -> StoreResult<()> {
    asset::refer(tx, key, message.body)?;
    usage::from_message(tx, parent, message.columns.id.as_deref(), message.body)
}

fn log(
    tx: &mut Transaction<'_>,
    parent: &str,
    id: Option<&str>,
    before: Option<i64>,
    after: Option<i64>,
    started: Instant,
) -> StoreResult<Revision> {
    let id = id.unwrap_or_default();
    tx.change(&Changed { kind: Kind::Message, parent: Some(parent), id, before, after, started })
}

fn body(connection: &Connection, owner: i64, key: i64) -> StoreResult<String> {
    Ok(connection
        .prepare_cached("SELECT body FROM messages WHERE owner = ?1 AND key = ?2")?
        .query_row([owner, key], |row| row.get(0))?)
}

fn keep(tx: &Transaction<'_>, parent: &str, row: &StoredRow, deleted: bool) -> StoreResult<()> {
    let old = body(tx.connection, tx.owner, row.key)?;
    let kept = Kept {
        parent: Some(parent),
        id: row.id.as_deref().unwrap_or_default(),
        revision: row.revision,
        deleted,
        pending: row.pending,
        position: Some(row.key & MESSAGE_BOUNDS.1),
        bytes: row.bytes,
        text: Some(&old),
        ..Kept::default()
    };
    if let Some(version) = tx.keep(Kind::Message, &kept)? {
        asset::refer(tx, -version, &old)?;
    }
    Ok(())
}

fn delete_row(tx: &Transaction<'_>, key: i64) -> StoreResult<()> {
    asset::forget(tx, key)?;
    tx.connection
        .prepare_cached("DELETE FROM messages WHERE owner = ?1 AND key = ?2")?
        .execute([tx.owner, key])?;
    Ok(())
}

fn remove(tx: &mut Transaction<'_>, parent: &str, row: &StoredRow) -> StoreResult<Revision> {
    let started = Instant::now();
    keep(tx, parent, row, true)?;
    delete_row(tx, row.key)?;
    log(tx, parent, row.id.as_deref(), Some(row.bytes), None, started)
}

/// The one message with this id. Errors: [`StoreError::AmbiguousMessageId`].
pub(super) fn find(
    connection: &Connection,
    owner: i64,
    conversation: i64,
    id: &str,
) -> StoreResult<Option<StoredRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, id, hash, revision, pending, bytes FROM messages
         WHERE owner = ?1 AND conversation = ?2 AND id = ?3 ORDER BY key LIMIT 2",
    )?;
    let mut rows = statement.query_map(params![owner, conversation, id], stored_row)?;
    let first = rows.next().transpose()?;
    if rows.next().is_some() { Err(StoreError::AmbiguousMessageId(id.to_owned())) } else { Ok(first) }
}

fn conversation_of(tx: &Transaction<'_>, id: &Id) -> StoreResult<Found> {
    conversation::find(tx.connection, tx.owner, id.as_str())?
        .ok_or_else(|| StoreError::ConversationNotFound(id.as_str().to_owned()))
}

pub(super) fn put(
    tx: &mut Transaction<'_>,
    parent: &Id,
    id: &Id,
    body: &Json,
    place: &Place,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let mut found = conversation_of(tx, parent)?;
    let message =
        Row { body: body.as_str(), columns: message_columns(body.as_str())?, hash: hash(body.as_str()) };
    if json::member(body.as_str(), "id").and_then(|raw| Id::from_json(raw).ok()).as_ref() != Some(id) {
        return Err(StoreError::InvalidBody("Message ID mismatch".to_owned()));
    }
    let row = find(tx.connection, tx.owner, found.key, id.as_str())?;
    let moves = match &row {
        Some(row) => position_for(tx, found.key, place, Some(row))?,
        None => None,
    };
    // Making room may have moved every message: the row is where it is now.
    let row = if moves.is_some() { find(tx.connection, tx.owner, found.key, id.as_str())? } else { row };
    if let Some(row) = &row
        && row.hash == message.hash
        && moves.is_none()
    {
        return Ok(outcome(Effect::Unchanged, row.revision, found.revision));
    }
    tx.check(precondition, row.as_ref().map(|r| r.revision), || {
        row.as_ref().map(|r| self::body(tx.connection, tx.owner, r.key).map(Json::trusted)).transpose()
    })?;
    if found.messages_at.is_none() {
        found = give_messages(tx, &found)?;
    }
    let before = row.as_ref().map_or(0, |r| r.bytes);
    let (revision, effect) = match row {
        None => {
            let position = position_for(tx, found.key, place, None)?.unwrap_or(0);
            (insert(tx, found.key, parent.as_str(), &message, position)?, Effect::Created)
        }
        Some(row) => match moves {
            None => (update(tx, parent.as_str(), &row, &message)?, Effect::Updated),
            Some(position) => {
                if row.hash != message.hash {
                    keep(tx, parent.as_str(), &row, false)?;
                }
                delete_row(tx, row.key)?;
                let revision = insert_moved(tx, found.key, parent.as_str(), &message, position, row.bytes)?;
                (revision, Effect::Updated)
            }
        },
    };
    let grown = size(message.body.len()) - before;
    conversation::touch(tx, found.key, revision, i64::from(effect == Effect::Created), grown)?;
    Ok(outcome(effect, revision, revision))
}

fn outcome(effect: Effect, revision: Revision, conversation_revision: Revision) -> Outcome {
    Outcome { effect, revision, conversation_revision, ..Outcome::default() }
}

/// A conversation that was stored without `messages` gets an empty array for its first one.
fn give_messages(tx: &mut Transaction<'_>, found: &Found) -> StoreResult<Found> {
    let head = conversation::head(tx.connection, tx.owner, found.key)?;
    if json::member(&head, "messages").is_some() {
        return Err(StoreError::InvalidBody(
            "\"messages\" of this conversation is no array: PUT the whole conversation instead".to_owned(),
        ));
    }
    let mut node = json::Node::parse(&head);
    node.set("messages", json::Node::Array(Vec::new()));
    conversation::put_head(tx, found, node.to_json().as_str(), &Precondition::None)?;
    let id = json::member(&head, "id").map(|raw| json::decode(raw).into_owned()).unwrap_or_default();
    conversation::find(tx.connection, tx.owner, &id)?.ok_or(StoreError::ConversationNotFound(id))
}

/// The position that `place` asks for; `None` when an existing message stays.
fn position_for(
    tx: &mut Transaction<'_>,
    conversation: i64,
    place: &Place,
    row: Option<&StoredRow>,
) -> StoreResult<Option<i64>> {
    let low = conversation << 32;
    let high = low + MESSAGE_BOUNDS.1;
    let last = || -> StoreResult<Option<i64>> {
        Ok(tx
            .connection
            .prepare_cached("SELECT max(key) FROM messages WHERE owner = ?1 AND key BETWEEN ?2 AND ?3")?
            .query_row([tx.owner, low, high], |row| row.get(0))?)
    };
    let after = match place {
        Place::Usual if row.is_some() => return Ok(None),
        Place::Usual => last()?,
        Place::First => None,
        Place::After(id) => match find(tx.connection, tx.owner, conversation, id)? {
            Some(after) if row.is_some_and(|r| r.key == after.key) => return Ok(None),
            Some(after) => Some(after.key),
            None => last()?,
        },
    };
    let next: Option<i64> = tx
        .connection
        .prepare_cached("SELECT min(key) FROM messages WHERE owner = ?1 AND key BETWEEN ?2 AND ?3")?
        .query_row([tx.owner, after.map_or(low, |a| a + 1), high], |row| row.get(0))
        .optional()?
        .flatten();
    if let Some(row) = row
        && (next == Some(row.key) || (next.is_none() && after == Some(row.key)))
    {
        return Ok(None);
    }
    let relative = |key: Option<i64>| key.map(|k| k - low);
    if let Some(positions) = between(relative(after), relative(next), 1, MESSAGE_BOUNDS) {
        return Ok(positions.first().copied());
    }
    spread(tx, conversation)?;
    let moved = row.map(|r| find(tx.connection, tx.owner, conversation, r.id.as_deref().unwrap_or_default()));
    position_for(tx, conversation, place, moved.transpose()?.flatten().as_ref())
}

/// Makes gaps between all messages of a conversation.
fn spread(tx: &Transaction<'_>, conversation: i64) -> StoreResult<()> {
    let keys: Vec<i64> = rows(tx.connection, tx.owner, conversation)?.iter().map(|r| r.key).collect();
    let positions = arrange(&vec![None; keys.len()], MESSAGE_BOUNDS);
    // By way of negative keys, so that no message arrives where another still is.
    for key in &keys {
        renumber(tx, *key, -*key)?;
    }
    for (key, position) in keys.iter().zip(positions) {
        renumber(tx, -*key, (conversation << 32) + position)?;
    }
    Ok(())
}

fn renumber(tx: &Transaction<'_>, from: i64, to: i64) -> StoreResult<()> {
    tx.connection
        .prepare_cached("UPDATE messages SET key = ?3 WHERE owner = ?1 AND key = ?2")?
        .execute([tx.owner, from, to])?;
    tx.connection
        .prepare_cached("UPDATE asset_references SET holder = ?3 WHERE owner = ?1 AND holder = ?2")?
        .execute([tx.owner, from, to])?;
    Ok(())
}

/// A kept message at the place it had, or next to it where another one stands there now.
pub(super) fn bring_back(
    tx: &mut Transaction<'_>,
    found: &Found,
    parent: &str,
    body: &str,
    position: Option<i64>,
) -> StoreResult<Outcome> {
    let message = Row { body, columns: message_columns(body)?, hash: hash(body) };
    let mut room = None;
    while room.is_none() {
        let taken: Vec<i64> =
            rows(tx.connection, tx.owner, found.key)?.iter().map(|r| r.key & MESSAGE_BOUNDS.1).collect();
        let wanted = position.unwrap_or(MESSAGE_BOUNDS.1);
        let before = taken.iter().copied().filter(|p| *p < wanted).max();
        let after = taken.iter().copied().filter(|p| *p >= wanted).min();
        let free = position.filter(|_| after != Some(wanted));
        room = free.or_else(|| between(before, after, 1, MESSAGE_BOUNDS).and_then(|p| p.first().copied()));
        if room.is_none() {
            spread(tx, found.key)?;
        }
    }
    let revision = insert(tx, found.key, parent, &message, room.unwrap_or_default())?;
    conversation::touch(tx, found.key, revision, 1, size(body.len()))?;
    Ok(outcome(Effect::Created, revision, revision))
}

pub(super) fn delete(
    tx: &mut Transaction<'_>,
    parent: &Id,
    id: &Id,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let Some(found) = conversation::find(tx.connection, tx.owner, parent.as_str())? else {
        return Ok(outcome(Effect::Absent, 0, 0));
    };
    let Some(row) = find(tx.connection, tx.owner, found.key, id.as_str())? else {
        return Ok(outcome(Effect::Absent, 0, found.revision));
    };
    tx.check(precondition, Some(row.revision), || {
        body(tx.connection, tx.owner, row.key).map(|b| Some(Json::trusted(b)))
    })?;
    let revision = remove(tx, parent.as_str(), &row)?;
    conversation::touch(tx, found.key, revision, -1, -row.bytes)?;
    Ok(outcome(Effect::Deleted, revision, revision))
}

pub(super) fn append(
    tx: &mut Transaction<'_>,
    parent: &Id,
    id: &Id,
    fragment: &FragmentRef,
    text: &str,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let found = conversation_of(tx, parent)?;
    let row = find(tx.connection, tx.owner, found.key, id.as_str())?
        .ok_or_else(|| StoreError::MessageNotFound(id.as_str().to_owned()))?;
    let old = body(tx.connection, tx.owner, row.key)?;
    tx.check(precondition, Some(row.revision), || Ok(Some(Json::trusted(old.as_str()))))?;
    let end = end_of_text(&old, fragment)?;
    let quoted = json::quote(text);
    let new = [&old[..end], &quoted[1..quoted.len() - 1], &old[end..]].concat();
    let message = Row { body: &new, columns: message_columns(&new)?, hash: hash(&new) };
    let revision = update(tx, parent.as_str(), &row, &message)?;
    conversation::touch(tx, found.key, revision, 0, size(new.len()) - row.bytes)?;
    Ok(Outcome { body: Some(Json::trusted(new.as_str())), ..outcome(Effect::Updated, revision, revision) })
}

/// Where the closing quote of a text fragment's text stands.
fn end_of_text(body: &str, fragment: &FragmentRef) -> StoreResult<usize> {
    let refused = |why: &str| StoreError::InvalidBody(why.to_owned());
    let fragments = json::member(body, "fragments")
        .and_then(json::elements)
        .ok_or_else(|| refused("the message has no fragments"))?;
    let found = match fragment {
        FragmentRef::Index(index) => fragments.into_iter().nth(*index),
        FragmentRef::Id(id) => fragments
            .into_iter()
            .find(|f| json::member(f, "fId").and_then(json::as_text).is_some_and(|text| text == id.as_str())),
    };
    let part = found
        .and_then(|f| json::member(f, "part"))
        .ok_or_else(|| refused("the message has no such fragment"))?;
    let text = json::member(part, "text")
        .filter(|t| t.starts_with('"') && json::member(part, "pt") == Some("\"text\""))
        .ok_or_else(|| refused("the fragment has no text to append to"))?;
    // `text` is a slice of `body`, so its distance from the start is its place.
    Ok(text.as_ptr() as usize - body.as_ptr() as usize + text.len() - 1)
}
