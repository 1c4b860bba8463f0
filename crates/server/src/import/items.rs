//! Entities that belong to no store of the app: the prompts of single conversations.

use holdfast_store::Write;
use holdfast_store::store::Place;

use super::ImportError;
use super::bundle::ItemRecord;
use super::plan::Planner;
use super::report::Verdict;

pub(super) async fn plan(planner: &mut Planner<'_>, item: ItemRecord) -> Result<(), ImportError> {
    let ItemRecord { kind, id, body } = item;
    let found = planner.known.item(kind, &id).await?;
    let verdict = planner.judge(found.as_ref().map(|f| &f.value), &body);
    match verdict {
        Verdict::Conflict => planner.conflict(kind, id.as_str(), "differs"),
        _ => planner.tally.count(kind, verdict),
    }
    if matches!(verdict, Verdict::Imported | Verdict::Replaced) {
        planner.writes.push(Write::PutItem {
            kind,
            id: id.clone(),
            body: body.clone(),
            place: Place::Usual,
            precondition: planner.known.precondition(found.as_ref()),
        });
        planner.undo.item(kind, &id, found.as_ref().map(|f| &f.value), &body);
        planner.known.will_have_item(kind, id, body);
    }
    Ok(())
}
