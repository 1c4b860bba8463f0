//! Prompts of single conversations.

use holdfast_store::store::Place;
use holdfast_store::{Id, Json, Kind, Write};

use super::ImportError;
use super::plan::Planner;
use super::report::Verdict;

const KIND: Kind = Kind::ConversationPrompt;

pub(super) async fn plan(planner: &mut Planner<'_>, id: Id, body: Json) -> Result<(), ImportError> {
    let found = planner.known.prompt(&id).await?;
    let verdict = planner.judge(found.as_ref().map(|f| &f.value), &body);
    match verdict {
        Verdict::Conflict => planner.conflict(KIND, id.as_str(), "another prompt is stored for this chat"),
        _ => planner.tally.count(KIND, verdict),
    }
    if matches!(verdict, Verdict::Imported | Verdict::Replaced) {
        planner.writes.push(Write::PutItem {
            kind: KIND,
            id: id.clone(),
            body: body.clone(),
            place: Place::Usual,
            precondition: planner.known.precondition(found.as_ref()),
        });
        planner.known.will_have_prompt(id, body);
    }
    Ok(())
}
