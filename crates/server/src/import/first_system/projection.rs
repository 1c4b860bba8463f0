//! What that system would have kept of a conversation of the app, so that a fuller version of it is known as such.

use holdfast_store::Json;
use holdfast_store::json::{Node, decode};

/// Members that went through `x || null`.
const TITLES: [&str; 3] = ["userTitle", "autoTitle", "userSymbol"];
const FLAGS: [&str; 2] = ["isArchived", "_isIncognito"];
const ROLES: [&str; 3] = ["\"user\"", "\"assistant\"", "\"system\""];

/// The conversation as an import from that system's file has it.
pub(crate) fn project(conversation: &str) -> Json {
    let whole = Node::parse(conversation);
    let mut kept = Kept::of(&whole);
    kept.as_it_is("id");
    TITLES.iter().for_each(|key| kept.unless_falsy(key));
    for key in FLAGS {
        if whole.get(key).is_some_and(is_truthy) {
            kept.put(key, scalar("true"));
        }
    }
    for key in ["systemPurposeId", "created", "tokenCount"] {
        kept.as_it_is(key);
    }
    kept.time("updated");
    let messages = match whole.get("messages") {
        Some(Node::Array(messages)) => messages.iter().filter(|m| has_known_role(m)).map(message).collect(),
        _ => Vec::new(),
    };
    kept.put("messages", Node::Array(messages));
    kept.done().to_json()
}

fn message(whole: &Node) -> Node {
    let mut kept = Kept::of(whole);
    for key in ["id", "role", "created", "tokenCount"] {
        kept.as_it_is(key);
    }
    kept.unless_falsy("purposeId");
    kept.time("updated");
    if let Some(metadata) = whole.get("metadata").filter(|m| is_truthy(m)) {
        let mut inner = Kept::of(metadata);
        inner.unless_falsy("inReferenceTo");
        inner.unless_falsy("entangled");
        kept.put("metadata", inner.done());
    }
    if let Some(generator) = whole.get("generator").filter(|g| is_truthy(g)) {
        let mut inner = Kept::of(generator);
        inner.put("mgt", Node::string("named"));
        inner.put("name", Node::string("unknown"));
        inner.unless_falsy("metrics");
        kept.put("generator", inner.done());
    }
    kept.put("fragments", fragments(whole));
    kept.done()
}

/// One fragment per `fId`, the first.
fn fragments(message: &Node) -> Node {
    let Some(Node::Array(all)) = message.get("fragments") else { return Node::Array(Vec::new()) };
    let mut seen: Vec<&Node> = Vec::new();
    let mut kept = Vec::new();
    for fragment in all {
        let Some(id) = fragment.get("fId") else { continue };
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let mut inner = Kept::of(fragment);
        for key in ["ft", "fId", "part"] {
            inner.as_it_is(key);
        }
        inner.unless_falsy("title");
        kept.push(inner.done());
    }
    Node::Array(kept)
}

fn has_known_role(message: &Node) -> bool {
    matches!(message.get("role"), Some(Node::Scalar(role)) if ROLES.contains(&role.as_str()))
}

/// Members taken over from an object.
struct Kept<'a> {
    from: &'a Node,
    fields: Vec<(String, Node)>,
}

impl<'a> Kept<'a> {
    fn of(from: &'a Node) -> Self {
        Self { from, fields: Vec::new() }
    }

    fn put(&mut self, key: &str, value: Node) {
        self.fields.push((format!("\"{key}\""), value));
    }

    fn as_it_is(&mut self, key: &str) {
        if let Some(value) = self.from.get(key) {
            self.put(key, value.clone());
        }
    }

    fn unless_falsy(&mut self, key: &str) {
        if let Some(value) = self.from.get(key).filter(|value| is_truthy(value)) {
            self.put(key, value.clone());
        }
    }

    fn time(&mut self, key: &str) {
        let value = self.from.get(key).filter(|value| is_truthy(value)).cloned();
        self.put(key, value.unwrap_or_else(|| scalar("null")));
    }

    fn done(self) -> Node {
        Node::Object(self.fields)
    }
}

fn scalar(text: &str) -> Node {
    Node::Scalar(text.to_owned())
}

/// As JavaScript sees it.
fn is_truthy(value: &Node) -> bool {
    match value {
        Node::Scalar(text) if text.starts_with('"') => !decode(text).is_empty(),
        Node::Scalar(text) => text == "true" || text.parse::<f64>().is_ok_and(|number| number != 0.0),
        Node::Array(_) | Node::Object(_) => true,
    }
}
