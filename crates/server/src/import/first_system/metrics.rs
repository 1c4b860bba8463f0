//! `big-agi-metrics.db`: cost entries, and the app's own sums where it saved them.
//!
//! `costs_cents` and `savings_cents` are hundredths of a cent: that system multiplied the app's `$c`, which is in
//! cents, by a hundred and rounded.

use std::collections::BTreeMap;

use holdfast_store::foreign::{Foreign, Row};
use holdfast_store::item::METRICS;
use holdfast_store::usage::CostEntry;
use holdfast_store::{Id, Kind};

use super::each_row;
use super::fields::{integer, json, moment, optional_text, text};
use crate::import::ImportError;
use crate::import::bundle::{Bundle, Cost};

pub(super) const LOST: &[&str] =
    &["costs below 0.01 cents, which were rounded entry by entry, and which model and chat an entry was for"];

/// A hundredth of a cent in nano-dollars.
const NANO: i64 = 100_000;

pub(super) fn read(file: &Foreign, bundle: &mut Bundle) -> Result<(), ImportError> {
    let mut saved = None;
    each_row(file, bundle, ("metrics_store", Kind::Document), |row| {
        // One row, under the key `metrics`.
        let state = json(row, "data")?.ok_or("the column 'data' is empty")?;
        saved = Some((moment(row, "updated_at")?, state));
        Ok(())
    })?;
    let mut costs = Vec::new();
    let mut uses: BTreeMap<String, i64> = BTreeMap::new();
    each_row(file, bundle, ("metrics_entries", Kind::Usage), |row| {
        let entry = entry(row)?;
        *uses.entry(entry.service_id.clone()).or_default() += 1;
        // What the app saved has in it what was counted until then.
        let counted = saved.as_ref().is_some_and(|(at, _)| entry.at <= Some(*at));
        costs.push(Cost { entry, counted });
        Ok(())
    })?;
    bundle.costs = costs;
    let mut wrong = Vec::new();
    each_row(file, bundle, ("service_metrics_aggregates", Kind::Usage), |row| {
        let service = text(row, "service_id")?;
        let (told, real) =
            (integer(row, "usage_count")?.unwrap_or(0), uses.get(service).copied().unwrap_or(0));
        if told != real {
            wrong.push(format!(
                "its own sum for '{service}' had {told} uses; the {real} entries are taken instead"
            ));
        }
        Ok(())
    })?;
    bundle.lost.append(&mut wrong);
    match saved {
        Some((_, state)) => bundle.keep_state(METRICS, state, None),
        None => Ok(()),
    }
}

fn entry(row: &Row) -> Result<CostEntry, String> {
    let nano = |column: &str| match integer(row, column)? {
        None => Ok(None),
        Some(units) => match units.checked_mul(NANO) {
            Some(nano) => Ok(Some(nano)),
            None => Err(format!("the column '{column}' is out of range")),
        },
    };
    let service_id = text(row, "service_id")?.to_owned();
    Id::parse(&service_id).map_err(|why| why.to_string())?;
    let at = moment(row, "created_at")?;
    let mut entry = CostEntry {
        cost_nano: nano("costs_cents")?,
        savings_nano: nano("savings_cents")?,
        code: optional_text(row, "cost_code")?.map(Into::into),
        input_tokens: integer(row, "input_tokens")?.unwrap_or(0),
        output_tokens: integer(row, "output_tokens")?.unwrap_or(0),
        debug_source: optional_text(row, "debug_cost_source")?.map(Into::into),
        at: Some(at),
        ledger_key: None,
        service_id,
    };
    // Equal entries within a second are different ones: their row tells them apart, in every copy of the file.
    let identity = format!("first system, entry {}: {entry:?}", row.id);
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(identity.as_bytes()).as_bytes()[..16]);
    entry.ledger_key = Some(key);
    Ok(entry)
}
