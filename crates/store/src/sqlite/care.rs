//! The care of the file: copies, sizes, and a way in when the key is lost.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::connection::open_reader;
use crate::error::{StoreError, StoreResult};
use crate::store::Counts;

/// Copies the database as of one moment. Reading goes on in pages, so a writer is not held up.
pub(super) fn backup(from: &Path, to: &Path) -> StoreResult<()> {
    if to.exists() {
        return Err(StoreError::Unavailable(format!("{} exists already", to.display())));
    }
    let source = open_reader(from)?;
    source.pragma_update(None, "query_only", false)?;
    copy(&source, to)
}

/// Writes one snapshot of the database to a new file of this user's alone, which is whole and on the disk when this
/// returns, and not there when it fails.
pub(super) fn copy(source: &Connection, to: &Path) -> StoreResult<()> {
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let result = copy_to(source, &part, to);
    if result.is_err() && part.exists() {
        // The first error says more than one about the rest of the file.
        drop(std::fs::remove_file(&part));
    }
    result
}

fn copy_to(source: &Connection, part: &Path, to: &Path) -> StoreResult<()> {
    let failed = |e: std::io::Error| StoreError::Unavailable(format!("{}: {e}", to.display()));
    if part.exists() {
        std::fs::remove_file(part).map_err(failed)?;
    }
    super::connection::create_private(part)?;
    source.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
    // SQLite does not sync what `VACUUM INTO` wrote.
    let directory = to.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Path::new("."), |p| p);
    let sync = |path: &Path| std::fs::File::open(path).and_then(|file| file.sync_all());
    sync(part).and_then(|()| std::fs::rename(part, to)).and_then(|()| sync(directory)).map_err(failed)
}

pub(super) fn counts(connection: &Connection, path: &Path) -> StoreResult<Counts> {
    const TABLES: [&str; 14] = [
        "conversations",
        "messages",
        "documents",
        "llm_services",
        "llm_models",
        "llm_assignments",
        "folders",
        "personas",
        "hidden_personas",
        "conversation_prompts",
        "workspace_files",
        "assets",
        "usage",
        "history",
    ];
    let mut rows = Vec::new();
    for table in TABLES {
        // The messages are counted where their conversations are: a count of their table would read it all.
        let sql = match table {
            "messages" => "SELECT coalesce(sum(message_count), 0) FROM conversations".to_owned(),
            _ => format!("SELECT count(*) FROM {table}"),
        };
        let count: i64 = connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        rows.push((table, u64::try_from(count).unwrap_or(0)));
    }
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    Ok(Counts { rows, bytes: size(path) + size(Path::new(&wal)) })
}

pub(super) fn ping(connection: &Connection, path: &Path) -> StoreResult<()> {
    connection.prepare_cached("SELECT last_seq FROM owners LIMIT 1")?.exists([])?;
    std::fs::metadata(path).map(drop).map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))
}

/// Drops everything that only the lost key could open, so that the rest can be used. A copy of the file is kept
/// beside it, for the day the key is found.
pub(super) fn forget_secrets(connection: &Connection) -> StoreResult<()> {
    let path = connection.path().unwrap_or_default();
    let key_id = super::connection::meta(connection, "key_id")?.unwrap_or_default();
    let names = (0..).map(|n| PathBuf::from(format!("{path}.sealed-{key_id}-{n}")));
    if let Some(kept) = names.into_iter().find(|name| !name.exists()) {
        copy(connection, &kept)?;
    }
    let all = connection.unchecked_transaction()?;
    for table in ["documents", "llm_services", "history"] {
        all.execute(&format!("DELETE FROM {table} WHERE sealed IS NOT NULL"), [])?;
    }
    all.execute("UPDATE imports SET undo = NULL", [])?;
    all.execute("DELETE FROM meta WHERE name = 'key_id'", [])?;
    // What clients know of the rows that are gone is void.
    super::connection::new_epoch(&all)?;
    all.commit()?;
    Ok(())
}
