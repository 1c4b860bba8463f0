//! Cost entries: each counts once, however often its file comes.

use std::collections::HashSet;

use holdfast_store::{Kind, Write};

use super::ImportError;
use super::bundle::Cost;
use super::plan::Planner;
use super::report::Verdict;

/// Whether there are entries, and none of them is new.
pub(super) async fn are_known(planner: &Planner<'_>, costs: &[Cost]) -> Result<bool, ImportError> {
    let keys: Vec<_> = costs.iter().filter_map(|cost| cost.entry.ledger_key).collect();
    let known = if keys.is_empty() { 0 } else { planner.known.usage(keys).await?.len() };
    Ok(!costs.is_empty() && known == costs.len())
}

pub(super) async fn plan(planner: &mut Planner<'_>, costs: Vec<Cost>) -> Result<(), ImportError> {
    if costs.is_empty() {
        return Ok(());
    }
    let keys = costs.iter().filter_map(|cost| cost.entry.ledger_key).collect();
    let mut known: HashSet<[u8; 16]> = planner.known.usage(keys).await?;
    for Cost { entry, .. } in costs {
        let is_new = entry.ledger_key.is_none_or(|key| known.insert(key));
        planner.tally.count(Kind::Usage, if is_new { Verdict::Imported } else { Verdict::Unchanged });
        if is_new {
            planner.known.will_have_usage(entry.ledger_key);
            planner.writes.push(Write::AddCost(entry));
        }
    }
    Ok(())
}
