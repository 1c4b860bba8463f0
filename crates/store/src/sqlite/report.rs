//! Reports: the newest of each owner.

use std::time::Instant;

use rusqlite::{Connection, params};

use super::transaction::{Changed, Transaction, size};
use crate::error::{StoreError, StoreResult};
use crate::item::Kind;
use crate::json::Json;
use crate::page::Page;
use crate::report::{KEPT, Report};
use crate::seal;
use crate::store::{Effect, Outcome};

pub(super) fn add(tx: &mut Transaction<'_>, kind: &str, body: &Json) -> StoreResult<Outcome> {
    let started = Instant::now();
    // A report is read by people: what looks like a credential has no place in it.
    let body = if seal::is_secret("", body.as_str()) { seal::mask(body) } else { body.clone() };
    let (revision, bytes) = (tx.seq + 1, size(body.as_str().len()));
    tx.connection
        .prepare_cached(
            "INSERT INTO reports (owner, revision, at, client, kind, bytes, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![tx.owner, revision, tx.now, tx.client, kind, bytes, body.as_str()])?;
    tx.connection
        .prepare_cached(
            "DELETE FROM reports WHERE owner = ?1 AND revision <= (
                 SELECT revision FROM reports WHERE owner = ?1 ORDER BY revision DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute([tx.owner, size(KEPT)])?;
    let id = revision.to_string();
    let change =
        Changed { kind: Kind::Report, parent: None, id: &id, before: None, after: Some(bytes), started };
    let revision = tx.change(&change)?;
    Ok(Outcome { effect: Effect::Created, revision, ..Outcome::default() })
}

pub(super) fn page(
    connection: &Connection,
    owner: i64,
    kind: Option<&str>,
    cursor: Option<&str>,
    limit: usize,
) -> StoreResult<Page<Report>> {
    let before = cursor.map(str::parse::<i64>).transpose();
    let before = before
        .map_err(|_| StoreError::InvalidBody("this cursor is not one that the list gave".to_owned()))?
        .unwrap_or(i64::MAX);
    let filter = if kind.is_some() { "kind = ?2" } else { "?2 IS NULL" };
    let sql = format!(
        "SELECT revision, at, client, kind, body FROM reports
         WHERE owner = ?1 AND {filter} AND revision < ?3 ORDER BY revision DESC LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![owner, kind, before, size(limit) + 1], |row| {
        Ok(Report {
            revision: row.get(0)?,
            at: row.get(1)?,
            client: row.get(2)?,
            kind: row.get(3)?,
            body: Json::trusted(row.get::<_, String>(4)?),
        })
    })?;
    let mut items: Vec<Report> = rows.collect::<Result<_, _>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|r| r.revision.to_string());
    Ok(Page { items, next })
}
