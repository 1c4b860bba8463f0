//! Messages of big-AGI 1, which were one text each, as version 2 makes them when it finds them.
//!
//! Source: the app's conversion from version 3 to 4 of `app-chats` (github.com/enricoros/big-AGI,
//! `src/common/stores/chat/chats.converters.ts`, `V3StoreDataToHead`). A message with a `text` and no array of
//! `fragments` is an old one, whatever file it stands in:
//!
//! | version 1 | version 2 |
//! |---|---|
//! | `text` | `fragments: [{ft: 'content', fId, part: {pt: 'text', text}}]` |
//! | `originLLM` | `generator: {mgt: 'named', name}`, unless it is empty |
//! | `metadata.inReplyToText` | `metadata.inReferenceTo: [{mrt: 'dmsg', mText, mRole: 'assistant'}]` |
//! | `tokenCount`, `updated` that are absent or 0 | 0 and `null` |
//! | `purposeId` that is empty | absent |
//! | `sender`, `avatar`, `typing` | absent |
//!
//! Every other member stays, which the app's conversion would drop. The app draws a random `fId`; here it follows
//! from the message, so that the same file gives the same chat again.

use std::sync::Arc;

use holdfast_store::Json;
use holdfast_store::json::{self, Node};

use super::bundle::Bundle;

/// Version 1 had these for the screen.
const DROPPED: [&str; 3] = ["sender", "avatar", "typing"];

/// The version of `app-chats` whose messages have fragments.
const VERSION: &str = "4";

/// Converts what is old in a bundle.
pub(super) fn upgrade(bundle: &mut Bundle) {
    let Some(chats) = &mut bundle.chats else { return };
    let mut count = 0;
    for chat in chats.conversations.iter_mut().filter(|chat| old_messages(chat) > 0) {
        count += old_messages(chat);
        *chat = Arc::new(conversation(chat));
    }
    if count == 0 {
        return;
    }
    if let Some(version) = &mut chats.version
        && json::as_number(version.as_str()).is_some_and(|number| number < 4.0)
    {
        *version = Node::Scalar(VERSION.to_owned()).to_json();
    }
    let messages = if count == 1 { "message" } else { "messages" };
    bundle.lost.push(format!(
        "{count} {messages} of big-AGI 1 had a sender's name and picture, which those of big-AGI 2 do not have"
    ));
}

fn old_messages(chat: &Json) -> usize {
    let messages = chat.get("messages").and_then(json::elements).into_iter().flatten();
    messages.filter(|message| is_old(message)).count()
}

fn is_old(message: &str) -> bool {
    json::member(message, "text").is_some_and(|text| text.starts_with('"'))
        && json::member(message, "fragments").is_none_or(|list| !list.starts_with('['))
}

fn conversation(chat: &Json) -> Json {
    let mut whole = Node::parse(chat.as_str());
    if let Some(Node::Array(messages)) = whole.get_mut("messages") {
        for message in messages.iter_mut().filter(|m| is_old(m.to_json().as_str())) {
            *message = converted(message);
        }
    }
    whole.to_json()
}

/// Members stay where they were; a new one stands in the place of the old one it comes from.
fn converted(old: &Node) -> Node {
    let mut new = Node::Object(Vec::new());
    let Node::Object(fields) = old else { return old.clone() };
    for (raw_key, value) in fields {
        let key = json::decode(raw_key);
        match key.as_ref() {
            "text" => new.set("fragments", fragments(old, value)),
            "originLLM" if is_filled(value) => {
                let named = [("mgt", Node::string("named")), ("name", value.clone())];
                new.set("generator", object(named));
            }
            "metadata" => new.set("metadata", metadata(value)),
            "tokenCount" | "updated" => {}
            "purposeId" if !is_filled(value) => {}
            "originLLM" | "fragments" => {}
            key if DROPPED.contains(&key) => {}
            key => new.set(key, value.clone()),
        }
    }
    for (key, absent) in [("tokenCount", "0"), ("updated", "null")] {
        let number = old.get(key).filter(|value| is_number_but_zero(value)).cloned();
        new.set(key, number.unwrap_or_else(|| Node::Scalar(absent.to_owned())));
    }
    new
}

fn fragments(message: &Node, text: &Node) -> Node {
    let id = message.get("id").map(Node::to_json).unwrap_or_else(|| text.to_json());
    let f_id = blake3::hash(id.as_str().as_bytes()).to_hex();
    let part = object([("pt", Node::string("text")), ("text", text.clone())]);
    let fragment = object([
        ("ft", Node::string("content")),
        ("fId", Node::string(f_id.get(..8).unwrap_or_default())),
        ("part", part),
    ]);
    Node::Array(vec![fragment])
}

fn metadata(old: &Node) -> Node {
    let mut new = old.clone();
    if let Some(text) = old.get("inReplyToText").filter(|text| is_filled(text)) {
        let reference = object([
            ("mrt", Node::string("dmsg")),
            ("mText", text.clone()),
            ("mRole", Node::string("assistant")),
        ]);
        new.remove("inReplyToText");
        new.set("inReferenceTo", Node::Array(vec![reference]));
    }
    new
}

fn object<const N: usize>(members: [(&str, Node); N]) -> Node {
    let mut object = Node::Object(Vec::new());
    members.into_iter().for_each(|(key, value)| object.set(key, value));
    object
}

/// A string that is not empty.
fn is_filled(value: &Node) -> bool {
    matches!(value, Node::Scalar(text) if text.starts_with('"') && text.len() > 2)
}

fn is_number_but_zero(value: &Node) -> bool {
    matches!(value, Node::Scalar(text) if json::as_number(text).is_some_and(|number| number != 0.0))
}
