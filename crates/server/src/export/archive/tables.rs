//! A store's state taken apart into what has tables and what is left.

use holdfast_store::Kind;
use holdfast_store::item::{Shape, parts};
use holdfast_store::json;

/// An entity in a state: its kind, its place in its list, its id and its text.
pub(super) type Entity<'a> = (Kind, usize, String, &'a str);

/// A state with its tables emptied, and what was in them.
pub(super) fn split<'a>(store: &str, data: &'a str) -> (String, Vec<Entity<'a>>) {
    let (mut shell, mut items, mut copied) = (String::new(), Vec::new(), 0);
    for part in json::members(data).into_iter().flatten() {
        let Some(known) = parts(store).find(|p| part.key_is(p.member)) else { continue };
        let found: Option<Vec<(String, &str)>> = match known.shape {
            Shape::Objects => json::elements(part.value)
                .map(|all| all.map(|raw| (text(json::member(raw, "id")), raw)).collect()),
            Shape::Strings => {
                json::elements(part.value).map(|all| all.map(|raw| (text(Some(raw)), raw)).collect())
            }
            Shape::Map => {
                json::members(part.value).map(|all| all.map(|m| (m.key().into_owned(), m.value)).collect())
            }
        };
        let Some(found) = found else { continue };
        shell.push_str(&data[copied..part.at]);
        shell.push_str(known.shape.empty());
        copied = part.at + part.value.len();
        items.extend(found.into_iter().enumerate().map(|(rank, (id, body))| (known.kind, rank, id, body)));
    }
    shell.push_str(&data[copied..]);
    (shell, items)
}

/// A raw string decoded; empty for anything else.
pub(super) fn text(raw: Option<&str>) -> String {
    raw.and_then(json::as_text).unwrap_or_default().into_owned()
}
