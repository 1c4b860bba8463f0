//! Reads of the changes feed.

use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::transaction::size;
use crate::change::{Change, Changes};
use crate::error::StoreResult;
use crate::revision::{Cursor, Epoch, Revision};

/// The owner's newest sequence number; 0 for an owner without rows.
pub(super) fn last_seq(connection: &Connection, owner: i64) -> StoreResult<Revision> {
    Ok(connection
        .prepare_cached("SELECT last_seq FROM owners WHERE key = ?1")?
        .query_row([owner], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

pub(super) fn after(
    connection: &Connection,
    owner: i64,
    epoch: &Epoch,
    after: Option<&Cursor>,
    limit: usize,
    kinds: &[String],
) -> StoreResult<Changes> {
    let last = last_seq(connection, owner)?;
    if after.is_some_and(|c| c.epoch != *epoch || c.seq > last) {
        let cursor = Cursor { epoch: epoch.clone(), seq: last };
        return Ok(Changes { changes: Vec::new(), cursor, reset: true });
    }
    let start = after.map_or(0, |c| c.seq);
    let changes = select(connection, owner, start, limit, kinds)?;
    // A full page ends at its last row; a shorter one has seen everything, other kinds included.
    let seq = changes.last().filter(|_| changes.len() == limit).map_or(last, |c| c.seq);
    Ok(Changes { cursor: Cursor { epoch: epoch.clone(), seq }, changes, reset: false })
}

fn select(
    connection: &Connection,
    owner: i64,
    start: Revision,
    limit: usize,
    kinds: &[String],
) -> StoreResult<Vec<Change>> {
    let marks: Vec<String> = (0..kinds.len()).map(|n| format!("?{}", n + 4)).collect();
    let filter = if kinds.is_empty() { String::new() } else { format!("AND kind IN ({})", marks.join(", ")) };
    let sql = format!(
        "SELECT seq, at, client, kind, parent, id, op, revision, bytes_before, bytes_after, duration_us
         FROM changes WHERE owner = ?1 AND seq > ?2 {filter} ORDER BY seq LIMIT ?3"
    );
    let mut values: Vec<rusqlite::types::Value> = vec![owner.into(), start.into(), size(limit).into()];
    values.extend(kinds.iter().map(|k| k.clone().into()));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(Change {
            seq: row.get(0)?,
            at: row.get(1)?,
            client: row.get(2)?,
            kind: row.get(3)?,
            parent: row.get(4)?,
            id: row.get(5)?,
            op: row.get(6)?,
            revision: row.get(7)?,
            bytes_before: row.get(8)?,
            bytes_after: row.get(9)?,
            duration_us: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The internal number of an owner; `None` when it has never written.
pub(super) fn owner_key(connection: &Connection, owner: &str) -> StoreResult<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT key FROM owners WHERE name = ?1")?
        .query_row(params![owner], |row| row.get(0))
        .optional()?)
}
