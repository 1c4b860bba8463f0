//! A conversation as one Markdown text: front matter, then its messages.

use std::fmt::Write as _;

use holdfast_store::conversation::{message_columns, split};
use holdfast_store::json::{self, as_text, quote};

use super::fragment::{fenced, render};
use super::images::Images;
use super::member;
use crate::export::timestamp;

/// A file to write.
pub(super) struct Page {
    /// The title, as people gave it.
    pub(super) title: String,
    /// The file.
    pub(super) text: String,
}

/// `folders`: titles of the folders that list the conversation.
pub(super) fn page(conversation: &str, folders: &[String], images: &Images) -> Page {
    // What the store holds was taken apart before; should it not be, all of it is shown as it is.
    let Ok(parts) = split(conversation) else {
        return Page { title: String::new(), text: fenced("json", conversation) };
    };
    let columns = &parts.columns;
    let given = [&columns.user_title, &columns.auto_title].into_iter().flatten().find(|t| !t.is_empty());
    let title = given.cloned().unwrap_or_default();
    let mut models: Vec<String> = Vec::new();
    let mut body = String::new();
    for message in &parts.messages {
        let model = model(message);
        if let Some(model) = model.as_ref().filter(|m| !models.contains(m)) {
            models.push(model.clone());
        }
        body.push_str(&section(message, model.as_deref(), images));
    }
    let mut text = String::from("---\n");
    let list = |items: &[String]| items.iter().map(|i| scalar(i)).collect::<Vec<_>>().join(", ");
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{key}: {value}");
        }
    };
    line("id", Some(scalar(parts.id.as_str())));
    line("title", Some(scalar(&title)));
    line("created", columns.created.map(timestamp));
    line("updated", columns.updated.map(timestamp));
    line("persona", columns.system_purpose_id.as_deref().map(scalar));
    line("models", Some(format!("[{}]", list(&models))));
    line("tokens", columns.token_count.map(|n| n.to_string()));
    line("messages", Some(parts.messages.len().to_string()));
    line("folders", Some(format!("[{}]", list(folders))));
    line("archived", columns.is_archived.then(|| "true".to_owned()));
    text.push_str("---\n\n# ");
    text.push_str(if title.is_empty() { "Untitled" } else { &title });
    text.push('\n');
    text.push_str(&body);
    if parts.messages_at.is_none()
        && let Some(odd) = json::member(conversation, "messages")
    {
        text.push('\n');
        text.push_str(&fenced("json", odd));
    }
    Page { title, text }
}

/// One message under a heading of its own. The comment before it marks where it begins, whatever is in its text.
fn section(message: &str, model: Option<&str>, images: &Images) -> String {
    let role = member(message, "role");
    let who = match role.as_str() {
        "user" => "User",
        "assistant" => "Assistant",
        "system" => "System",
        "" => "Message",
        other => other,
    };
    let time = json::member(message, "created").and_then(json::as_integer).map(timestamp);
    let heading: Vec<&str> = [Some(who), model, time.as_deref()].into_iter().flatten().collect();
    let id = json::member(message, "id").unwrap_or("null").replace("--", "\\u002d\\u002d");
    let mut out = format!("\n<!-- message {id} -->\n## {}\n", heading.join(" · ").replace(['\n', '\r'], " "));
    let blocks: Vec<String> = match json::member(message, "fragments").and_then(json::elements) {
        Some(fragments) => fragments.map(|fragment| render(fragment, images)).collect(),
        // Older messages have their text alone; what is neither is shown as it is.
        None => match json::member(message, "text").and_then(as_text) {
            Some(text) => vec![text.into_owned()],
            None => vec![fenced("json", message)],
        },
    };
    for block in blocks {
        out.push('\n');
        out.push_str(&block);
        out.push('\n');
    }
    out
}

/// The model that wrote a message.
fn model(message: &str) -> Option<String> {
    let columns = message_columns(message).unwrap_or_default();
    let named = || json::member(json::member(message, "generator")?, "name").and_then(as_text);
    columns.model_id.or_else(|| named().map(Into::into))
}

/// A string in YAML: JSON's with escapes for what readers of YAML take for a line break, or refuse.
fn scalar(text: &str) -> String {
    let mut out = String::new();
    for c in quote(text).chars() {
        if matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_of_any_characters_is_one_line_of_yaml() {
        assert_eq!(scalar("a: \"b\"\n#c\u{85}\u{2028}é"), r##""a: \"b\"\n#c\u0085\u2028é""##);
    }

    #[test]
    fn a_message_of_an_unknown_shape_is_shown_as_it_is() {
        let text =
            page(r#"{"id":"c","messages":[{"id":"a-->b","n":1e400},7]}"#, &[], &Images::left_out()).text;
        assert!(text.contains("\"n\":1e400") && text.contains("```json\n7\n```"), "{text}");
        assert!(text.contains(r#"<!-- message "a\u002d\u002d>b" -->"#), "{text}");
    }
}
