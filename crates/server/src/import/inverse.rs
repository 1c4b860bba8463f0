//! The way back of a store whose entities have tables: what the import added goes, what it replaced returns, and what
//! others did since stays.

use std::collections::HashMap;

use holdfast_store::Kind;
use holdfast_store::item::{CONVERSATIONS, parts};
use holdfast_store::json::{Node, as_text, canonical};

use super::tables::{entities, gather};
use super::undo::Kept;

/// What comes of it.
pub(super) struct Inverse {
    /// The store as it is to be; `None` when nothing is left of it.
    pub(super) result: Option<Kept>,
    /// What others changed since and keeps its change, with the reason.
    pub(super) changed: Vec<(Kind, String, &'static str)>,
}

/// `all`: what was changed since goes back too.
pub(super) fn inverse(
    store: &str,
    before: Option<&Kept>,
    after: &Kept,
    current: &Kept,
    all: bool,
) -> Inverse {
    let node = |kept: &Kept| Node::parse(&kept.data);
    let (old, put, now) = (before.map(node), node(after), node(current));
    let mut result = now.clone();
    let mut changed = Vec::new();
    let mut is_empty = true;
    for part in parts(store) {
        let of = |node: &Node| node.get(part.member).map(entities).unwrap_or_default();
        let was_named = old.as_ref().is_some_and(|o| o.get(part.member).is_some());
        let old = old.as_ref().map(of).unwrap_or_default();
        let put: HashMap<String, String> =
            of(&put).into_iter().map(|(key, body)| (key, text(&body))).collect();
        let back: HashMap<&String, &Node> = old.iter().map(|(key, body)| (key, body)).collect();
        let mut kept = Vec::new();
        for (key, body) in of(&now) {
            let (was, made) = (back.get(&key).copied(), put.get(&key));
            let is_imported = made.is_some_and(|made| was.is_none_or(|was| text(was) != *made));
            if !is_imported {
                kept.push((key, body));
            } else if made == Some(&text(&body)) || all {
                kept.extend(was.map(|was| (key, was.clone())));
            } else {
                changed.push((part.kind, shown(&key), "it was changed since"));
                kept.push((key, body));
            }
        }
        is_empty &= kept.is_empty();
        if kept.is_empty() && !was_named {
            result.remove(part.member);
        } else if now.get(part.member).is_some() {
            result.set(part.member, gather(part.shape, kept));
        }
    }
    let mut beside = Vec::new();
    for (key, value) in members(&put) {
        if is_table(store, &key) {
            continue;
        }
        let was = old.as_ref().and_then(|o| o.get(&key));
        if was.map(text) == Some(text(&value)) {
            continue;
        }
        if result.get(&key).map(text) == Some(text(&value)) || all {
            match was {
                Some(was) => result.set(&key, was.clone()),
                None => drop(result.remove(&key)),
            }
        } else {
            beside.push(key);
        }
    }
    let is_framed = current.is_framed_as(after);
    if !beside.is_empty() || !is_framed && !all {
        changed.push((Kind::Document, store.to_owned(), "what stands beside its entities was changed since"));
    }
    let is_foreign = members(&result).iter().any(|(key, _)| !is_table(store, key));
    if before.is_none() && changed.is_empty() && is_empty && !is_foreign {
        return Inverse { result: None, changed };
    }
    // Where all of it is as it was, it returns byte for byte.
    if let Some(before) = before
        && changed.is_empty()
        && canonical(&before.data) == canonical(result.to_json().as_str())
    {
        return Inverse { result: Some(before.clone()), changed };
    }
    let frame = before.filter(|_| is_framed || all).unwrap_or(current);
    let data = result.to_json().as_str().to_owned();
    Inverse { result: Some(Kept { data, is_bare_rows: false, ..frame.clone() }), changed }
}

fn is_table(store: &str, key: &str) -> bool {
    key == CONVERSATIONS && store == holdfast_store::item::CHATS || parts(store).any(|p| p.member == key)
}

fn members(node: &Node) -> Vec<(String, Node)> {
    match node {
        Node::Object(fields) => fields
            .iter()
            .map(|(raw, body)| (as_text(raw).unwrap_or_default().into_owned(), body.clone()))
            .collect(),
        Node::Array(_) | Node::Scalar(_) => Vec::new(),
    }
}

fn text(node: &Node) -> String {
    canonical(node.to_json().as_str())
}

fn shown(key: &str) -> String {
    as_text(key).unwrap_or_default().into_owned()
}
