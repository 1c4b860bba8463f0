//! One operation of a batch as a write.

use axum::http::{HeaderMap, header};
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::store::{Edit, Holders, Idempotency, Place};
use holdfast_store::{Id, Json, Kind, Precondition, Write, json};

use crate::api::chats::{PlaceQuery, head_edit};
use crate::api::error::{ApiError, ApiResult};
use crate::api::items::same_id;
use crate::api::metrics::cost_entry;
use crate::api::precondition::precondition;
use crate::api::request::{Caller, Fields, LONGEST_WORD};
use crate::api::stores::{check_name, device};

/// What an operation asks for. Errors: 400 for what a batch cannot do, and as the route of its path.
pub(super) fn write(operation: &Json, caller: &Caller) -> ApiResult<Write> {
    let fields = Fields::of(operation)?;
    let method = fields.text("method").unwrap_or_default().to_ascii_uppercase();
    let path = fields.text("path").unwrap_or_default();
    if path.contains('?') {
        return Err(ApiError::invalid_body(format!("The path '{path}' has a query: operations take none")));
    }
    let base = base(&fields)?;
    let below = path.strip_prefix("/_holdfast").unwrap_or(&path).strip_prefix("/api/").unwrap_or("");
    let segments: Vec<String> = below.split('/').map(decoded).collect::<ApiResult<_>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let write = match segments.as_slice() {
        ["stores", name] => store(&method, name, &fields, base, caller)?,
        ["chats", id] => chat(&method, id, &fields, base)?,
        ["chats", id, "messages", mid] => message(&method, id, mid, &fields, base)?,
        ["folders", id] => item(&method, Kind::Folder, id, &fields, base)?,
        ["personas", "custom", id] => item(&method, Kind::Persona, id, &fields, base)?,
        ["assets", id] => asset(&method, id, &fields, base)?,
        ["metrics"] => cost(&method, &fields)?,
        _ => None,
    };
    let write = write.ok_or_else(|| unknown(&method, &path))?;
    Ok(match idempotency(operation, &fields)? {
        Some(idempotency) => Write::Once { idempotency, write: Box::new(write) },
        None => write,
    })
}

/// The key of an operation is good for the same operation only.
fn idempotency(operation: &Json, fields: &Fields<'_>) -> ApiResult<Option<Idempotency>> {
    let Some(raw) = fields.raw("idempotencyKey").filter(|raw| *raw != "null") else { return Ok(None) };
    let key = json::as_text(raw).filter(|key| (1..=LONGEST_WORD).contains(&key.len()));
    let key = key.ok_or_else(|| ApiError::invalid_body("idempotencyKey has 1 to 200 characters"))?;
    let request = *blake3::hash(operation.as_str().as_bytes()).as_bytes();
    Ok(Some(Idempotency { key: key.into_owned(), request }))
}

fn body(fields: &Fields<'_>) -> ApiResult<Json> {
    fields.required("body", "body is required")
}

fn place(fields: &Fields<'_>) -> Place {
    PlaceQuery { after: fields.text("after") }.place()
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
    let device = device(&name, fields.text("device"), caller)?;
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
            Some(Write::PutConversation { id, body: body.into(), place: place(fields), precondition })
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
            Some(Write::PutMessage { conversation, id, body, place: place(fields), precondition })
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

fn asset(
    method: &str,
    id: &str,
    fields: &Fields<'_>,
    precondition: Precondition,
) -> ApiResult<Option<Write>> {
    let id = Id::parse(id)?;
    Ok(match method {
        "PUT" => {
            let record = body(fields)?;
            same_id(&record, &id, "Asset ID mismatch")?;
            Some(Write::PutAsset { id, record, precondition })
        }
        "DELETE" => Some(Write::DeleteAsset { id, spared: Holders::None, precondition }),
        _ => None,
    })
}

fn cost(method: &str, fields: &Fields<'_>) -> ApiResult<Option<Write>> {
    if method != "POST" {
        return Ok(None);
    }
    let body = body(fields)?;
    let entry = Fields::of(&body)?;
    if entry.text("operation").as_deref() != Some("addCostEntry") {
        return Ok(None);
    }
    Ok(Some(Write::AddCost(cost_entry(&entry)?)))
}

/// An array is a JSON Patch, as a merge patch of a head is never one.
fn edit(body: Json) -> Edit {
    if body.elements().is_some() { Edit::JsonPatch(body) } else { Edit::MergePatch(body) }
}

/// An edit without a base of its own still needs something to edit, or the batch is not made.
fn of_present(precondition: Precondition) -> Precondition {
    if precondition == Precondition::None { Precondition::Present } else { precondition }
}

/// What an operation is based on, as the headers `If-Match` and `If-None-Match` of a request say it.
fn base(fields: &Fields<'_>) -> ApiResult<Precondition> {
    let mut headers = HeaderMap::new();
    for (field, name) in [("ifMatch", header::IF_MATCH), ("ifNoneMatch", header::IF_NONE_MATCH)] {
        let Some(raw) = fields.raw(field).filter(|raw| *raw != "null") else { continue };
        let text = json::as_text(raw).filter(|text| field == "ifMatch" || text == "*");
        let value = text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            ApiError::invalid_body("ifMatch must be an ETag, which is a string, and ifNoneMatch \"*\"")
        })?;
        headers.insert(name, value);
    }
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
        .hint("Use PUT, PATCH or DELETE on a chat, message, folder, store, asset or custom persona, or POST a cost entry.")
}
