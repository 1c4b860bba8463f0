//! Entities that were stored one by one: the prompts of single conversations, and those of stores that were never
//! written as a whole.

use std::collections::BTreeSet;

use holdfast_store::document::NewDocument;
use holdfast_store::item::{PARTS, Shape, parts};
use holdfast_store::json::Node;
use holdfast_store::store::Place;
use holdfast_store::{Id, Write};

use super::bundle::ItemRecord;
use super::plan::Planner;
use super::report::Verdict;
use super::{ImportError, part};

pub(super) async fn plan(planner: &mut Planner<'_>, items: Vec<ItemRecord>) -> Result<(), ImportError> {
    let mut taken = Vec::new();
    for item in items {
        if one(planner, &item).await? {
            taken.push(item);
        }
    }
    let kinds: BTreeSet<_> = taken.iter().map(|item| item.kind).collect();
    let stores: BTreeSet<_> = PARTS.iter().filter(|p| kinds.contains(&p.kind)).map(|p| p.store).collect();
    for store in stores {
        show(planner, store, &taken).await?;
    }
    Ok(())
}

/// Whether it is to be written.
async fn one(planner: &mut Planner<'_>, item: &ItemRecord) -> Result<bool, ImportError> {
    let ItemRecord { kind, id, body } = item;
    let found = planner.known.item(*kind, id).await?;
    let verdict = planner.judge(found.as_ref().map(|f| &f.value), body);
    match verdict {
        Verdict::Conflict => planner.conflict(*kind, id.as_str(), "differs"),
        _ => planner.tally.count(*kind, verdict),
    }
    let taken = matches!(verdict, Verdict::Imported | Verdict::Replaced);
    if taken {
        planner.writes.push(Write::PutItem {
            kind: *kind,
            id: id.clone(),
            body: body.clone(),
            place: Place::Usual,
            precondition: planner.known.precondition(found.as_ref()),
        });
        planner.undo.item(*kind, id, found.as_ref().map(|f| &f.value), body);
        planner.known.will_have_item(*kind, id.clone(), body.clone());
    }
    Ok(taken)
}

/// Puts entities into the state of their store, as files that are planned later will find it.
async fn show(planner: &mut Planner<'_>, store: &str, items: &[ItemRecord]) -> Result<(), ImportError> {
    let name = Id::parse(store)?;
    let mut document = match planner.known.document(&name, "").await? {
        Some(found) => found.value,
        None => NewDocument {
            name,
            device: String::new(),
            data: part("{}")?,
            version: None,
            bare: false,
            beside: None,
        },
    };
    let mut state = Node::parse(document.data.as_str());
    for part in parts(store) {
        let mut value = state.get(part.member).cloned().unwrap_or_else(|| Node::parse(part.shape.empty()));
        for item in items.iter().filter(|item| item.kind == part.kind) {
            set(&mut value, part.shape, item);
        }
        state.set(part.member, value);
    }
    document.data = state.to_json();
    planner.known.will_have_document(document);
    Ok(())
}

fn set(value: &mut Node, shape: Shape, item: &ItemRecord) {
    let (id, body) = (Node::string(item.id.as_str()), Node::parse(item.body.as_str()));
    if shape == Shape::Map {
        return value.set(item.id.as_str(), body);
    }
    let Node::Array(list) = value else { return };
    let is_it = |held: &Node| *held == id || held.get("id") == Some(&id);
    match list.iter().position(is_it) {
        Some(at) => list[at] = body,
        None => list.push(body),
    }
}
