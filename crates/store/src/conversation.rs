//! Conversations and messages: the text that was sent, and what is derived from it.
//!
//! A conversation is stored as its head (the JSON with `messages` emptied to `[]`) and one row per message.
//! The text of the whole is the head with the bodies put back where they were cut.

use serde::{Deserialize, Serialize};

use crate::error::{StoreError, StoreResult};
use crate::json::{self, Json, as_integer, as_text};
use crate::owner::Id;
use crate::revision::Revision;

/// A whole conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The JSON as it was sent, with the messages as they are now.
    pub text: String,
    /// Last change to the head or any message.
    pub revision: Revision,
    /// Last change to the head.
    pub head_revision: Revision,
}

/// What a list shows of a conversation: no message is read for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// The user's title, else the automatic one.
    pub title: Option<String>,
    /// `userTitle`.
    pub user_title: Option<String>,
    /// `autoTitle`.
    pub auto_title: Option<String>,
    /// `systemPurposeId`.
    pub system_purpose_id: Option<String>,
    /// `isArchived`.
    pub is_archived: bool,
    /// Milliseconds since 1970, where it is a number.
    pub created: Option<i64>,
    /// Milliseconds since 1970, where it is a number.
    pub updated: Option<i64>,
    /// `tokenCount`, the app's own estimate.
    pub token_count: Option<i64>,
    /// Stored messages.
    pub message_count: i64,
    /// The folders that list it.
    pub folder_ids: Vec<String>,
    /// Last change to the head or any message.
    pub revision: Revision,
}

/// Which summaries to list.
#[derive(Debug, Clone, Default)]
pub struct SummaryFilter {
    /// Only archived ones, or only others.
    pub archived: Option<bool>,
    /// Only those in this folder.
    pub folder: Option<String>,
    /// Only those with `updated` at or after this time.
    pub updated_since: Option<i64>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The JSON as it was sent.
    pub body: Json,
    /// Its last change.
    pub revision: Revision,
    /// The last change of its conversation.
    pub conversation_revision: Revision,
}

/// What a write did to the messages of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MessageCounts {
    /// New messages.
    pub inserted: u64,
    /// Messages with another body, or at another place.
    pub updated: u64,
    /// Messages that are gone.
    pub deleted: u64,
    /// Messages that were equal.
    pub unchanged: u64,
}

/// The parts of a conversation's JSON, borrowed from it.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Its id.
    pub id: Id,
    /// The JSON with the elements of `messages` cut out.
    pub head: String,
    /// Where in `head` the elements go; `None` when `messages` is absent or no array.
    pub messages_at: Option<usize>,
    /// The messages, as they were sent.
    pub messages: Vec<&'a str>,
    /// The columns.
    pub columns: Columns,
}

/// What is derived from a head.
#[derive(Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Columns {
    pub user_title: Option<String>,
    pub auto_title: Option<String>,
    pub system_purpose_id: Option<String>,
    pub is_archived: bool,
    pub created: Option<i64>,
    pub updated: Option<i64>,
    pub token_count: Option<i64>,
}

/// Takes a conversation apart.
///
/// Errors: [`StoreError::InvalidBody`] when it is no object or repeats `id` or `messages`,
/// [`StoreError::InvalidId`], [`StoreError::Incognito`].
pub fn split(conversation: &str) -> StoreResult<Parts<'_>> {
    let members = json::members(conversation)
        .ok_or_else(|| StoreError::InvalidBody("a conversation is a JSON object".to_owned()))?;
    let (mut id, mut messages) = (None, None);
    let mut columns = Columns::default();
    for member in members {
        let value = member.value;
        match member.key().as_ref() {
            "id" if id.replace(value).is_some() => return Err(repeated("id")),
            "messages" if messages.replace(member).is_some() => return Err(repeated("messages")),
            "_isIncognito" if value == "true" => return Err(StoreError::Incognito),
            "userTitle" => columns.user_title = as_text(value).map(Into::into),
            "autoTitle" => columns.auto_title = as_text(value).map(Into::into),
            "systemPurposeId" => columns.system_purpose_id = as_text(value).map(Into::into),
            "isArchived" => columns.is_archived = value == "true",
            "created" => columns.created = as_integer(value),
            "updated" => columns.updated = as_integer(value),
            "tokenCount" => columns.token_count = as_integer(value),
            _ => {}
        }
    }
    let id =
        Id::from_json(id.ok_or_else(|| StoreError::InvalidBody("Conversation ID is required".to_owned()))?)?;
    let list = messages.and_then(|m| json::elements(m.value).map(|e| (m, e.collect::<Vec<_>>())));
    let (head, messages_at, messages) = match list {
        None => (conversation.to_owned(), None, Vec::new()),
        Some((member, messages)) => {
            let end = member.at + member.value.len();
            let head = [&conversation[..member.at], "[]", &conversation[end..]].concat();
            (head, Some(member.at + 1), messages)
        }
    };
    Ok(Parts { id, head, messages_at, messages, columns })
}

fn repeated(key: &str) -> StoreError {
    StoreError::InvalidBody(format!("the key \"{key}\" stands twice in one object"))
}

/// A head for answers: without its emptied `messages`.
pub fn head_without_messages(head: &str) -> Json {
    let mut node = json::Node::parse(head);
    node.remove("messages");
    node.to_json()
}

/// What is derived from a message.
#[derive(Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MessageColumns {
    /// `None` when it is missing or no string.
    pub id: Option<String>,
    pub role: Option<String>,
    pub created: Option<i64>,
    pub updated: Option<i64>,
    pub vendor_id: Option<String>,
    pub model_id: Option<String>,
    pub pending: bool,
}

/// Derives the columns of a message. Errors: [`StoreError::InvalidBody`] when `id` stands twice.
pub fn message_columns(body: &str) -> StoreResult<MessageColumns> {
    let mut columns = MessageColumns::default();
    let mut ids = 0;
    for member in json::members(body).into_iter().flatten() {
        let value = member.value;
        match member.key().as_ref() {
            "id" => {
                ids += 1;
                columns.id = as_text(value).map(Into::into);
            }
            "role" => columns.role = as_text(value).map(Into::into),
            "created" => columns.created = as_integer(value),
            "updated" => columns.updated = as_integer(value),
            "pendingIncomplete" => columns.pending = value == "true",
            "generator" => {
                if let Some(aix) = json::member(value, "aix") {
                    columns.vendor_id = json::member(aix, "vId").and_then(as_text).map(Into::into);
                    columns.model_id = json::member(aix, "mId").and_then(as_text).map(Into::into);
                }
            }
            _ => {}
        }
    }
    if ids > 1 { Err(repeated("id")) } else { Ok(columns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_cut_where_its_messages_stand() {
        let text = r#"{ "messages" : [ {"id":"a"}, 7 ], "id":"c", "userTitle":"T", "updated":null }"#;
        let parts = split(text).unwrap();
        assert_eq!(parts.head, r#"{ "messages" : [], "id":"c", "userTitle":"T", "updated":null }"#);
        assert_eq!(parts.messages, [r#"{"id":"a"}"#, "7"]);
        let at = parts.messages_at.unwrap();
        let whole = format!("{}{}{}", &parts.head[..at], parts.messages.join(","), &parts.head[at..]);
        assert_eq!(whole, r#"{ "messages" : [{"id":"a"},7], "id":"c", "userTitle":"T", "updated":null }"#);
        assert_eq!(parts.columns.user_title.as_deref(), Some("T"));
    }

    #[test]
    fn other_json_under_messages_stays_in_the_head() {
        for text in [r#"{"id":"c"}"#, r#"{"id":"c","messages":null}"#, r#"{"id":"c","messages":{"0":1}}"#] {
            let parts = split(text).unwrap();
            assert_eq!((parts.head.as_str(), parts.messages_at), (text, None));
        }
    }

    #[test]
    fn an_envelope_with_repeated_keys_is_refused() {
        for text in [
            r#"{"id":"c","id":"d"}"#,
            r#"{"id":"c","messages":[],"messages":[]}"#,
            r#"{"id":7}"#,
            r#"{"id":"\ud800"}"#,
            "[]",
        ] {
            assert!(split(text).is_err(), "{text}");
        }
        assert!(message_columns(r#"{"id":"a","\u0069d":"b"}"#).is_err());
    }
}
