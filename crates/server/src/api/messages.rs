//! `/api/chats/{id}/messages`: one message at a time.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use holdfast_store::json::quote;
use holdfast_store::store::FragmentRef;
use holdfast_store::{Effect, Id, Json, Outcome, Precondition, StoreError, Write, json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::chats::PlaceQuery;
use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};
use crate::api::request::{Body, Caller, Params, PathId, PathIds};
use crate::app::App;

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `nextCursor` of the page before: older messages.
    before: Option<String>,
    /// Page size, 1 to 1,000; by default 100.
    limit: Option<usize>,
}

/// A page of messages, oldest first; the first page holds the newest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct MessagePage {
    pub success: bool,
    #[schema(value_type = Vec<serde_json::Value>)]
    pub messages: Vec<Json>,
    /// The revision of each message of the page.
    pub revisions: Vec<i64>,
    /// Leads to older messages.
    pub next_cursor: Option<String>,
    pub epoch: String,
}

/// Lists the messages of a conversation, the newest page first
#[utoipa::path(get, path = "/api/chats/{id}/messages", tag = "chats", params(("id" = String, Path), PageQuery),
    responses((status = 200, body = MessagePage), (status = "default", body = ErrorBody)))]
pub async fn list_messages(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    Params(query): Params<PageQuery>,
) -> ApiResult<Answer> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let page = app.store.messages(&caller.owner, &id, query.before.as_deref(), limit).await?;
    let page = page.ok_or_else(|| ApiError::conversation_not_found(&id))?;
    let epoch = app.store.epoch();
    let last = page.items.iter().map(|m| m.conversation_revision).max();
    let (messages, revisions) = page.items.into_iter().map(|m| (m.body, m.revision)).unzip();
    let body =
        MessagePage { success: true, messages, revisions, next_cursor: page.next, epoch: epoch.to_string() };
    let answer = Answer::json(&body)?;
    Ok(match last {
        Some(revision) => answer.tag(&epoch, revision, "messages"),
        None => answer,
    })
}

/// One message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct MessageAnswer {
    pub success: bool,
    #[schema(value_type = Object)]
    pub message: Json,
    pub revision: i64,
    pub conversation_revision: i64,
    pub epoch: String,
}

/// Gives one message
#[utoipa::path(get, path = "/api/chats/{id}/messages/{mid}", tag = "chats",
    params(("id" = String, Path), ("mid" = String, Path)),
    responses((status = 200, body = MessageAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_message(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathIds(id, mid): PathIds,
) -> ApiResult<Answer> {
    let found = app.store.message(&caller.owner, &id, &mid).await?;
    let found = found.ok_or_else(|| ApiError::message_not_found(&mid))?;
    let epoch = app.store.epoch();
    let end = format!(
        ",\"revision\":{},\"conversationRevision\":{},\"epoch\":{}}}",
        found.revision,
        found.conversation_revision,
        quote(&epoch.0)
    );
    let body = [r#"{"success":true,"message":"#, found.body.as_str(), &end].concat();
    Ok(Answer::text(body).tag(&epoch, found.revision, ""))
}

/// What a write of a message did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct MessageWritten {
    pub success: bool,
    pub message: String,
    pub revision: i64,
    pub conversation_revision: i64,
    pub epoch: String,
    /// It already was what was asked for.
    pub unchanged: bool,
}

/// Creates or replaces one message
#[utoipa::path(put, path = "/api/chats/{id}/messages/{mid}", tag = "chats",
    params(("id" = String, Path), ("mid" = String, Path), PlaceQuery), request_body = Object,
    responses((status = 200, body = MessageWritten), (status = "default", body = ErrorBody)))]
pub async fn put_message(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathIds(id, mid): PathIds,
    Params(query): Params<PlaceQuery>,
    body: Body,
) -> ApiResult<Answer> {
    if body.json.members().is_none() {
        return Err(ApiError::invalid_body("A message is a JSON object"));
    }
    if body.json.get("id").map(Id::from_json).transpose()?.as_ref() != Some(&mid) {
        return Err(ApiError::invalid_body("Message ID mismatch"));
    }
    let write = Write::PutMessage {
        conversation: id.clone(),
        id: mid.clone(),
        body: body.json.clone(),
        place: query.place(),
        precondition: caller.precondition.clone(),
    };
    let outcome = app.write(&caller.writer_of(body.bytes()), write).await?;
    written(&app, &mid, "saved", &outcome)
}

fn written(app: &App, mid: &Id, what: &str, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    let body = MessageWritten {
        success: true,
        message: format!("Message '{mid}' {what} successfully"),
        revision: outcome.revision,
        conversation_revision: outcome.conversation_revision,
        epoch: epoch.to_string(),
        unchanged: outcome.effect == Effect::Unchanged,
    };
    let note = if body.unchanged { "unchanged".to_owned() } else { format!("1 message {what}") };
    Ok(Answer::json(&body)?.tag(&epoch, outcome.revision, "").note(note))
}

/// Deletes one message; its history keeps it
#[utoipa::path(delete, path = "/api/chats/{id}/messages/{mid}", tag = "chats",
    params(("id" = String, Path), ("mid" = String, Path)),
    responses((status = 200, body = MessageWritten), (status = "default", body = ErrorBody)))]
pub async fn delete_message(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathIds(id, mid): PathIds,
) -> ApiResult<Answer> {
    let write =
        Write::DeleteMessage { conversation: id, id: mid.clone(), precondition: caller.precondition.clone() };
    let outcome = match app.write(&caller.writer(), write).await {
        Ok(outcome) if outcome.effect != Effect::Absent => outcome,
        Ok(_) | Err(StoreError::NotFound(_)) => return Err(ApiError::message_not_found(&mid)),
        Err(error) => return Err(error.into()),
    };
    written(&app, &mid, "deleted", &outcome)
}

/// Text to append to a fragment.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct AppendBody {
    /// The fragment's place, from 0, or its `fId`.
    #[schema(value_type = serde_json::Value)]
    pub fragment: serde::de::IgnoredAny,
    pub text: String,
}

/// Appends text to a text fragment; needs `If-Match`
#[utoipa::path(post, path = "/api/chats/{id}/messages/{mid}/append", tag = "chats",
    params(("id" = String, Path), ("mid" = String, Path)), request_body = AppendBody,
    responses((status = 200, body = MessageWritten), (status = "default", body = ErrorBody)))]
pub async fn append_text(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathIds(id, mid): PathIds,
    body: Body,
) -> ApiResult<Answer> {
    // Without it, a repeated request would append twice.
    if !matches!(caller.precondition, Precondition::At { .. }) {
        let message = "An append needs If-Match";
        return Err(ApiError::new(StatusCode::PRECONDITION_REQUIRED, Code::PreconditionRequired, message));
    }
    let fields = body.object()?;
    let raw = fields.raw("fragment").unwrap_or("");
    let fragment = match json::as_text(raw) {
        Some(id) => Some(FragmentRef::Id(id.into_owned())),
        None => raw.parse().ok().map(FragmentRef::Index),
    };
    let fragment = fragment.ok_or_else(|| ApiError::invalid_body("fragment is a place from 0, or an fId"))?;
    let text = fields.text("text").ok_or_else(|| ApiError::invalid_body("text is required"))?;
    let write = Write::AppendText {
        conversation: id,
        id: mid.clone(),
        fragment,
        text,
        precondition: caller.precondition.clone(),
    };
    let outcome = app.write(&caller.writer_of(body.bytes()), write).await?;
    written(&app, &mid, "extended", &outcome)
}
