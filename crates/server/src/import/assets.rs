//! Images and sounds.

use holdfast_store::asset::split;
use holdfast_store::{Id, Kind, StoreError, StoreResult, Write};

use super::ImportError;
use super::bundle::AssetRecord;
use super::plan::Planner;
use super::report::Verdict;

pub(super) async fn plan(planner: &mut Planner<'_>, asset: AssetRecord) -> Result<(), ImportError> {
    let id = match identity(&asset) {
        Ok(id) => id,
        Err(why) => {
            let shown = asset.key.unwrap_or_default();
            planner.tally.note(Kind::Asset, &shown, Verdict::Rejected, why.to_string());
            return Ok(());
        }
    };
    let found = planner.known.asset(&id).await?;
    let verdict = planner.judge(found.as_ref().map(|f| &f.value), &asset.record);
    match verdict {
        Verdict::Conflict => planner.conflict(Kind::Asset, id.as_str(), "another record has this id"),
        _ => planner.tally.count(Kind::Asset, verdict),
    }
    if matches!(verdict, Verdict::Imported | Verdict::Replaced) {
        planner.writes.push(Write::PutAsset {
            id: id.clone(),
            record: asset.record.clone(),
            precondition: planner.known.precondition(found.as_ref()),
        });
        planner.undo.asset(&id, found.as_ref().map(|f| &f.value), &asset.record);
        planner.known.will_have_asset(id, asset.record);
    }
    Ok(())
}

/// The record's own id, which is also the key it stood under.
fn identity(asset: &AssetRecord) -> StoreResult<Id> {
    split(asset.record.as_str())?;
    let raw = asset.record.get("id");
    let id = Id::from_json(raw.ok_or_else(|| StoreError::InvalidId("the record has none".to_owned()))?)?;
    match &asset.key {
        Some(key) if key != id.as_str() => {
            Err(StoreError::InvalidId(format!("the record's id is '{id}', its key '{key}'")))
        }
        _ => Ok(id),
    }
}
