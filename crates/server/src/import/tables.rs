//! Merges a store whose entities have tables into the stored one: what is missing is added, what differs is
//! a conflict, and nothing is taken away.

use std::collections::{HashMap, HashSet};

use holdfast_store::document::NewDocument;
use holdfast_store::item::{CONVERSATIONS, Part, Shape, parts};
use holdfast_store::json::{self, Node, canonical};
use holdfast_store::{Id, Json, Kind};

use super::plan::Planner;
use super::report::Verdict;

/// What comes of it.
pub(super) struct Merged {
    /// The store with new and replaced entities only, to be written over the stored one; `None` when nothing
    /// is to be written.
    pub(super) write: Option<NewDocument>,
    /// The store as it will be.
    pub(super) whole: NewDocument,
}

/// Entities of a part.
pub(super) fn size(shape: Shape, value: &str) -> usize {
    match shape {
        Shape::Objects | Shape::Strings => json::elements(value).map_or(0, Iterator::count),
        Shape::Map => json::members(value).map_or(0, Iterator::count),
    }
}

/// Why the store would not take this state apart; `None` when it would.
pub(super) fn refusal(store: &str, data: &Json) -> Option<String> {
    let mut seen = HashSet::new();
    for member in data.members()? {
        let Some(part) = parts(store).find(|p| member.key_is(p.member)) else { continue };
        if !seen.insert(part.member) {
            return Some(format!("the key \"{}\" stands twice", part.member));
        }
        let mut ids = HashSet::new();
        for entity in json::members(member.value).into_iter().flatten().filter(|_| part.shape == Shape::Map) {
            match Id::from_json(entity.raw_key) {
                Ok(id) if ids.contains(&id) => return Some(format!("the key \"{id}\" stands twice")),
                Ok(id) => ids.insert(id),
                Err(why) => return Some(why.to_string()),
            };
        }
    }
    None
}

pub(super) fn merge(planner: &mut Planner<'_>, stored: &NewDocument, incoming: &NewDocument) -> Merged {
    let store = stored.name.as_str();
    let mut whole = Node::parse(stored.data.as_str());
    let mut write = whole.clone();
    for part in parts(store) {
        if let Some(value) = write.get_mut(part.member) {
            *value = empty(part.shape);
        }
    }
    let mut changed = false;
    let mut rest = Rest::default();
    for member in incoming.data.members().into_iter().flatten() {
        let key = member.key();
        let value = Node::parse(member.value);
        if let Some(part) = parts(store).find(|p| p.member == key && has_shape(p.shape, &value)) {
            let absent = whole.get(part.member).is_none();
            let taken = take(planner, part, &mut whole, &value);
            if absent || !taken.is_empty() {
                changed = true;
                write.set(part.member, gather(part.shape, taken));
            }
        } else if key != CONVERSATIONS && rest.admit(planner, &key, whole.get(&key), &value) {
            whole.set(&key, value.clone());
            write.set(&key, value);
        }
    }
    let version = rest.beside(planner, "version", &stored.version, &incoming.version);
    let beside = rest.beside(planner, "keys beside the state", &stored.beside, &incoming.beside);
    rest.count(planner, store);
    changed |= rest.changed;
    let document = |node: &Node| NewDocument {
        name: stored.name.clone(),
        device: stored.device.clone(),
        data: node.to_json(),
        version: version.clone(),
        bare: false,
        beside: beside.clone(),
    };
    Merged { write: changed.then(|| document(&write)), whole: document(&whole) }
}

/// What stands beside the entities.
#[derive(Default)]
struct Rest {
    changed: bool,
    conflicts: Vec<String>,
}

impl Rest {
    /// Whether the incoming value is to be stored.
    fn admit(&mut self, planner: &Planner<'_>, key: &str, stored: Option<&Node>, value: &Node) -> bool {
        let verdict = planner.judge(stored.map(Node::to_json).as_ref(), &value.to_json());
        if verdict == Verdict::Conflict {
            self.conflicts.push(key.to_owned());
        }
        let taken = matches!(verdict, Verdict::Imported | Verdict::Replaced);
        self.changed |= taken;
        taken
    }

    fn beside(
        &mut self,
        planner: &Planner<'_>,
        what: &str,
        stored: &Option<Json>,
        incoming: &Option<Json>,
    ) -> Option<Json> {
        let Some(value) = incoming else { return stored.clone() };
        let verdict = planner.judge(stored.as_ref(), value);
        if verdict == Verdict::Conflict {
            self.conflicts.push(what.to_owned());
        }
        let taken = matches!(verdict, Verdict::Imported | Verdict::Replaced);
        self.changed |= taken;
        if taken { incoming.clone() } else { stored.clone() }
    }

    fn count(&self, planner: &mut Planner<'_>, store: &str) {
        if !self.conflicts.is_empty() {
            planner.conflict(Kind::Document, store, &format!("differs in {}", self.conflicts.join(", ")));
        } else if self.changed {
            planner.tally.count(Kind::Document, Verdict::Replaced);
        } else {
            planner.tally.count(Kind::Document, Verdict::Unchanged);
        }
    }
}

/// Adds what is missing in `whole` and gives what is to be written: entities with their raw keys.
fn take(planner: &mut Planner<'_>, part: &Part, whole: &mut Node, value: &Node) -> Vec<(String, Node)> {
    if !whole.get(part.member).is_some_and(|v| has_shape(part.shape, v)) {
        whole.set(part.member, empty(part.shape));
    }
    let mut stored = whole.get(part.member).map(entities).unwrap_or_default();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, (key, _)) in stored.iter().enumerate() {
        places.entry(key.clone()).or_insert(at);
    }
    let mut taken = Vec::new();
    for (key, body) in entities(value) {
        let place = places.get(&key).copied();
        let verdict = planner.judge(place.map(|at| stored[at].1.to_json()).as_ref(), &body.to_json());
        let shown = json::as_text(&key).unwrap_or_default();
        if verdict == Verdict::Conflict {
            planner.conflict(part.kind, &shown, "differs");
            continue;
        }
        if verdict == Verdict::Imported && shown.is_empty() {
            planner.tally.note(part.kind, "", Verdict::Rejected, "it has no id to merge it by");
            continue;
        }
        planner.tally.count(part.kind, verdict);
        if verdict == Verdict::Unchanged {
            continue;
        }
        match place {
            Some(at) => stored[at].1 = body.clone(),
            None => {
                places.insert(key.clone(), stored.len());
                stored.push((key.clone(), body.clone()));
            }
        }
        taken.push((key, body));
    }
    whole.set(part.member, gather(part.shape, stored));
    taken
}

/// The entities of an array or a map under their ids as JSON strings; without an id under their own text.
pub(super) fn entities(value: &Node) -> Vec<(String, Node)> {
    match value {
        Node::Array(items) => items.iter().map(|item| (identity(item), item.clone())).collect(),
        Node::Object(fields) => fields.iter().map(|(key, body)| (canonical(key), body.clone())).collect(),
        Node::Scalar(_) => Vec::new(),
    }
}

fn identity(item: &Node) -> String {
    let id = match item {
        Node::Object(_) => item.get("id").map(Node::to_json),
        Node::Scalar(_) => Some(item.to_json()),
        Node::Array(_) => None,
    };
    match id {
        Some(id) if id.as_str().starts_with('"') => canonical(id.as_str()),
        _ => canonical(item.to_json().as_str()),
    }
}

pub(super) fn gather(shape: Shape, entities: Vec<(String, Node)>) -> Node {
    match shape {
        Shape::Objects | Shape::Strings => Node::Array(entities.into_iter().map(|(_, body)| body).collect()),
        Shape::Map => Node::Object(entities),
    }
}

fn empty(shape: Shape) -> Node {
    gather(shape, Vec::new())
}

fn has_shape(shape: Shape, value: &Node) -> bool {
    match shape {
        Shape::Objects | Shape::Strings => matches!(value, Node::Array(_)),
        Shape::Map => matches!(value, Node::Object(_)),
    }
}
