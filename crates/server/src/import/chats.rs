//! Conversations: compared one by one, kept in the order of their list.

use std::sync::Arc;

use holdfast_store::conversation::{message_columns, split};
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::item::CHATS;
use holdfast_store::store::Place;
use holdfast_store::{Id, Json, Kind, Precondition, StoreError, Write, json};

use super::bundle::Chats;
use super::known::Found;
use super::plan::Planner;
use super::report::Verdict;
use super::{ImportError, tables};

pub(super) async fn plan(planner: &mut Planner<'_>, chats: Chats) -> Result<(), ImportError> {
    let name = Id::parse(CHATS)?;
    let stored = planner.known.document(&name, "").await?;
    let fresh = stored.is_none() && chats.has_store;
    let mut first_list: Vec<(Id, Arc<Json>)> = Vec::new();
    let mut before: Option<Id> = None;
    for record in &chats.conversations {
        let Some(id) = admitted(planner, record) else { continue };
        let found = planner.known.conversation(&id).await?;
        let verdict = planner.judge_conversation(found.as_ref().map(|f| f.value.as_ref()), record);
        count(planner, &id, verdict, found.as_ref(), record);
        if matches!(verdict, Verdict::Imported | Verdict::Replaced) {
            if fresh {
                if found.is_some() {
                    first_list.retain(|(listed, _)| *listed != id);
                }
                first_list.push((id.clone(), Arc::clone(record)));
            } else {
                let place = match (&verdict, &before) {
                    (Verdict::Imported, Some(before)) => Place::After(before.as_str().to_owned()),
                    _ => Place::Usual,
                };
                planner.writes.push(Write::PutConversation {
                    id: id.clone(),
                    body: Json::clone(record),
                    place,
                    precondition: planner.known.precondition(found.as_ref()),
                });
            }
            planner.undo.conversation(&id, found.as_ref().map(|f| f.value.as_ref()), record);
            planner.known.will_have_conversation(id.clone(), Arc::clone(record));
        }
        if planner.known.is_listed(&id) {
            before = Some(id);
        }
    }
    if chats.has_store {
        return envelope(planner, name, chats, stored, first_list).await;
    }
    if stored.is_none() && !chats.conversations.is_empty() {
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

/// The rest of the store: the whole of it when it is new here, else only what is beside the conversations.
async fn envelope(
    planner: &mut Planner<'_>,
    name: Id,
    chats: Chats,
    stored: Option<Found<NewDocument>>,
    first_list: Vec<(Id, Arc<Json>)>,
) -> Result<(), ImportError> {
    let incoming = document(name, &chats)?;
    if let Some(stored) = stored {
        let merged = tables::merge(planner, &stored.value, &incoming);
        if let Some(document) = merged.write {
            let before = planner.known.kept(&merged.whole.name, "").await?;
            planner.undo.document(before, &merged.whole);
            // The conversations before this write have moved the store's revision themselves.
            planner.writes.push(put(document, Precondition::None));
            planner.known.will_have_document(merged.whole);
        }
        return Ok(());
    }
    planner.tally.count(Kind::Document, Verdict::Imported);
    let document = NewDocument {
        data: chats.state(&first_list.into_iter().map(|(_, body)| body).collect::<Vec<_>>())?,
        ..incoming.clone()
    };
    planner.writes.push(put(document, Precondition::Absent));
    planner.undo.document(None, &incoming);
    planner.known.will_have_document(incoming);
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

fn put(document: NewDocument, precondition: Precondition) -> Write {
    Write::PutDocument { document, mode: Mode::Merge, confirm: None, precondition }
}
