//! Conversations: a head row, and its messages beside it.

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message::{self, MESSAGE_BOUNDS, Row};
use super::transaction::{Changed, Kept, Transaction, hash, size};
use crate::conversation::{Parts, split};
use crate::error::{StoreError, StoreResult};
use crate::item::Kind;
use crate::json::{Json, Node};
use crate::owner::Id;
use crate::position::{STEP, arrange, between};
use crate::revision::{Precondition, Revision};
use crate::store::{Edit, Effect, Outcome, Place};

/// Where in the list a conversation may be.
pub(super) const LIST_BOUNDS: (i64, i64) = (-(1 << 60), 1 << 60);

/// A conversation's row without its head.
pub(super) struct Found {
    pub(super) key: i64,
    pub(super) position: i64,
    pub(super) head_revision: Revision,
    pub(super) revision: Revision,
    pub(super) hash: [u8; 16],
    pub(super) messages_at: Option<usize>,
    pub(super) message_count: i64,
    pub(super) message_bytes: i64,
}

pub(super) fn find(connection: &Connection, owner: i64, id: &str) -> StoreResult<Option<Found>> {
    Ok(connection
        .prepare_cached(
            "SELECT key, position, head_revision, revision, hash, messages_at, message_count, message_bytes
             FROM conversations WHERE owner = ?1 AND id = ?2",
        )?
        .query_row(params![owner, id], |row| {
            Ok(Found {
                key: row.get(0)?,
                position: row.get(1)?,
                head_revision: row.get(2)?,
                revision: row.get(3)?,
                hash: row.get(4)?,
                messages_at: row.get(5)?,
                message_count: row.get(6)?,
                message_bytes: row.get(7)?,
            })
        })
        .optional()?)
}

pub(super) fn head(connection: &Connection, owner: i64, key: i64) -> StoreResult<String> {
    Ok(connection
        .prepare_cached("SELECT head FROM conversations WHERE owner = ?1 AND key = ?2")?
        .query_row([owner, key], |row| row.get(0))?)
}

/// Appends the whole text of a conversation to `out`.
pub(super) fn write_text(
    connection: &Connection,
    owner: i64,
    key: i64,
    head: &str,
    messages_at: Option<usize>,
    out: &mut Vec<u8>,
) -> StoreResult<()> {
    let Some(at) = messages_at else {
        out.extend_from_slice(head.as_bytes());
        return Ok(());
    };
    out.extend_from_slice(&head.as_bytes()[..at]);
    let mut statement = connection.prepare_cached(
        "SELECT body FROM messages WHERE owner = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key",
    )?;
    let mut rows = statement.query([owner, key << 32, (key << 32) + MESSAGE_BOUNDS.1])?;
    let mut first = true;
    while let Some(row) = rows.next()? {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(row.get_ref(0)?.as_bytes().map_err(|e| StoreError::Corrupt(e.to_string()))?);
    }
    out.extend_from_slice(&head.as_bytes()[at..]);
    Ok(())
}

/// The whole text of one conversation.
pub(super) fn text(connection: &Connection, owner: i64, found: &Found) -> StoreResult<String> {
    let mut out = Vec::new();
    let head = head(connection, owner, found.key)?;
    write_text(connection, owner, found.key, &head, found.messages_at, &mut out)?;
    String::from_utf8(out).map_err(|e| StoreError::Corrupt(e.to_string()))
}

pub(super) fn put(
    tx: &mut Transaction<'_>,
    id: &Id,
    body: &Json,
    place: &Place,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let parts = split(body.as_str())?;
    if parts.id != *id {
        return Err(StoreError::InvalidBody("Conversation ID mismatch".to_owned()));
    }
    let found = find(tx.connection, tx.owner, id.as_str())?;
    let position = place_for(tx, place, found.as_ref())?;
    put_parts(tx, &parts, found.as_ref(), position, precondition)
}

/// Replaces or creates a conversation; `moved_to` is its new position, where it gets one.
pub(super) fn put_parts(
    tx: &mut Transaction<'_>,
    parts: &Parts<'_>,
    found: Option<&Found>,
    moved_to: Option<i64>,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let started = Instant::now();
    let messages = message::prepare(&parts.messages)?;
    let Some(found) = found else {
        tx.check(precondition, None, || Ok(None))?;
        let position = moved_to.map_or_else(|| first(tx), Ok)?;
        return insert(tx, parts, &messages, position, started);
    };
    let id = &parts.id;
    let rows = message::rows(tx.connection, tx.owner, found.key)?;
    let matched = message::match_rows(&rows, &messages);
    let same_head = found.hash == hash(&parts.head);
    if same_head && moved_to.is_none() && message::is_same(&rows, &messages, &matched) {
        let mut outcome = unchanged(found);
        outcome.messages.unchanged = messages.len() as u64;
        return Ok(outcome);
    }
    tx.check(precondition, Some(found.revision), || {
        text(tx.connection, tx.owner, found).map(|t| Some(Json::trusted(t)))
    })?;
    let mut revision = found.revision;
    let counts = message::replace(tx, found.key, id.as_str(), &rows, &messages, &matched, &mut revision)?;
    let mut head_revision = found.head_revision;
    if !same_head || moved_to.is_some() {
        head_revision = change_head(tx, found, parts, started)?;
        revision = head_revision;
    }
    let totals = Totals { count: size(messages.len()), bytes: message::total(&messages) };
    update_row(tx, found, parts, moved_to.unwrap_or(found.position), totals, (head_revision, revision))?;
    Ok(Outcome {
        effect: Effect::Updated,
        revision,
        conversation_revision: revision,
        messages: counts,
        ..Outcome::default()
    })
}

/// The place of a new first conversation.
fn first(tx: &Transaction<'_>) -> StoreResult<i64> {
    let least: Option<i64> = tx
        .connection
        .prepare_cached("SELECT min(position) FROM conversations WHERE owner = ?1")?
        .query_row([tx.owner], |row| row.get(0))?;
    Ok(least.map_or(0, |p| p - STEP))
}

/// The position that `place` asks for; `None` when the conversation stays, or none is asked for.
fn place_for(tx: &mut Transaction<'_>, place: &Place, found: Option<&Found>) -> StoreResult<Option<i64>> {
    let after = match place {
        Place::Usual => return Ok(None),
        Place::First => None,
        Place::After(id) => match find(tx.connection, tx.owner, id)? {
            Some(after) if found.is_some_and(|f| f.key == after.key) => return Ok(None),
            Some(after) => Some(after.position),
            None => tx
                .connection
                .prepare_cached("SELECT max(position) FROM conversations WHERE owner = ?1")?
                .query_row([tx.owner], |row| row.get(0))?,
        },
    };
    let next: Option<(i64, i64)> = tx
        .connection
        .prepare_cached(
            "SELECT position, key FROM conversations WHERE owner = ?1 AND position > ?2 ORDER BY position LIMIT 1",
        )?
        .query_row([tx.owner, after.unwrap_or(i64::MIN)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some(found) = found
        && next.is_some_and(|(_, key)| key == found.key)
    {
        return Ok(None);
    }
    if after.is_none() && next.is_none() {
        return Ok(Some(0));
    }
    if let Some(positions) = between(after, next.map(|n| n.0), 1, LIST_BOUNDS) {
        return Ok(positions.first().copied());
    }
    spread(tx)?;
    place_for(tx, place, found)
}

/// Makes gaps between all conversations of the list.
fn spread(tx: &Transaction<'_>) -> StoreResult<()> {
    tx.connection.execute(
        "UPDATE conversations SET position = ranked.rank * ?2 FROM (
             SELECT key, row_number() OVER (ORDER BY position) AS rank FROM conversations WHERE owner = ?1
         ) AS ranked WHERE conversations.key = ranked.key AND conversations.owner = ?1",
        [tx.owner, STEP],
    )?;
    Ok(())
}

fn unchanged(found: &Found) -> Outcome {
    Outcome { revision: found.revision, conversation_revision: found.revision, ..Outcome::default() }
}

/// A new conversation at `position`.
pub(super) fn insert(
    tx: &mut Transaction<'_>,
    parts: &Parts<'_>,
    messages: &[Row<'_>],
    position: i64,
    started: Instant,
) -> StoreResult<Outcome> {
    let head_revision = tx.seq + 1;
    tx.connection
        .prepare_cached(
            "INSERT INTO conversations (owner, id, position, user_title, auto_title, is_archived, system_purpose_id,
                 created, updated, token_count, message_count, message_bytes, messages_at, head_revision, revision, hash, head)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            tx.owner,
            parts.id.as_str(),
            position,
            parts.columns.user_title,
            parts.columns.auto_title,
            parts.columns.is_archived,
            parts.columns.system_purpose_id,
            parts.columns.created,
            parts.columns.updated,
            parts.columns.token_count,
            size(messages.len()),
            message::total(messages),
            parts.messages_at.map(size),
            head_revision,
            // The messages follow, one change each.
            head_revision + size(messages.len()),
            hash(&parts.head),
            parts.head
        ])?;
    let key = tx.connection.last_insert_rowid();
    if key >= 1 << 31 {
        return Err(StoreError::Internal(
            "the database has no number left for another conversation".to_owned(),
        ));
    }
    let change = Changed {
        kind: Kind::Conversation,
        parent: None,
        id: parts.id.as_str(),
        before: None,
        after: Some(size(parts.head.len())),
        started,
    };
    tx.change(&change)?;
    let positions = arrange(&vec![None; messages.len()], MESSAGE_BOUNDS);
    for (message, position) in messages.iter().zip(positions) {
        message::insert(tx, key, parts.id.as_str(), message, position)?;
    }
    let mut outcome = Outcome { effect: Effect::Created, revision: tx.seq, ..Outcome::default() };
    outcome.conversation_revision = tx.seq;
    outcome.messages.inserted = messages.len() as u64;
    Ok(outcome)
}

/// Keeps the old head and enters the change; the row itself is written by [`update_row`].
fn change_head(
    tx: &mut Transaction<'_>,
    found: &Found,
    parts: &Parts<'_>,
    started: Instant,
) -> StoreResult<Revision> {
    let old = head(tx.connection, tx.owner, found.key)?;
    if old != parts.head {
        let kept = Kept {
            id: parts.id.as_str(),
            revision: found.head_revision,
            position: Some(found.position),
            bytes: size(old.len()),
            text: Some(&old),
            ..Kept::default()
        };
        tx.keep(Kind::Conversation, &kept)?;
    }
    tx.change(&Changed {
        kind: Kind::Conversation,
        parent: None,
        id: parts.id.as_str(),
        before: Some(size(old.len())),
        after: Some(size(parts.head.len())),
        started,
    })
}

/// How many messages a conversation has, and their size.
#[derive(Clone, Copy)]
struct Totals {
    count: i64,
    bytes: i64,
}

fn update_row(
    tx: &Transaction<'_>,
    found: &Found,
    parts: &Parts<'_>,
    position: i64,
    totals: Totals,
    (head_revision, revision): (Revision, Revision),
) -> StoreResult<()> {
    tx.connection
        .prepare_cached(
            "UPDATE conversations SET position = ?3, user_title = ?4, auto_title = ?5, is_archived = ?6,
                 system_purpose_id = ?7, created = ?8, updated = ?9, token_count = ?10, message_count = ?11,
                 message_bytes = ?12, messages_at = ?13, head_revision = ?14, revision = ?15, hash = ?16, head = ?17
             WHERE owner = ?1 AND key = ?2",
        )?
        .execute(params![
            tx.owner,
            found.key,
            position,
            parts.columns.user_title,
            parts.columns.auto_title,
            parts.columns.is_archived,
            parts.columns.system_purpose_id,
            parts.columns.created,
            parts.columns.updated,
            parts.columns.token_count,
            totals.count,
            totals.bytes,
            parts.messages_at.map(size),
            head_revision,
            revision,
            hash(&parts.head),
            parts.head
        ])?;
    Ok(())
}

/// Enters that a message changed: the head stays.
pub(super) fn touch(
    tx: &Transaction<'_>,
    key: i64,
    revision: Revision,
    count: i64,
    bytes: i64,
) -> StoreResult<()> {
    tx.connection
        .prepare_cached(
            "UPDATE conversations SET revision = ?3, message_count = message_count + ?4,
                 message_bytes = message_bytes + ?5 WHERE owner = ?1 AND key = ?2",
        )?
        .execute([tx.owner, key, revision, count, bytes])?;
    Ok(())
}

pub(super) fn edit(
    tx: &mut Transaction<'_>,
    id: &Id,
    edit: &Edit,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let Some(found) = find(tx.connection, tx.owner, id.as_str())? else {
        tx.check(precondition, None, || Ok(None))?;
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    };
    let old = head(tx.connection, tx.owner, found.key)?;
    let before = Node::parse(&old);
    let mut after = before.clone();
    super::item::apply_edit(&mut after, edit)?;
    if after.get("id") != before.get("id") || after.get("messages") != before.get("messages") {
        return Err(StoreError::InvalidBody(
            "a patch of a conversation changes neither \"id\" nor \"messages\"".to_owned(),
        ));
    }
    let new = if after == before { old.clone() } else { after.to_json().as_str().to_owned() };
    put_head(tx, &found, &new, precondition)
}

/// Replaces the head and keeps the messages.
pub(super) fn put_head(
    tx: &mut Transaction<'_>,
    found: &Found,
    head: &str,
    precondition: &Precondition,
) -> StoreResult<Outcome> {
    let started = Instant::now();
    let parts = split(head)?;
    let body = Some(crate::conversation::head_without_messages(head));
    if hash(&parts.head) == found.hash {
        return Ok(Outcome { body, revision: found.head_revision, ..unchanged(found) });
    }
    tx.check(precondition, Some(found.head_revision), || {
        let current = self::head(tx.connection, tx.owner, found.key)?;
        Ok(Some(crate::conversation::head_without_messages(&current)))
    })?;
    let revision = change_head(tx, found, &parts, started)?;
    let totals = Totals { count: found.message_count, bytes: found.message_bytes };
    update_row(tx, found, &parts, found.position, totals, (revision, revision))?;
    Ok(Outcome {
        effect: Effect::Updated,
        revision,
        conversation_revision: revision,
        body,
        ..Outcome::default()
    })
}

pub(super) fn delete(tx: &mut Transaction<'_>, id: &Id, precondition: &Precondition) -> StoreResult<Outcome> {
    let started = Instant::now();
    let Some(found) = find(tx.connection, tx.owner, id.as_str())? else {
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    };
    tx.check(precondition, Some(found.revision), || {
        text(tx.connection, tx.owner, &found).map(|t| Some(Json::trusted(t)))
    })?;
    let whole = text(tx.connection, tx.owner, &found)?;
    let kept = Kept {
        id: id.as_str(),
        revision: found.revision,
        deleted: true,
        position: Some(found.position),
        bytes: size(whole.len()),
        text: Some(&whole),
        ..Kept::default()
    };
    let version = tx.keep(Kind::Conversation, &kept)?;
    let (low, high) = (found.key << 32, (found.key << 32) + MESSAGE_BOUNDS.1);
    tx.connection
        .prepare_cached("DELETE FROM asset_references WHERE owner = ?1 AND holder BETWEEN ?2 AND ?3")?
        .execute([tx.owner, low, high])?;
    if let Some(version) = version {
        super::asset::refer(tx, -version, &whole)?;
    }
    tx.connection
        .prepare_cached("DELETE FROM messages WHERE owner = ?1 AND key BETWEEN ?2 AND ?3")?
        .execute([tx.owner, low, high])?;
    tx.connection
        .prepare_cached("DELETE FROM conversations WHERE owner = ?1 AND key = ?2")?
        .execute([tx.owner, found.key])?;
    let revision = tx.change(&Changed {
        kind: Kind::Conversation,
        parent: None,
        id: id.as_str(),
        before: Some(size(whole.len())),
        after: None,
        started,
    })?;
    let mut outcome = Outcome { effect: Effect::Deleted, revision, ..Outcome::default() };
    outcome.conversation_revision = revision;
    outcome.messages.deleted = u64::try_from(found.message_count).unwrap_or(0);
    Ok(outcome)
}
