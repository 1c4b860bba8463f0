//! The store's reads: each hands one call to a reader's thread.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tokio::sync::watch;

use super::keys::Keys;
use super::transaction::size;
use super::{
    Sqlite, asset, care, change, conversation, document, history, import, item, message, report, usage,
    verify,
};
use crate::asset::{Asset, AssetData};
use crate::change::Changes;
use crate::conversation::{Conversation, Message, Summary, SummaryFilter};
use crate::document::Document;
use crate::error::{ApplyError, StoreError, StoreResult};
use crate::history::{Version, VersionBody, VersionFilter};
use crate::import::ImportSession;
use crate::item::{Item, Kind};
use crate::json::Json;
use crate::owner::{Id, Owner};
use crate::page::Page;
use crate::report::Report;
use crate::revision::{Cursor, Epoch, Revision};
use crate::store::{
    Assets, Care, Check, ConversationChunk, ConversationKey, Conversations, Counts, Documents, Imports,
    Ledger, Log, Order, Outcome, Reports, Store, Write, Writer,
};
use crate::usage::{ServiceMetrics, UsageRow};

impl Sqlite {
    /// Runs a read for an owner; one that has never written has nothing to read.
    async fn read<T, F>(&self, owner: &Owner, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Keys, i64) -> StoreResult<T> + Send + 'static,
    {
        let keys = Arc::clone(&self.keys);
        let key = match self.known_owner(owner) {
            Some(key) => key,
            None => self.find_owner(owner).await?,
        };
        self.readers.run(move |connection| read(connection, &keys, key)).await
    }

    fn known_owner(&self, owner: &Owner) -> Option<i64> {
        self.owners.read().unwrap_or_else(PoisonError::into_inner).get(owner).copied()
    }

    async fn find_owner(&self, owner: &Owner) -> StoreResult<i64> {
        let name = owner.clone();
        let found = self.readers.run(move |connection| change::owner_key(connection, name.as_str())).await?;
        if let Some(key) = found {
            self.owners.write().unwrap_or_else(PoisonError::into_inner).insert(owner.clone(), key);
        }
        // No row has the number 0.
        Ok(found.unwrap_or(0))
    }
}

/// The keys of all conversations that changed after a revision, in an order.
pub(super) fn conversation_keys(
    connection: &Connection,
    owner: i64,
    order: Order,
    after: Revision,
) -> StoreResult<Vec<ConversationKey>> {
    // The index of the order does not have the revision: it is asked for only where it matters.
    let since = if after > 0 { "AND revision > ?2" } else { "AND ?2 = 0" };
    let order = match order {
        // NULL is the least of all, so it comes last in a descending order.
        Order::Recent => "updated DESC, created DESC, position",
        Order::List => "position",
    };
    let sql = format!("SELECT key FROM conversations WHERE owner = ?1 {since} ORDER BY {order}");
    let mut statement = connection.prepare_cached(&sql)?;
    let keys = statement.query_map([owner, after], |row| row.get(0))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// How many rows of a table an owner has, counted in an index.
fn count(connection: &Connection, owner: i64, table: &str) -> StoreResult<u64> {
    let sql = format!("SELECT count(*) FROM {table} WHERE owner = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([owner], |row| row.get(0))?)
}

/// The texts of some conversations.
pub(super) fn conversation_chunk(
    connection: &Connection,
    owner: i64,
    keys: &[ConversationKey],
    budget: usize,
    separator: u8,
) -> StoreResult<ConversationChunk> {
    let mut chunk = ConversationChunk::default();
    for key in keys {
        if chunk.taken > 0 && chunk.texts.len() >= budget {
            break;
        }
        chunk.taken += 1;
        let mut statement = connection.prepare_cached(
            "SELECT head, messages_at, message_bytes + message_count FROM conversations WHERE owner = ?1 AND key = ?2",
        )?;
        let mut rows = statement.query([owner, *key])?;
        let Some(row) = rows.next()? else { continue };
        let head = row.get_ref(0)?.as_str().map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let room: usize = row.get(2)?;
        chunk.texts.reserve(head.len() + room + 1);
        chunk.texts.push(separator);
        conversation::write_text(connection, owner, *key, head, row.get(1)?, &mut chunk.texts)?;
        chunk.ends.push(chunk.texts.len());
    }
    Ok(chunk)
}

fn whole(connection: &Connection, owner: i64, id: &str, messages: bool) -> StoreResult<Option<Conversation>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, head, messages_at, revision, head_revision, message_bytes, message_count
         FROM conversations WHERE owner = ?1 AND id = ?2",
    )?;
    let mut rows = statement.query(params![owner, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let head = row.get_ref(1)?.as_str().map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let (at, bytes, count): (Option<usize>, usize, usize) = (row.get(2)?, row.get(5)?, row.get(6)?);
    // Room for what an answer puts around it.
    let mut text = Vec::with_capacity(head.len() + 256 + if messages { bytes + count } else { 0 });
    let at = if messages { at } else { None };
    conversation::write_text(connection, owner, row.get(0)?, head, at, &mut text)?;
    let text = String::from_utf8(text).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    Ok(Some(Conversation { text, revision: row.get(3)?, head_revision: row.get(4)? }))
}

fn summaries(
    connection: &Connection,
    owner: i64,
    filter: &SummaryFilter,
    cursor: Option<&str>,
    limit: usize,
) -> StoreResult<Page<Summary>> {
    let place = cursor.map(parse_place).transpose()?;
    // NULLs come last: as a number below all others.
    let (updated, created, position) = place.unwrap_or((i64::MAX, i64::MAX, i64::MIN));
    let mut statement = connection.prepare_cached(
        "SELECT key, id, title, user_title, auto_title, system_purpose_id, is_archived, created, updated, token_count,
             message_count, revision, position
         FROM conversations
         WHERE owner = ?1 AND (?2 IS NULL OR is_archived = ?2) AND (?3 IS NULL OR updated >= ?3)
             AND (?4 IS NULL OR id IN (
                 SELECT conversation_id FROM folder_conversations
                 INNER JOIN folders ON folders.key = folder_conversations.folder
                 WHERE folder_conversations.owner = ?1 AND folders.id = ?4))
             AND (coalesce(updated, -9223372036854775807), coalesce(created, -9223372036854775807), -position)
                 < (?5, ?6, ?7)
         ORDER BY updated DESC, created DESC, position LIMIT ?8",
    )?;
    let mut rows = statement.query(params![
        owner,
        filter.archived,
        filter.updated_since,
        filter.folder,
        updated,
        created,
        position.saturating_neg(),
        size(limit) + 1
    ])?;
    let (mut items, mut next, mut more) = (Vec::new(), None, false);
    while let Some(row) = rows.next()? {
        if items.len() == limit {
            more = true;
            break;
        }
        let summary = Summary {
            folder_ids: Vec::new(),
            id: row.get(1)?,
            title: row.get(2)?,
            user_title: row.get(3)?,
            auto_title: row.get(4)?,
            system_purpose_id: row.get(5)?,
            is_archived: row.get(6)?,
            created: row.get(7)?,
            updated: row.get(8)?,
            token_count: row.get(9)?,
            message_count: row.get(10)?,
            revision: row.get(11)?,
        };
        let position: i64 = row.get(12)?;
        let least = -i64::MAX;
        next = Some(format!(
            "{}.{}.{position}",
            summary.updated.unwrap_or(least),
            summary.created.unwrap_or(least)
        ));
        items.push(summary);
    }
    add_folders(connection, owner, &mut items)?;
    Ok(Page { items, next: next.filter(|_| more) })
}

fn parse_place(cursor: &str) -> StoreResult<(i64, i64, i64)> {
    let numbers: Vec<i64> = cursor.split('.').filter_map(|n| n.parse().ok()).collect();
    match numbers[..] {
        [updated, created, position] => Ok((updated, created, position)),
        _ => Err(StoreError::InvalidBody("this cursor is not one that the list gave".to_owned())),
    }
}

/// Which folders list each conversation of a page.
fn add_folders(connection: &Connection, owner: i64, items: &mut [Summary]) -> StoreResult<()> {
    let place: HashMap<String, usize> = items.iter().enumerate().map(|(at, s)| (s.id.clone(), at)).collect();
    let ids = serde_json::to_string(&place.keys().collect::<Vec<_>>())
        .map_err(|e| StoreError::Internal(e.to_string()))?;
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT asked.value, folders.id, folders.position FROM json_each(?2) AS asked
         INNER JOIN folder_conversations
             ON folder_conversations.owner = ?1 AND folder_conversations.conversation_id = asked.value
         INNER JOIN folders ON folders.key = folder_conversations.folder
         ORDER BY folders.position",
    )?;
    let mut rows = statement.query(params![owner, ids])?;
    while let Some(row) = rows.next()? {
        if let Some(summary) = place.get(&row.get::<_, String>(0)?).and_then(|at| items.get_mut(*at)) {
            summary.folder_ids.push(row.get(1)?);
        }
    }
    Ok(())
}

fn one_message(
    connection: &Connection,
    owner: i64,
    conversation: &str,
    id: &str,
) -> StoreResult<Option<Message>> {
    let Some(found) = conversation::find(connection, owner, conversation)? else { return Ok(None) };
    let Some(row) = message::find(connection, owner, found.key, id)? else { return Ok(None) };
    let body: String = connection
        .prepare_cached("SELECT body FROM messages WHERE owner = ?1 AND key = ?2")?
        .query_row([owner, row.key], |row| row.get(0))?;
    Ok(Some(Message {
        body: Json::trusted(body),
        revision: row.revision,
        conversation_revision: found.revision,
    }))
}

fn message_page(
    connection: &Connection,
    owner: i64,
    conversation: &str,
    before: Option<&str>,
    limit: usize,
) -> StoreResult<Option<Page<Message>>> {
    let Some(found) = conversation::find(connection, owner, conversation)? else { return Ok(None) };
    let position = match before {
        None => message::MESSAGE_BOUNDS.1 + 1,
        Some(text) => text
            .parse::<i64>()
            .map_err(|_| StoreError::InvalidBody("this cursor is not one that the list gave".to_owned()))?
            .clamp(0, message::MESSAGE_BOUNDS.1 + 1),
    };
    let low = found.key << 32;
    let mut statement = connection.prepare_cached(
        "SELECT key, revision, body FROM messages WHERE owner = ?1 AND key >= ?2 AND key < ?3
         ORDER BY key DESC LIMIT ?4",
    )?;
    let rows = statement.query_map([owner, low, low + position, size(limit) + 1], |row| {
        let message = Message {
            body: Json::trusted(row.get::<_, String>(2)?),
            revision: row.get(1)?,
            conversation_revision: found.revision,
        };
        Ok((row.get::<_, i64>(0)?, message))
    })?;
    let mut rows: Vec<(i64, Message)> = rows.collect::<Result<_, _>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(key, _)| (key - low).to_string());
    rows.reverse();
    Ok(Some(Page { items: rows.into_iter().map(|(_, m)| m).collect(), next }))
}

#[async_trait]
impl Conversations for Sqlite {
    async fn conversation(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Conversation>> {
        let id = id.clone();
        self.read(owner, move |connection, _, owner| whole(connection, owner, id.as_str(), true)).await
    }

    async fn conversation_head(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Conversation>> {
        let id = id.clone();
        self.read(owner, move |connection, _, owner| whole(connection, owner, id.as_str(), false)).await
    }

    async fn conversation_keys(
        &self,
        owner: &Owner,
        order: Order,
        after: Revision,
    ) -> StoreResult<Vec<ConversationKey>> {
        self.read(owner, move |connection, _, owner| conversation_keys(connection, owner, order, after)).await
    }

    async fn conversation_count(&self, owner: &Owner) -> StoreResult<u64> {
        self.read(owner, |connection, _, owner| count(connection, owner, "conversations")).await
    }

    async fn conversation_chunk(
        &self,
        owner: &Owner,
        keys: Vec<ConversationKey>,
        budget: usize,
        separator: u8,
    ) -> StoreResult<ConversationChunk> {
        self.read(owner, move |connection, _, owner| {
            conversation_chunk(connection, owner, &keys, budget, separator)
        })
        .await
    }

    async fn summaries(
        &self,
        owner: &Owner,
        filter: &SummaryFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<Summary>> {
        let (filter, cursor) = (filter.clone(), cursor.map(str::to_owned));
        self.read(owner, move |connection, _, owner| {
            summaries(connection, owner, &filter, cursor.as_deref(), limit)
        })
        .await
    }

    async fn message(&self, owner: &Owner, conversation: &Id, id: &Id) -> StoreResult<Option<Message>> {
        let (conversation, id) = (conversation.clone(), id.clone());
        self.read(owner, move |connection, _, owner| {
            one_message(connection, owner, conversation.as_str(), id.as_str())
        })
        .await
    }

    async fn messages(
        &self,
        owner: &Owner,
        conversation: &Id,
        before: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<Message>>> {
        let (conversation, before) = (conversation.clone(), before.map(str::to_owned));
        self.read(owner, move |connection, _, owner| {
            message_page(connection, owner, conversation.as_str(), before.as_deref(), limit)
        })
        .await
    }
}

#[async_trait]
impl Documents for Sqlite {
    async fn document(
        &self,
        owner: &Owner,
        name: &Id,
        device: &str,
        shell: bool,
    ) -> StoreResult<Option<Document>> {
        let (name, device) = (name.clone(), device.to_owned());
        self.read(owner, move |connection, keys, owner| {
            document::get(connection, keys, owner, name.as_str(), &device, shell)
        })
        .await
    }

    async fn documents(&self, owner: &Owner, tables: bool) -> StoreResult<Vec<Document>> {
        self.read(owner, move |connection, keys, owner| document::list(connection, keys, owner, tables)).await
    }

    async fn items(&self, owner: &Owner, kind: Kind) -> StoreResult<Vec<Item>> {
        self.read(owner, move |connection, keys, owner| item::list(connection, keys, owner, kind)).await
    }

    async fn item(&self, owner: &Owner, kind: Kind, id: &Id) -> StoreResult<Option<Item>> {
        let id = id.clone();
        self.read(owner, move |connection, keys, owner| {
            item::find(connection, owner, kind, id.as_str())?
                .map(|row| {
                    let body = row.clear(keys, owner, kind)?;
                    Ok(Item { body, revision: row.revision, id: row.id })
                })
                .transpose()
        })
        .await
    }
}

#[async_trait]
impl Assets for Sqlite {
    async fn assets(&self, owner: &Owner, cursor: Option<&str>, limit: usize) -> StoreResult<Page<Asset>> {
        let cursor = cursor.map(str::to_owned);
        self.read(owner, move |connection, _, owner| asset::page(connection, owner, cursor.as_deref(), limit))
            .await
    }

    async fn asset(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Asset>> {
        let id = id.clone();
        self.read(owner, move |connection, _, owner| asset::get(connection, owner, id.as_str())).await
    }

    async fn asset_is_shown_since(&self, owner: &Owner, id: &Id, after: Revision) -> StoreResult<bool> {
        let id = id.clone();
        self.read(owner, move |connection, _, owner| {
            asset::is_shown_since(connection, owner, id.as_str(), after)
        })
        .await
    }

    async fn asset_count(&self, owner: &Owner) -> StoreResult<u64> {
        self.read(owner, |connection, _, owner| count(connection, owner, "assets")).await
    }

    async fn asset_data(&self, owner: &Owner, id: &Id) -> StoreResult<Option<AssetData>> {
        let id = id.clone();
        self.read(owner, move |connection, _, owner| asset::data(connection, owner, id.as_str())).await
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn metrics(&self, owner: &Owner) -> StoreResult<Vec<ServiceMetrics>> {
        self.read(owner, move |connection, _, owner| usage::metrics(connection, owner)).await
    }

    async fn known_usage(&self, owner: &Owner, keys: Vec<[u8; 16]>) -> StoreResult<HashSet<[u8; 16]>> {
        self.read(owner, move |connection, _, owner| usage::known_keys(connection, owner, keys)).await
    }

    async fn usage(&self, owner: &Owner, cursor: Option<&str>, limit: usize) -> StoreResult<Page<UsageRow>> {
        let cursor = cursor.map(str::to_owned);
        self.read(owner, move |connection, _, owner| usage::page(connection, owner, cursor.as_deref(), limit))
            .await
    }
}

#[async_trait]
impl Imports for Sqlite {
    async fn imports(&self, owner: &Owner) -> StoreResult<Vec<ImportSession>> {
        self.read(owner, |connection, _, owner| import::list(connection, owner)).await
    }

    async fn import(&self, owner: &Owner, id: &Id) -> StoreResult<Option<ImportSession>> {
        let id = id.clone();
        self.read(owner, move |connection, _, owner| import::get(connection, owner, id.as_str())).await
    }

    async fn import_undo(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Json>> {
        let id = id.clone();
        self.read(owner, move |connection, keys, owner| import::undo(connection, keys, owner, id.as_str()))
            .await
    }
}

#[async_trait]
impl Reports for Sqlite {
    async fn reports(
        &self,
        owner: &Owner,
        kind: Option<&str>,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<Report>> {
        let (kind, cursor) = (kind.map(str::to_owned), cursor.map(str::to_owned));
        self.read(owner, move |connection, _, owner| {
            report::page(connection, owner, kind.as_deref(), cursor.as_deref(), limit)
        })
        .await
    }
}

#[async_trait]
impl Log for Sqlite {
    async fn changes(
        &self,
        owner: &Owner,
        after: Option<&Cursor>,
        limit: usize,
        kinds: &[String],
    ) -> StoreResult<Changes> {
        let (after, kinds, epoch) = (after.cloned(), kinds.to_vec(), self.epoch());
        self.read(owner, move |connection, _, owner| {
            change::after(connection, owner, &epoch, after.as_ref(), limit, &kinds)
        })
        .await
    }

    async fn cursor(&self, owner: &Owner) -> StoreResult<Cursor> {
        let epoch = self.epoch();
        let seq = self.read(owner, move |connection, _, owner| change::last_seq(connection, owner)).await?;
        Ok(Cursor { epoch, seq })
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    async fn versions(
        &self,
        owner: &Owner,
        filter: &VersionFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<Version>> {
        let (filter, cursor) = (filter.clone(), cursor.map(str::to_owned));
        self.read(owner, move |connection, _, owner| {
            history::page(connection, owner, &filter, cursor.as_deref(), limit)
        })
        .await
    }

    async fn version(&self, owner: &Owner, revision: Revision) -> StoreResult<Option<VersionBody>> {
        self.read(owner, move |connection, keys, owner| history::get(connection, keys, owner, revision)).await
    }
}

#[async_trait]
impl Care for Sqlite {
    async fn backup(&self, to: &Path) -> StoreResult<()> {
        let (from, to) = (self.path.clone(), to.to_owned());
        self.readers.run_apart(move |_| care::backup(&from, &to)).await
    }

    async fn verify(&self) -> StoreResult<Vec<Check>> {
        let keys = Arc::clone(&self.keys);
        self.readers.run_apart(move |connection| verify::verify(connection, &keys)).await
    }

    async fn content_hash(&self) -> StoreResult<String> {
        let keys = Arc::clone(&self.keys);
        self.readers.run_apart(move |connection| verify::content_hash(connection, &keys)).await
    }

    async fn counts(&self) -> StoreResult<Counts> {
        let path = self.path.clone();
        self.readers.run(move |connection| care::counts(connection, &path)).await
    }

    async fn ping(&self) -> StoreResult<()> {
        let path = self.path.clone();
        self.readers.run(move |connection| care::ping(connection, &path)).await?;
        match &self.queue {
            Some(queue) => queue.ping().await,
            None => Ok(()),
        }
    }

    async fn begin_epoch(&self) -> StoreResult<Epoch> {
        let queue = self.queue.as_ref().ok_or(StoreError::ReadOnly)?;
        let epoch = queue.new_epoch().await?;
        *self.epoch.write().unwrap_or_else(PoisonError::into_inner) = epoch.clone();
        Ok(epoch)
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn apply(&self, writer: &Writer, writes: Vec<Write>) -> Result<Vec<Outcome>, ApplyError> {
        let queue = self.queue.as_ref().ok_or(StoreError::ReadOnly)?;
        queue.apply(writer.clone(), writes).await
    }

    fn epoch(&self) -> Epoch {
        self.epoch.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
