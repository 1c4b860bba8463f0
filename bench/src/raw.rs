//! The raw limits: what rusqlite alone needs for the same rows in the same tables, with the same settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use holdfast_store::conversation::{self, Columns, MessageColumns};
use holdfast_store::usage::{self, MessageUsage};
use rusqlite::{Connection, OpenFlags, params};

/// All migrations, in their order.
const SCHEMA: [&str; 3] = [
    include_str!("../../crates/store/migrations/sqlite/0001_initial.sql"),
    include_str!("../../crates/store/migrations/sqlite/0002_reports.sql"),
    include_str!("../../crates/store/migrations/sqlite/0003_imports.sql"),
];
/// Conversations per commit: one of each of the 32 clients.
pub const GROUP: usize = 32;
const STEP: i64 = 1 << 16;
const NOW: i64 = 1_750_000_000_000;

/// A conversation with all its columns: taken apart before the clock starts.
pub struct Prepared {
    id: String,
    head: String,
    messages_at: Option<i64>,
    columns: Columns,
    messages: Vec<PreparedMessage>,
}

struct PreparedMessage {
    body: String,
    columns: MessageColumns,
    usage: Option<MessageUsage>,
}

/// Takes a conversation apart as Holdfast does.
pub fn prepare(text: &str) -> Result<Prepared> {
    let parts = conversation::split(text)?;
    let mut messages = Vec::with_capacity(parts.messages.len());
    for body in parts.messages {
        let (columns, usage) = (conversation::message_columns(body)?, usage::of_message(body));
        messages.push(PreparedMessage { body: body.to_owned(), columns, usage });
    }
    Ok(Prepared {
        id: parts.id.as_str().to_owned(),
        head: parts.head,
        messages_at: parts.messages_at.map(|at| at as i64),
        columns: parts.columns,
        messages,
    })
}

/// A new file with Holdfast's schema and its settings.
pub fn create(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "page_size", 16_384)?;
    connection.pragma_update(None, "application_id", 0x484f_4c44)?;
    let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(&SCHEMA.concat())?;
    connection.pragma_update(None, "user_version", SCHEMA.len() as i64)?;
    connection.execute("INSERT INTO owners (name) VALUES ('local')", [])?;
    Ok(connection)
}

/// Writes new conversations in groups, each group one durable commit.
pub struct Writer {
    connection: Connection,
    seq: i64,
    position: i64,
}

impl Writer {
    pub fn new(connection: Connection) -> Self {
        Self { connection, seq: 0, position: 0 }
    }

    /// Gives the time it took.
    pub fn write(&mut self, conversations: &[Prepared]) -> Result<Duration> {
        let started = Instant::now();
        for group in conversations.chunks(GROUP) {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            for conversation in group {
                self.one(conversation)?;
            }
            self.finish()?;
        }
        Ok(started.elapsed())
    }

    /// The same in one durable commit.
    pub fn write_at_once(&mut self, conversations: &[Prepared]) -> Result<Duration> {
        let started = Instant::now();
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for conversation in conversations {
            self.one(conversation)?;
        }
        self.finish()?;
        Ok(started.elapsed())
    }

    fn one(&mut self, conversation: &Prepared) -> Result<()> {
        let connection = &self.connection;
        let (first, last) = (self.seq + 1, self.seq + 1 + conversation.messages.len() as i64);
        self.position -= STEP;
        let columns = &conversation.columns;
        connection
            .prepare_cached(
                "INSERT INTO conversations (owner, id, position, user_title, auto_title, is_archived, system_purpose_id,
                     created, updated, token_count, message_count, message_bytes, messages_at, head_revision, revision,
                     hash, head)
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                conversation.id,
                self.position,
                columns.user_title,
                columns.auto_title,
                columns.is_archived,
                columns.system_purpose_id,
                columns.created,
                columns.updated,
                columns.token_count,
                conversation.messages.len() as i64,
                conversation.messages.iter().map(|message| message.body.len() as i64).sum::<i64>(),
                conversation.messages_at,
                first,
                last,
                &hash(&conversation.head)[..],
                conversation.head
            ])?;
        let key = connection.last_insert_rowid();
        self.change("conversation", None, &conversation.id, conversation.head.len() as i64)?;
        for (index, message) in conversation.messages.iter().enumerate() {
            self.message(conversation, key, index as i64, message)?;
        }
        Ok(())
    }

    fn message(
        &mut self,
        of: &Prepared,
        conversation: i64,
        index: i64,
        message: &PreparedMessage,
    ) -> Result<()> {
        let columns = &message.columns;
        self.connection
            .prepare_cached(
                "INSERT INTO messages (key, owner, conversation, id, role, created, updated, vendor_id, model_id,
                     pending, revision, bytes, hash, body)
                 VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                (conversation << 32) + (index + 1) * STEP,
                conversation,
                columns.id,
                columns.role,
                columns.created,
                columns.updated,
                columns.vendor_id,
                columns.model_id,
                columns.pending,
                self.seq + 1,
                message.body.len() as i64,
                &hash(&message.body)[..],
                message.body
            ])?;
        let id = columns.id.as_deref().unwrap_or_default();
        self.change("message", Some(&of.id), id, message.body.len() as i64)?;
        if let Some(usage) = &message.usage {
            self.connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO usage (owner, at, source, ledger_key, vendor_id, model_id, conversation_id,
                         message_id, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
                         reasoning_tokens, cost_nano, savings_nano, code)
                     VALUES (1, ?1, 'message', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                )?
                .execute(params![
                    usage.created.unwrap_or(NOW),
                    &usage.ledger_key[..],
                    usage.vendor_id,
                    usage.model_id,
                    of.id,
                    id,
                    usage.tokens.input,
                    usage.tokens.cache_read,
                    usage.tokens.cache_write,
                    usage.tokens.output,
                    usage.tokens.reasoning,
                    usage.cost_nano,
                    usage.savings_nano,
                    usage.code
                ])?;
        }
        Ok(())
    }

    fn change(&mut self, kind: &str, parent: Option<&str>, id: &str, bytes: i64) -> Result<()> {
        self.seq += 1;
        self.connection
            .prepare_cached(
                "INSERT INTO changes (owner, seq, at, client, kind, parent, id, op, bytes_before, bytes_after, duration_us)
                 VALUES (1, ?1, ?2, NULL, ?3, ?4, ?5, 'put', NULL, ?6, 0)",
            )?
            .execute(params![self.seq, NOW, kind, parent, id, bytes])?;
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE owners SET last_seq = ?1 WHERE key = 1")?
            .execute([self.seq])?;
        for kind in ["conversation", "message"] {
            self.connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO kind_revisions (owner, kind, revision, at) VALUES (1, ?1, ?2, ?3)",
                )?
                .execute(params![kind, self.seq, NOW])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

/// As the store's own: the first half of BLAKE3.
fn hash(text: &str) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    out
}

/// A connection that only reads, as the store opens them.
pub fn reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -2_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Reads one conversation's rows and puts its text together; `None` when it is absent.
pub fn read_one(connection: &Connection, id: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = connection
        .prepare_cached("SELECT key, head, messages_at FROM conversations WHERE owner = 1 AND id = ?1")?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (key, head, at): (i64, String, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let mut out = Vec::with_capacity(32 * 1024);
    out.extend_from_slice(br#"{"success":true,"conversation":"#);
    let at = at.and_then(|at| usize::try_from(at).ok()).unwrap_or(head.len());
    out.extend_from_slice(&head.as_bytes()[..at]);
    let mut statement =
        connection.prepare_cached("SELECT body FROM messages WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?;
    let mut rows = statement.query([key << 32, (key << 32) | 0xffff_ffff])?;
    let mut first = true;
    while let Some(row) = rows.next()? {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(row.get_ref(0)?.as_bytes()?);
    }
    out.extend_from_slice(&head.as_bytes()[at..]);
    out.push(b'}');
    Ok(Some(out))
}

/// Reads the rows of all conversations, in the order of the list, and drops them. Gives bytes and time.
pub fn read_all(connection: &Connection) -> Result<(usize, Duration)> {
    let started = Instant::now();
    let mut bytes = 0;
    let mut heads = connection.prepare_cached(
        "SELECT key, head FROM conversations WHERE owner = 1
         ORDER BY updated DESC NULLS LAST, created DESC NULLS LAST, position",
    )?;
    let mut messages =
        connection.prepare_cached("SELECT body FROM messages WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?;
    let mut rows = heads.query([])?;
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        bytes += row.get_ref(1)?.as_bytes()?.len();
        let mut bodies = messages.query([key << 32, (key << 32) | 0xffff_ffff])?;
        while let Some(row) = bodies.next()? {
            bytes += row.get_ref(0)?.as_bytes()?.len();
        }
    }
    Ok((bytes, started.elapsed()))
}

/// Rows per table, without the tables that stay empty: two files that were written alike have equal ones.
pub fn counts(connection: &Connection) -> Result<BTreeMap<String, i64>> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut counts = BTreeMap::new();
    for name in names.into_iter().filter(|name| name != "meta") {
        let rows: i64 =
            connection.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get(0))?;
        if rows > 0 {
            counts.insert(name, rows);
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history;

    #[test]
    fn what_the_raw_writer_wrote_reads_back_equal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("raw.db");
        let texts: Vec<String> = (0..40).map(|number| history::conversation("raw", number)).collect();
        let prepared: Vec<Prepared> = texts.iter().map(|text| prepare(text).unwrap()).collect();
        Writer::new(create(&path).unwrap()).write(&prepared).unwrap();
        let connection = reader(&path).unwrap();
        for (number, text) in texts.iter().enumerate() {
            let found = read_one(&connection, &history::id("raw", number)).unwrap().unwrap();
            assert_eq!(
                String::from_utf8(found).unwrap(),
                format!("{{\"success\":true,\"conversation\":{text}}}")
            );
        }
        assert!(read_all(&connection).unwrap().0 > 40 * 19_000);
        let counts = counts(&connection).unwrap();
        assert_eq!((counts["messages"], counts["changes"], counts["usage"]), (800, 840, 400));
    }
}
