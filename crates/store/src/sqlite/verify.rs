//! Reads everything and compares it: derived columns with their JSON, blobs with their hashes, secrets with the key.

use rusqlite::Connection;

use super::item::{self, KINDS};
use super::keys::Keys;
use super::transaction::{clear, context, hash};
use super::{conversation, document};
use crate::conversation::{message_columns, split};
use crate::error::{StoreError, StoreResult};
use crate::item::Kind;
use crate::json::{self, Json};
use crate::store::Check;

/// So many problems of one check are named.
const NAMED: usize = 100;

struct Findings {
    check: Check,
    more: usize,
}

impl Findings {
    fn new(name: &'static str) -> Self {
        Self { check: Check { name, checked: 0, problems: Vec::new() }, more: 0 }
    }

    fn expect(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if holds {
            return;
        }
        if self.check.problems.len() < NAMED {
            self.check.problems.push(problem());
        } else {
            self.more += 1;
        }
    }

    fn end(mut self) -> Check {
        if self.more > 0 {
            self.check.problems.push(format!("… and {} more", self.more));
        }
        self.check
    }
}

pub(super) fn verify(connection: &Connection, keys: &Keys) -> StoreResult<Vec<Check>> {
    Ok(vec![
        integrity(connection)?,
        foreign_keys(connection)?,
        conversations(connection)?,
        messages(connection)?,
        entities(connection, keys)?,
        documents(connection, keys)?,
        blobs(connection)?,
        assets(connection)?,
        sequence(connection)?,
    ])
}

fn integrity(connection: &Connection) -> StoreResult<Check> {
    let mut findings = Findings::new("integrity");
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        findings.check.checked += 1;
        findings.expect(line == "ok", || line);
    }
    Ok(findings.end())
}

fn foreign_keys(connection: &Connection) -> StoreResult<Check> {
    let mut findings = Findings::new("foreign_keys");
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, key, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        findings.expect(false, || format!("{table} row {key:?} refers to a missing row of {parent}"));
    }
    findings.check.checked = 1;
    Ok(findings.end())
}

fn conversations(connection: &Connection) -> StoreResult<Check> {
    let mut findings = Findings::new("conversations");
    let mut statement = connection.prepare(
        "SELECT id, head, hash, messages_at, message_count, message_bytes, user_title, auto_title, is_archived,
             system_purpose_id, created, updated, token_count,
             (SELECT count(*) FROM messages WHERE conversation = conversations.key),
             (SELECT coalesce(sum(bytes), 0) FROM messages WHERE conversation = conversations.key),
             (SELECT coalesce(max(revision), 0) FROM messages WHERE conversation = conversations.key),
             revision, head_revision
         FROM conversations",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        findings.check.checked += 1;
        let (id, head): (String, String) = (row.get(0)?, row.get(1)?);
        let Ok(checked) = json::check(&head) else {
            findings.expect(false, || format!("the head of conversation '{id}' is not JSON"));
            continue;
        };
        let parts = match split(checked) {
            Ok(parts) => parts,
            Err(error) => {
                findings.expect(false, || format!("the head of conversation '{id}': {error}"));
                continue;
            }
        };
        let columns = crate::conversation::Columns {
            user_title: row.get(6)?,
            auto_title: row.get(7)?,
            is_archived: row.get(8)?,
            system_purpose_id: row.get(9)?,
            created: row.get(10)?,
            updated: row.get(11)?,
            token_count: row.get(12)?,
        };
        let same = parts.id.as_str() == id
            && parts.columns == columns
            && parts.messages_at == row.get(3)?
            && hash(&head) == row.get::<_, [u8; 16]>(2)?;
        findings.expect(same, || format!("the columns of conversation '{id}' are not those of its JSON"));
        let totals = row.get::<_, i64>(4)? == row.get::<_, i64>(13)?
            && row.get::<_, i64>(5)? == row.get::<_, i64>(14)?;
        findings.expect(totals, || format!("the message count or size of conversation '{id}' is wrong"));
        let revision: i64 = row.get(16)?;
        let latest = row.get::<_, i64>(15)?.max(row.get(17)?);
        findings.expect(revision >= latest, || format!("conversation '{id}' is older than what is in it"));
    }
    Ok(findings.end())
}

fn messages(connection: &Connection) -> StoreResult<Check> {
    let mut findings = Findings::new("messages");
    let mut statement = connection.prepare(
        "SELECT key, conversation, id, role, created, updated, vendor_id, model_id, pending, bytes, hash, body FROM messages",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        findings.check.checked += 1;
        let (key, conversation): (i64, i64) = (row.get(0)?, row.get(1)?);
        let body: String = row.get(11)?;
        let columns = crate::conversation::MessageColumns {
            id: row.get(2)?,
            role: row.get(3)?,
            created: row.get(4)?,
            updated: row.get(5)?,
            vendor_id: row.get(6)?,
            model_id: row.get(7)?,
            pending: row.get(8)?,
        };
        let same = json::check(&body).is_ok_and(|checked| checked.len() == body.len())
            && message_columns(&body).is_ok_and(|derived| derived == columns)
            && row.get::<_, i64>(9)? == super::transaction::size(body.len())
            && hash(&body) == row.get::<_, [u8; 16]>(10)?
            && key >> 32 == conversation;
        findings.expect(same, || format!("the columns of message row {key} are not those of its JSON"));
    }
    Ok(findings.end())
}

fn owners(connection: &Connection) -> StoreResult<Vec<(i64, String)>> {
    let mut statement = connection.prepare("SELECT key, name FROM owners ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The hash of a clear text as its column has it.
fn content(keys: &Keys, sealed: bool, text: &str) -> StoreResult<[u8; 16]> {
    if !sealed {
        return Ok(hash(text));
    }
    keys.current().map(|k| k.hash(text)).ok_or_else(|| StoreError::Corrupt("the key is missing".to_owned()))
}

fn entities(connection: &Connection, keys: &Keys) -> StoreResult<Check> {
    let mut findings = Findings::new("entities");
    for (owner, _) in owners(connection)? {
        for kind in KINDS {
            for row in item::rows(connection, owner, kind)? {
                findings.check.checked += 1;
                let same = row.clear(keys, owner, kind).and_then(|body| {
                    Ok(json::check(body.as_str()).is_ok()
                        && content(keys, row.sealed.is_some(), body.as_str())? == row.hash)
                });
                findings.expect(same == Ok(true), || {
                    format!("{} '{}' does not match its hash", kind.name(), row.id)
                });
            }
        }
    }
    Ok(findings.end())
}

fn documents(connection: &Connection, keys: &Keys) -> StoreResult<Check> {
    let mut findings = Findings::new("documents");
    let mut statement =
        connection.prepare("SELECT owner, name, device, hash, sealed, data FROM documents")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        findings.check.checked += 1;
        let (owner, name, device): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let sealed: Option<Vec<u8>> = row.get(4)?;
        let is_sealed = sealed.is_some();
        let place = context(owner, Kind::Document, &format!("{name}/{device}"));
        let expected: [u8; 16] = row.get(3)?;
        let same = clear(keys, &place, row.get(5)?, sealed).and_then(|data| {
            Ok(json::check(data.as_str()).is_ok() && content(keys, is_sealed, data.as_str())? == expected)
        });
        findings.expect(same == Ok(true), || format!("document '{name}' does not match its hash"));
    }
    Ok(findings.end())
}

fn blobs(connection: &Connection) -> StoreResult<Check> {
    let mut findings = Findings::new("blobs");
    let mut statement = connection.prepare("SELECT hash, size, bytes FROM blobs")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        findings.check.checked += 1;
        let bytes = row.get_ref(2)?.as_blob().map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let expected: [u8; 32] = row.get(0)?;
        let same = *blake3::hash(bytes).as_bytes() == expected
            && row.get::<_, i64>(1)? == super::transaction::size(bytes.len());
        findings.expect(same, || {
            format!("the bytes of blob {:02x}{:02x}… are not what was stored", expected[0], expected[1])
        });
    }
    Ok(findings.end())
}

fn assets(connection: &Connection) -> StoreResult<Check> {
    let mut findings = Findings::new("assets");
    let mut statement = connection.prepare("SELECT id, hash, body FROM assets")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        findings.check.checked += 1;
        let (id, body): (String, String) = (row.get(0)?, row.get(2)?);
        let same = json::check(&body).is_ok() && hash(&body) == row.get::<_, [u8; 16]>(1)?;
        findings.expect(same, || format!("the record of asset '{id}' does not match its hash"));
    }
    Ok(findings.end())
}

fn sequence(connection: &Connection) -> StoreResult<Check> {
    let mut findings = Findings::new("sequence");
    for (owner, name) in owners(connection)? {
        findings.check.checked += 1;
        let (last, newest): (i64, i64) = connection.query_row(
            "SELECT last_seq, (SELECT coalesce(max(seq), 0) FROM changes WHERE owner = ?1) FROM owners WHERE key = ?1",
            [owner],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        findings
            .expect(last == newest, || format!("the changes of owner '{name}' end at {newest}, not {last}"));
    }
    Ok(findings.end())
}

/// A hash over what the owners have, in clear text and in its order: not over revisions, changes, history or usage.
pub(super) fn content_hash(connection: &Connection, keys: &Keys) -> StoreResult<String> {
    let mut hasher = blake3::Hasher::new();
    let mut add = |fields: &[&str]| {
        for field in fields {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
    };
    for (owner, name) in owners(connection)? {
        let mut statement = connection.prepare(
            "SELECT key, id, head, messages_at FROM conversations WHERE owner = ?1 ORDER BY position",
        )?;
        let mut rows = statement.query([owner])?;
        while let Some(row) = rows.next()? {
            let (id, head): (String, String) = (row.get(1)?, row.get(2)?);
            let mut text = Vec::new();
            conversation::write_text(connection, owner, row.get(0)?, &head, row.get(3)?, &mut text)?;
            add(&[&name, "conversation", &id, &String::from_utf8_lossy(&text)]);
        }
        for kind in KINDS {
            for row in item::rows(connection, owner, kind)? {
                add(&[&name, kind.name(), &row.id, row.clear(keys, owner, kind)?.as_str()]);
            }
        }
        let mut statement = connection.prepare(
            "SELECT name, device, coalesce(version, ''), bare, beside, sealed, data
             FROM documents WHERE owner = ?1 ORDER BY name, device",
        )?;
        let mut rows = statement.query([owner])?;
        while let Some(row) = rows.next()? {
            let (document, device): (String, String) = (row.get(0)?, row.get(1)?);
            let place = context(owner, Kind::Document, &format!("{document}/{device}"));
            let data = clear(keys, &place, row.get(6)?, row.get(5)?)?;
            let bare = if row.get(3)? { "bare" } else { "" };
            let (version, beside): (String, Option<String>) = (row.get(2)?, row.get(4)?);
            let beside = document::open_beside(keys, &place, beside.as_deref())?;
            let beside = beside.as_ref().map_or("", Json::as_str);
            add(&[&name, "document", &document, &device, &version, bare, beside, data.as_str()]);
        }
        let mut statement = connection.prepare(
            "SELECT id, body, coalesce(hex(blob), ''), coalesce(data_at, -1) FROM assets WHERE owner = ?1 ORDER BY id",
        )?;
        let mut rows = statement.query([owner])?;
        while let Some(row) = rows.next()? {
            let (id, body, blob, at): (String, String, String, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            add(&[&name, "asset", &id, &body, &blob, &at.to_string()]);
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}
