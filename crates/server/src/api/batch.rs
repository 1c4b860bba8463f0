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
use crate::api::items::same_id;
use crate::api::precondition::precondition;
use crate::api::request::{Body, Caller, Fields};
use crate::api::stores::{check_name, device};
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
        writes.push(write(&operation, &caller).map_err(|e| e.with("index", index.to_string()))?);
        if writes.len() > MOST {
            return Err(ApiError::invalid_body(format!("A batch has at most {MOST} operations")));
        }
    }
    let count = writes.len();
    let outcomes = match app.store.apply(&caller.writer_of(body.bytes()), writes.clone()).await {
        Ok(outcomes) => outcomes,
        Err(error) if !is_of_one_write(&error) => return Err(error.into()),
        Err(error) => {
            let index = first_failure(&app, &caller, &writes).await;
            let error = absent(&error, writes.get(index)).unwrap_or_else(|| error.into());
            return Err(error.with("index", index.to_string()));
        }
    };
    let results = outcomes.into_iter().map(Into::into).collect();
    let answer = BatchAnswer { success: true, results, epoch: app.store.epoch().to_string() };
    Ok(Answer::json(&answer)?.note(format!("{count} operations")))
}

/// Whether one of the writes is at fault, and not the request or the database.
fn is_of_one_write(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict { .. }
        | StoreError::InvalidId(_)
        | StoreError::InvalidBody(_)
        | StoreError::Incognito
        | StoreError::AmbiguousMessageId(_)
        | StoreError::ConversationNotFound(_)
        | StoreError::MessageNotFound(_)
        | StoreError::NotFound(_)
        | StoreError::MassDelete { .. }
        | StoreError::AssetInUse(_)
        | StoreError::PatchFailed(_) => true,
        StoreError::IdempotencyMismatch
        | StoreError::Busy
        | StoreError::DiskFull
        | StoreError::ReadOnly
        | StoreError::Unavailable(_)
        | StoreError::Corrupt(_)
        | StoreError::Newer { .. }
        | StoreError::HalfMigrated { .. }
        | StoreError::WrongKey(_)
        | StoreError::NotHoldfast(_)
        | StoreError::Internal(_) => false,
    }
}

/// The 404 of an edit of something that is not there: see [`of_present`].
fn absent(error: &StoreError, write: Option<&Write>) -> Option<ApiError> {
    let StoreError::Conflict { current_revision: None, .. } = error else { return None };
    match write? {
        Write::EditConversation { id, precondition: Precondition::Present, .. } => {
            Some(ApiError::conversation_not_found(id))
        }
        Write::EditItem { kind, id, precondition: Precondition::Present, .. } => {
            Some(ApiError::not_found(format!("There is no {} '{id}'", kind.name())))
        }
        _ => None,
    }
}

/// An edit without a base of its own still needs something to edit, or the batch is not made.
fn of_present(precondition: Precondition) -> Precondition {
    if precondition == Precondition::None { Precondition::Present } else { precondition }
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

fn write(operation: &Json, caller: &Caller) -> ApiResult<Write> {
    let fields = Fields::of(operation)?;
    let method = fields.text("method").unwrap_or_default().to_ascii_uppercase();
    let path = fields.text("path").unwrap_or_default();
    if path.contains('?') {
        return Err(ApiError::invalid_body(format!("The path '{path}' has a query: operations take none")));
    }
    let base = if_match(&fields)?;
    let below = path.strip_prefix("/_holdfast").unwrap_or(&path).strip_prefix("/api/").unwrap_or("");
    let segments: Vec<String> = below.split('/').map(decoded).collect::<ApiResult<_>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let write = match segments.as_slice() {
        ["stores", name] => store(&method, name, &fields, base, caller)?,
        ["chats", id] => chat(&method, id, &fields, base)?,
        ["chats", id, "messages", mid] => message(&method, id, mid, &fields, base)?,
        ["folders", id] => item(&method, Kind::Folder, id, &fields, base)?,
        ["personas", "custom", id] => item(&method, Kind::Persona, id, &fields, base)?,
        _ => None,
    };
    write.ok_or_else(|| unknown(&method, &path))
}

fn body(fields: &Fields<'_>) -> ApiResult<Json> {
    fields.required("body", "body is required")
}

fn store(
    method: &str,
    name: &str,
    fields: &Fields<'_>,
    precondition: Precondition,
    caller: &Caller,
) -> ApiResult<Option<Write>> {
    let name = Id::parse(name)?;
    check_name(&name)?;
    let device = device(&name, None, caller)?;
    Ok(match method {
        "PUT" => {
            let body = body(fields)?;
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

fn chat(method: &str, id: &str, fields: &Fields<'_>, precondition: Precondition) -> ApiResult<Option<Write>> {
    let id = Id::parse(id)?;
    Ok(match method {
        "PUT" => {
            let body = body(fields)?;
            let body = Fields::of(&body)?.required("conversation", "Conversation data is required")?;
            same_id(&body, &id, "Conversation ID mismatch")?;
            Some(Write::PutConversation { id, body, place: Place::Usual, precondition })
        }
        "PATCH" => {
            let precondition = of_present(precondition);
            Some(Write::EditConversation { id, edit: head_edit(edit(body(fields)?))?, precondition })
        }
        "DELETE" => Some(Write::DeleteConversation { id, precondition }),
        _ => None,
    })
}

fn message(
    method: &str,
    conversation: &str,
    id: &str,
    fields: &Fields<'_>,
    precondition: Precondition,
) -> ApiResult<Option<Write>> {
    let (conversation, id) = (Id::parse(conversation)?, Id::parse(id)?);
    Ok(match method {
        "PUT" => {
            let body = body(fields)?;
            same_id(&body, &id, "Message ID mismatch")?;
            Some(Write::PutMessage { conversation, id, body, place: Place::Usual, precondition })
        }
        "DELETE" => Some(Write::DeleteMessage { conversation, id, precondition }),
        _ => None,
    })
}

fn item(
    method: &str,
    kind: Kind,
    id: &str,
    fields: &Fields<'_>,
    precondition: Precondition,
) -> ApiResult<Option<Write>> {
    let id = Id::parse(id)?;
    Ok(match method {
        "PUT" => {
            let body = body(fields)?;
            same_id(&body, &id, "The id in the body is not the one in the path")?;
            Some(Write::PutItem { kind, id, body, place: Place::Usual, precondition })
        }
        "PATCH" => {
            let precondition = of_present(precondition);
            Some(Write::EditItem { kind, id, edit: edit(body(fields)?), precondition })
        }
        "DELETE" => Some(Write::DeleteItem { kind, id, precondition }),
        _ => None,
    })
}

/// An array is a JSON Patch, as a merge patch of a head is never one.
fn edit(body: Json) -> Edit {
    if body.elements().is_some() { Edit::JsonPatch(body) } else { Edit::MergePatch(body) }
}

fn if_match(fields: &Fields<'_>) -> ApiResult<Precondition> {
    let Some(raw) = fields.raw("ifMatch").filter(|raw| *raw != "null") else { return Ok(Precondition::None) };
    let refused = || ApiError::invalid_body("ifMatch must be an ETag, which is a string");
    let mut headers = HeaderMap::new();
    let value = json::as_text(raw).ok_or_else(refused)?.parse().map_err(|_| refused())?;
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
