//! The ledger: explicit entries, and what messages say of their own cost.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use rusqlite::{Connection, params};

use super::transaction::{Changed, Transaction, size};
use crate::error::StoreResult;
use crate::item::{Kind, METRICS};
use crate::json::{self, Json, Node};
use crate::page::Page;
use crate::store::{Effect, Outcome};
use crate::usage::{CostEntry, ServiceMetrics, Tokens, UsageRow, of_message};

/// Adds the row of a message, once for all copies of it.
pub(super) fn from_message(
    tx: &Transaction<'_>,
    conversation: &str,
    message: Option<&str>,
    body: &str,
) -> StoreResult<()> {
    let Some(usage) = of_message(body) else { return Ok(()) };
    tx.connection
        .prepare_cached(
            "INSERT OR IGNORE INTO usage (owner, at, source, ledger_key, vendor_id, model_id, conversation_id,
                 message_id, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
                 cost_nano, savings_nano, code)
             VALUES (?1, ?2, 'message', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            tx.owner,
            usage.created.unwrap_or(tx.now),
            usage.ledger_key,
            usage.vendor_id,
            usage.model_id,
            conversation,
            message,
            usage.tokens.input,
            usage.tokens.cache_read,
            usage.tokens.cache_write,
            usage.tokens.output,
            usage.tokens.reasoning,
            usage.cost_nano,
            usage.savings_nano,
            usage.code
        ])?;
    Ok(())
}

pub(super) fn add_cost(tx: &mut Transaction<'_>, entry: &CostEntry) -> StoreResult<Outcome> {
    let started = Instant::now();
    let added = tx
        .connection
        .prepare_cached(
            "INSERT OR IGNORE INTO usage (owner, at, source, service_id, input_tokens, output_tokens, cost_nano,
                 savings_nano, code, debug_source, ledger_key)
             VALUES (?1, ?2, 'entry', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            tx.owner,
            entry.at.unwrap_or(tx.now),
            entry.service_id,
            entry.input_tokens,
            entry.output_tokens,
            entry.cost_nano,
            entry.savings_nano,
            entry.code,
            entry.debug_source,
            entry.ledger_key
        ])?;
    if added == 0 {
        return Ok(Outcome::default());
    }
    changed(tx, &entry.service_id, started)
}

pub(super) fn clear(tx: &mut Transaction<'_>, service: Option<&str>) -> StoreResult<Outcome> {
    let known = metrics(tx.connection, tx.owner)?;
    if !known.iter().any(|m| service.is_none_or(|s| s == m.service_id)) {
        return Ok(Outcome { effect: Effect::Absent, ..Outcome::default() });
    }
    mark(tx, "clear", service)
}

/// A marker row: what was counted before it, is in the baseline now or does not count any more.
pub(super) fn mark(tx: &mut Transaction<'_>, source: &str, service: Option<&str>) -> StoreResult<Outcome> {
    let started = Instant::now();
    tx.connection
        .prepare_cached("INSERT INTO usage (owner, at, source, service_id) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![tx.owner, tx.now, source, service])?;
    changed(tx, service.unwrap_or(source), started)
}

fn changed(tx: &mut Transaction<'_>, id: &str, started: Instant) -> StoreResult<Outcome> {
    let change = Changed { kind: Kind::Usage, parent: None, id, before: None, after: Some(0), started };
    let revision = tx.change(&change)?;
    Ok(Outcome { effect: Effect::Created, revision, ..Outcome::default() })
}

/// What happened to the metrics since the baseline was saved.
struct Since {
    /// The baseline does not count any more.
    cleared: bool,
    /// Services whose part of the baseline does not count any more.
    cleared_services: Vec<String>,
    /// The entries of each service.
    entries: BTreeMap<String, Sums>,
}

#[derive(Default)]
struct Sums {
    cost_nano: i64,
    savings_nano: i64,
    input: i64,
    output: i64,
    count: i64,
    first: i64,
    last: i64,
    codes: BTreeMap<String, i64>,
}

fn since_baseline(connection: &Connection, owner: i64) -> StoreResult<Since> {
    let mut since = Since { cleared: false, cleared_services: Vec::new(), entries: BTreeMap::new() };
    let mut statement = connection.prepare_cached(
        "SELECT source, service_id, at, coalesce(input_tokens, 0), coalesce(output_tokens, 0),
             coalesce(cost_nano, 0), coalesce(savings_nano, 0), code
         FROM usage WHERE owner = ?1 AND source IN ('entry', 'baseline', 'clear')
             AND key > coalesce((SELECT max(key) FROM usage WHERE owner = ?1 AND source = 'baseline'), 0)
         ORDER BY key",
    )?;
    let mut rows = statement.query([owner])?;
    while let Some(row) = rows.next()? {
        let (source, service): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        match (source.as_str(), service) {
            ("clear", None) => {
                since.cleared = true;
                since.entries.clear();
            }
            ("clear", Some(service)) => {
                since.entries.remove(&service);
                since.cleared_services.push(service);
            }
            (_, service) => {
                let at: i64 = row.get(2)?;
                let sums = since.entries.entry(service.unwrap_or_default()).or_default();
                sums.first = if sums.count == 0 { at } else { sums.first.min(at) };
                sums.last = if sums.count == 0 { at } else { sums.last.max(at) };
                sums.count += 1;
                sums.input = sums.input.saturating_add(row.get(3)?);
                sums.output = sums.output.saturating_add(row.get(4)?);
                sums.cost_nano = sums.cost_nano.saturating_add(row.get(5)?);
                sums.savings_nano = sums.savings_nano.saturating_add(row.get(6)?);
                if let Some(code) = row.get::<_, Option<String>>(7)? {
                    *sums.codes.entry(code).or_default() += 1;
                }
            }
        }
    }
    Ok(since)
}

/// Whether anything happened since the baseline was saved.
pub(super) fn has_entries(connection: &Connection, owner: i64) -> StoreResult<bool> {
    let since = since_baseline(connection, owner)?;
    Ok(since.cleared || !since.cleared_services.is_empty() || !since.entries.is_empty())
}

/// Whether there are entries that count.
pub(super) fn has_sums(connection: &Connection, owner: i64) -> StoreResult<bool> {
    Ok(!since_baseline(connection, owner)?.entries.is_empty())
}

/// The `app-metrics` state: the baseline as it was saved, when nothing happened since; else with it.
pub(super) fn with_entries(connection: &Connection, owner: i64, baseline: &str) -> StoreResult<String> {
    let since = since_baseline(connection, owner)?;
    if !since.cleared && since.cleared_services.is_empty() && since.entries.is_empty() {
        return Ok(baseline.to_owned());
    }
    let mut state = Node::parse(baseline);
    if !matches!(state, Node::Object(_)) {
        state = Node::Object(Vec::new());
    }
    let mut services = match state.get("serviceMetrics") {
        Some(services @ Node::Object(_)) if !since.cleared => services.clone(),
        _ => Node::Object(Vec::new()),
    };
    for service in &since.cleared_services {
        services.remove(service);
    }
    for (service, sums) in &since.entries {
        let old = services.get(service).cloned().unwrap_or(Node::Object(Vec::new()));
        services.set(service, add(old, sums));
    }
    state.set("serviceMetrics", services);
    Ok(state.to_json().as_str().to_owned())
}

/// The app's own sums with the entries on top; `totalCosts` and `totalSavings` are dollars.
fn add(mut metrics: Node, sums: &Sums) -> Node {
    let number = |node: &Node, name: &str| match node.get(name) {
        Some(Node::Scalar(text)) => json::as_number(text).unwrap_or(0.0),
        _ => 0.0,
    };
    let code = |name: &str| sums.codes.get(name).copied().unwrap_or(0);
    let nano = |n: i64| n as f64 / 1e9;
    let sums_of = [
        ("totalCosts", nano(sums.cost_nano)),
        ("totalSavings", nano(sums.savings_nano)),
        ("totalInputTokens", sums.input as f64),
        ("totalOutputTokens", sums.output as f64),
        ("usageCount", sums.count as f64),
    ];
    for (name, more) in sums_of {
        let total = number(&metrics, name) + more;
        metrics.set(name, Node::Scalar(format_number(total)));
    }
    // Entries that an import brings may be older than what is counted already.
    let first = number(&metrics, "firstUsageDate");
    if first == 0.0 || (sums.first as f64) < first {
        metrics.set("firstUsageDate", Node::Scalar(sums.first.to_string()));
    }
    if (sums.last as f64) > number(&metrics, "lastUsageDate") {
        metrics.set("lastUsageDate", Node::Scalar(sums.last.to_string()));
    }
    for (name, more) in [
        ("freeUsages", code("free")),
        ("noPricingUsages", code("no-pricing")),
        ("noTokenUsages", code("no-tokens")),
        ("partialMessageUsages", code("partial-msg")),
        ("partialPriceUsages", code("partial-price")),
    ] {
        let total = number(&metrics, name) + more as f64;
        metrics.set(name, Node::Scalar(format_number(total)));
    }
    metrics
}

fn format_number(value: f64) -> String {
    // Dollars to the nano-dollar: sums of binary fractions would show noise beyond it.
    let rounded = (value * 1e9).round() / 1e9;
    serde_json::Number::from_f64(if value.abs() < 9e6 { rounded } else { value })
        .map_or_else(|| "0".to_owned(), |n| n.to_string().trim_end_matches(".0").to_owned())
}

/// The metrics of each service.
pub(super) fn metrics(connection: &Connection, owner: i64) -> StoreResult<Vec<ServiceMetrics>> {
    let mut statement = connection
        .prepare_cached("SELECT data FROM documents WHERE owner = ?1 AND name = ?2 AND device = ''")?;
    let baseline: Option<Option<String>> = rusqlite::OptionalExtension::optional(
        statement.query_row(params![owner, METRICS], |row| row.get(0)),
    )?;
    let state = with_entries(connection, owner, &baseline.flatten().unwrap_or_else(|| "{}".to_owned()))?;
    let services = json::member(&state, "serviceMetrics").and_then(json::members);
    Ok(services
        .into_iter()
        .flatten()
        .map(|m| ServiceMetrics { service_id: m.key().into_owned(), metrics: Json::trusted(m.value) })
        .collect())
}

/// Which of these keys stand in the ledger.
pub(super) fn known_keys(
    connection: &Connection,
    owner: i64,
    keys: Vec<[u8; 16]>,
) -> StoreResult<HashSet<[u8; 16]>> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM usage WHERE owner = ?1 AND ledger_key = ?2")?;
    let mut known = HashSet::new();
    for key in keys {
        if statement.exists(params![owner, key])? {
            known.insert(key);
        }
    }
    Ok(known)
}

/// A page of the ledger, newest first.
pub(super) fn page(
    connection: &Connection,
    owner: i64,
    cursor: Option<&str>,
    limit: usize,
) -> StoreResult<Page<UsageRow>> {
    let before = cursor.and_then(|c| c.parse().ok()).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT key, at, source, service_id, vendor_id, model_id, conversation_id, message_id, input_tokens,
             cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano, savings_nano, code
         FROM usage WHERE owner = ?1 AND key < ?2 AND source NOT IN ('baseline', 'clear') ORDER BY key DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![owner, before, size(limit) + 1], |row| {
        Ok(UsageRow {
            key: row.get(0)?,
            at: row.get(1)?,
            source: row.get(2)?,
            service_id: row.get(3)?,
            vendor_id: row.get(4)?,
            model_id: row.get(5)?,
            conversation_id: row.get(6)?,
            message_id: row.get(7)?,
            tokens: Tokens {
                input: row.get(8)?,
                cache_read: row.get(9)?,
                cache_write: row.get(10)?,
                output: row.get(11)?,
                reasoning: row.get(12)?,
            },
            cost_nano: row.get(13)?,
            savings_nano: row.get(14)?,
            code: row.get(15)?,
        })
    })?;
    let mut items: Vec<UsageRow> = rows.collect::<Result<_, _>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|u| u.key.to_string());
    Ok(Page { items, next })
}
