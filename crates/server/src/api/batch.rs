//! `/api/batch`: several writes in one transaction.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::store::{Edit, Place};
use holdfast_store::{Effect, Id, Json, Kind, Outcome, Precondition, StoreError, Write, Writer, json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::Answer;
use crate::api::chats::head_edit;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::precondition::precondition;
use crate::api::request::{Body, Caller, Fields};
use crate::app::App;

/// The most operations of one batch.
const MOST: usize = 10_000;

/// The operations.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct BatchBody {
    pub operations: Vec<BatchOperation>,
}

/// One operation: a `PUT`, `PATCH` or `DELETE` of a chat, message, folder, store or custom persona.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct BatchOperation {
    pub method: String,
    pub path: String,
    /// The ETag that this operation is based on.
    pub if_match: Option<String>,
    #[schema(value_type = Option<serde_json::Value>)]
    pub body: Option<serde::de::IgnoredAny>,
}

/// What one operation did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct BatchResult {
    /// 200, or 404 for a delete of what was absent.
    pub status: u16,
    pub revision: i64,
    pub conversation_revision: i64,
    pub unchanged: bool,
}

impl From<Outcome> for BatchResult {
    fn from(outcome: Outcome) -> Self {
        Self {
            status: if outcome.effect == Effect::Absent { 404 } else { 200 },
            revision: outcome.revision,
            conversation_revision: outcome.conversation_revision,
            unchanged: outcome.effect == Effect::Unchanged,
        }
    }
}

/// What a batch did.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct BatchAnswer {
    pub success: bool,
    pub results: Vec<BatchResult>,
    pub epoch: String,
}

/// Makes all operations, or none of them
#[utoipa::path(post, path = "/api/batch", tag = "chats", request_body = BatchBody,
    responses((status = 200, body = BatchAnswer), (status = "default", body = ErrorBody)))]
pub async fn run_batch(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let operations = body.object()?.required("operations", "operations must be an array")?;
    let operations =
        operations.elements().ok_or_else(|| ApiError::invalid_body("operations must be an array"))?;
    let mut writes = Vec::new();
    for (index, operation) in operations.enumerate() {
        let operation = Json::parse(operation)?;
        writes.push(write(&operation).map_err(|e| e.with("index", index.to_string()))?);
        if writes.len() > MOST {
            return Err(ApiError::invalid_body(format!("A batch has at most {MOST} operations")));
        }
    }
    let count = writes.len();
    let outcomes = match app.store.apply(&caller.writer_of(body.bytes()), writes.clone()).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            let index = first_failure(&app, &caller, &writes).await;
            return Err(ApiError::from(error).with("index", index.to_string()));
        }
    };
    let results = outcomes.into_iter().map(Into::into).collect();
    let answer = BatchAnswer { success: true, results, epoch: app.store.epoch().to_string() };
    Ok(Answer::json(&answer)?.note(format!("{count} operations")))
}

/// Finds the write that failed: a prefix of the batch is good when what fails is only the marker after it. The
/// marker always fails, so that no try is ever committed.
async fn first_failure(app: &App, caller: &Caller, writes: &[Write]) -> usize {
    let writer = Writer::new(caller.owner.clone());
    let (mut good, mut bad) = (0, writes.len());
    while good + 1 < bad {
        let middle = good.midpoint(bad);
        let Ok((marker, expected)) = marker(app) else { return good };
        let prefix = writes[..middle].iter().cloned().chain([marker]).collect();
        match app.store.apply(&writer, prefix).await {
            Err(StoreError::ConversationNotFound(id)) if id == expected => good = middle,
            Ok(_) | Err(_) => bad = middle,
        }
    }
    good
}

/// A message of a conversation that cannot exist, and that conversation's id.
fn marker(app: &App) -> ApiResult<(Write, String)> {
    let conversation = format!("batch {}", app.request_id());
    let write = Write::PutMessage {
        conversation: Id::parse(&conversation)?,
        id: Id::parse("m")?,
        body: Json::parse(r#"{"id":"m"}"#)?,
        place: Place::Usual,
        precondition: Precondition::None,
    };
    Ok((write, conversation))
}

fn write(operation: &Json) -> ApiResult<Write> {
    let fields = Fields::of(operation)?;
    let method = fields.text("method").unwrap_or_default().to_ascii_uppercase();
    let path = fields.text("path").unwrap_or_default();
    let precondition = if_match(&fields)?;
    let path = path.strip_prefix("/_holdfast").unwrap_or(&path);
    let segments: Vec<String> = path.split('/').skip(2).map(decoded).collect::<ApiResult<_>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if !path.starts_with("/api/") {
        return Err(unknown(&method, path));
    }
    if let ["stores", name] = segments.as_slice() {
        return store(&method, Id::parse(name)?, &fields, precondition)?
            .ok_or_else(|| unknown(&method, path));
    }
    let body = || fields.required("body", "body is required");
    let place = Place::Usual;
    Ok(match (method.as_str(), segments.as_slice()) {
        ("PUT", ["chats", id]) => {
            let body = body()?;
            let conversation =
                Fields::of(&body)?.required("conversation", "Conversation data is required")?;
            let id = own_id(id, &conversation, "Conversation ID mismatch")?;
            Write::PutConversation { id, body: conversation, place, precondition }
        }
        ("PATCH", ["chats", id]) => {
            Write::EditConversation { id: Id::parse(id)?, edit: head_edit(edit(body()?))?, precondition }
        }
        ("DELETE", ["chats", id]) => Write::DeleteConversation { id: Id::parse(id)?, precondition },
        ("PUT", ["chats", id, "messages", mid]) => {
            let body = body()?;
            let conversation = Id::parse(id)?;
            let id = own_id(mid, &body, "Message ID mismatch")?;
            Write::PutMessage { conversation, id, body, place, precondition }
        }
        ("DELETE", ["chats", id, "messages", mid]) => {
            Write::DeleteMessage { conversation: Id::parse(id)?, id: Id::parse(mid)?, precondition }
        }
        ("PUT", ["folders", id]) => {
            let body = body()?;
            let id = own_id(id, &body, "Folder ID mismatch")?;
            Write::PutItem { kind: Kind::Folder, id, body, place, precondition }
        }
        ("PATCH", ["folders", id]) => {
            Write::EditItem { kind: Kind::Folder, id: Id::parse(id)?, edit: edit(body()?), precondition }
        }
        ("DELETE", ["folders", id]) => {
            Write::DeleteItem { kind: Kind::Folder, id: Id::parse(id)?, precondition }
        }
        ("PUT", ["personas", "custom", id]) => {
            let body = body()?;
            let id = own_id(id, &body, "Persona ID mismatch")?;
            Write::PutItem { kind: Kind::Persona, id, body, place, precondition }
        }
        ("DELETE", ["personas", "custom", id]) => {
            Write::DeleteItem { kind: Kind::Persona, id: Id::parse(id)?, precondition }
        }
        _ => return Err(unknown(&method, path)),
    })
}

fn store(
    method: &str,
    name: Id,
    fields: &Fields<'_>,
    precondition: Precondition,
) -> ApiResult<Option<Write>> {
    let device = String::new();
    Ok(match method {
        "PUT" => {
            let body = fields.required("body", "body is required")?;
            let body = Fields::of(&body)?;
            let document = NewDocument {
                name,
                device,
                data: body.required("data", "Store data is required")?,
                version: body.json("version"),
                bare: body.is_true("bare"),
                beside: body.json("beside").filter(|b| b.members().is_some()),
            };
            Some(Write::PutDocument { document, mode: Mode::Replace, confirm: None, precondition })
        }
        "DELETE" => Some(Write::DeleteDocument { name, device, confirm: None, precondition }),
        _ => None,
    })
}

fn own_id(id: &str, body: &Json, message: &str) -> ApiResult<Id> {
    let id = Id::parse(id)?;
    crate::api::items::same_id(body, &id, message)?;
    Ok(id)
}

/// An array is a JSON Patch, as a merge patch of a head is never one.
fn edit(body: Json) -> Edit {
    if body.elements().is_some() { Edit::JsonPatch(body) } else { Edit::MergePatch(body) }
}

fn if_match(fields: &Fields<'_>) -> ApiResult<Precondition> {
    let Some(tag) = fields.raw("ifMatch").and_then(json::as_text) else { return Ok(Precondition::None) };
    let mut headers = HeaderMap::new();
    let value = tag.parse().map_err(|_| ApiError::invalid_body("ifMatch must be an ETag"))?;
    headers.insert(axum::http::header::IF_MATCH, value);
    precondition(&headers)
}

fn decoded(segment: &str) -> ApiResult<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = (*first == b'%').then(|| tail.get(..2).and_then(|h| std::str::from_utf8(h).ok())).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| ApiError::invalid_body("a path is percent-encoded UTF-8"))
}

fn unknown(method: &str, path: &str) -> ApiError {
    ApiError::invalid_body(format!("A batch cannot do '{method} {path}'"))
        .hint("Use PUT, PATCH or DELETE on a chat, message, folder, store or custom persona.")
}
