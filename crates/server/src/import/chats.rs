//! Conversations: compared one by one, kept in the order of their list.

use std::sync::Arc;

use holdfast_store::conversation::{message_columns, split};
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::item::CHATS;
use holdfast_store::store::Place;
use holdfast_store::{Id, Json, Kind, StoreError, Write, json};

use super::bundle::Chats;
use super::known::Found;
use super::plan::Planner;
use super::report::Verdict;
use super::{ImportError, tables};

pub(super) async fn plan(planner: &mut Planner<'_>, chats: Chats) -> Result<(), ImportError> {
    let name = Id::parse(CHATS)?;
    let is_new = planner.known.document(&name, "").await?.is_none();
    if chats.has_store {
        envelope(planner, &name, &chats).await?;
    }
    let mut before: Option<Id> = None;
    for record in &chats.conversations {
        let Some(id) = admitted(planner, record) else { continue };
        let found = planner.known.conversation(&id).await?;
        let verdict = planner.judge_conversation(found.as_ref().map(|f| f.value.as_ref()), record);
        count(planner, &id, verdict, found.as_ref(), record);
        if matches!(verdict, Verdict::Imported | Verdict::Replaced) {
            let place = match (&verdict, &before) {
                (Verdict::Imported, Some(before)) => Place::After(before.as_str().to_owned()),
                _ => Place::Usual,
            };
            planner.undo.conversation(&id, found.as_ref().map(|f| f.value.as_ref()), record);
            planner.writes.push(Write::PutConversation {
                id: id.clone(),
                body: Arc::clone(record),
                place,
                precondition: planner.known.precondition(found.as_ref()),
            });
            planner.known.will_have_conversation(id.clone(), Arc::clone(record));
        }
        if planner.known.is_listed(&id) {
            before = Some(id);
        }
    }
    if is_new && !chats.has_store && !chats.conversations.is_empty() {
        // Conversations make the store exist; files that are planned later are to find it.
        planner.known.will_have_document(document(name, &chats)?);
    }
    Ok(())
}

/// The id of a conversation that the store would take; what it would not is counted with the reason.
fn admitted(planner: &mut Planner<'_>, record: &Json) -> Option<Id> {
    let checked = split(record.as_str()).and_then(|parts| {
        parts.messages.iter().try_for_each(|m| message_columns(m).map(|_| ()))?;
        Ok(parts.id)
    });
    match checked {
        Ok(id) => Some(id),
        Err(why) => {
            let shown = record.get("id").and_then(json::as_text).unwrap_or_default();
            let incognito = why == StoreError::Incognito;
            let verdict = if incognito { Verdict::Skipped } else { Verdict::Rejected };
            let reason = if incognito { "incognito".to_owned() } else { why.to_string() };
            planner.tally.note(Kind::Conversation, &shown, verdict, reason);
            None
        }
    }
}

fn count(
    planner: &mut Planner<'_>,
    id: &Id,
    verdict: Verdict,
    found: Option<&Found<Arc<Json>>>,
    record: &Json,
) {
    if verdict != Verdict::Conflict {
        planner.tally.count(Kind::Conversation, verdict);
        return;
    }
    let messages = |text: &Json| text.get("messages").and_then(json::elements).map_or(0, Iterator::count);
    let stored = found.map_or(0, |f| messages(&f.value));
    let differs = format!("differs: {} messages in the file, {stored} stored", messages(record));
    planner.conflict(Kind::Conversation, id.as_str(), &differs);
}

/// What stands beside the conversations: the whole of it when the store is new here, else what is missing.
async fn envelope(planner: &mut Planner<'_>, name: &Id, chats: &Chats) -> Result<(), ImportError> {
    let incoming = document(name.clone(), chats)?;
    let stored = planner.known.document(name, "").await?;
    let precondition = planner.known.precondition(stored.as_ref());
    let (write, whole) = match &stored {
        Some(stored) => {
            let merged = tables::merge(planner, &stored.value, &incoming);
            (merged.write, merged.whole)
        }
        None => {
            planner.tally.count(Kind::Document, Verdict::Imported);
            (Some(incoming.clone()), incoming)
        }
    };
    if let Some(document) = write {
        let before = planner.known.kept(name, "").await?;
        planner.undo.document(before, &whole);
        planner.writes.push(Write::PutDocument { document, mode: Mode::Merge, confirm: None, precondition });
        planner.known.will_have_document(whole);
    }
    Ok(())
}

/// The store without its conversations.
fn document(name: Id, chats: &Chats) -> Result<NewDocument, ImportError> {
    Ok(NewDocument {
        data: chats.state(&[])?,
        device: String::new(),
        version: chats.version.clone(),
        bare: false,
        beside: chats.beside.clone(),
        name,
    })
}
