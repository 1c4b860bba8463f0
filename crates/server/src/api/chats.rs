//! `/api/chats`: conversations, whole and by their heads.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::conversation::head_without_messages;
use holdfast_store::json::quote;
use holdfast_store::store::{Edit, Place};
use holdfast_store::{Effect, Id, Json, Outcome, StoreError, Write};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, Counts, Written};
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Body, Caller, Params, PathId};
use crate::app::App;

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct Chat {
    pub success: bool,
    #[schema(value_type = Object)]
    pub conversation: Json,
    pub revision: i64,
    pub epoch: String,
}

/// Gives one conversation, whole
#[utoipa::path(get, path = "/api/chats/{id}", tag = "chats", params(("id" = String, Path)),
    responses((status = 200, body = Chat), (status = "default", body = ErrorBody)))]
pub async fn get_chat(State(app): State<Arc<App>>, caller: Caller, PathId(id): PathId) -> ApiResult<Answer> {
    let found = app.store.conversation(&caller.owner, &id).await?;
    let found = found.ok_or_else(|| ApiError::conversation_not_found(&id))?;
    let epoch = app.store.epoch();
    // The stored text is passed on as it is, never parsed; it comes with room for what goes around it.
    let mut body = found.text;
    body.insert_str(0, r#"{"success":true,"conversation":"#);
    body.push_str(&format!(",\"revision\":{},\"epoch\":{}}}", found.revision, quote(&epoch.0)));
    Ok(Answer::text(body).tag(&epoch, found.revision, ""))
}

/// A conversation to write.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct ChatBody {
    #[schema(value_type = Object)]
    pub conversation: serde::de::IgnoredAny,
}

/// Where a conversation goes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlaceQuery {
    /// After the one with this id; empty: first.
    pub after: Option<String>,
}

impl PlaceQuery {
    /// As the store knows it.
    pub fn place(self) -> Place {
        match self.after {
            None => Place::Usual,
            Some(id) if id.is_empty() => Place::First,
            Some(id) => Place::After(id),
        }
    }
}

/// What a write of a conversation did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ChatWritten {
    pub success: bool,
    pub message: String,
    pub conversation_id: String,
    pub revision: i64,
    pub conversation_revision: i64,
    pub epoch: String,
    /// It already was what was asked for.
    pub unchanged: bool,
    pub messages: Counts,
}

/// Creates or replaces a conversation
#[utoipa::path(post, path = "/api/chats", tag = "chats", params(PlaceQuery), request_body = ChatBody,
    responses((status = 200, body = ChatWritten), (status = "default", body = ErrorBody)))]
pub async fn save_chat(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<PlaceQuery>,
    body: Body,
) -> ApiResult<Answer> {
    let conversation = conversation(&body)?;
    let id = conversation.get("id").filter(|id| !matches!(*id, "null" | "\"\""));
    let id = Id::from_json(id.ok_or_else(|| ApiError::invalid_body("Conversation ID is required"))?)?;
    let outcome = put(&app, &caller, &id, query, &body, conversation).await?;
    written(&app, &id, "saved", &outcome)
}

/// Creates or replaces a conversation
#[utoipa::path(put, path = "/api/chats/{id}", tag = "chats", params(("id" = String, Path), PlaceQuery),
    request_body = ChatBody,
    responses((status = 200, body = ChatWritten), (status = "default", body = ErrorBody)))]
pub async fn put_chat(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    Params(query): Params<PlaceQuery>,
    body: Body,
) -> ApiResult<Answer> {
    let conversation = conversation(&body)?;
    let inner = conversation.get("id").map(Id::from_json).transpose()?;
    if inner.as_ref() != Some(&id) {
        return Err(ApiError::invalid_body("Conversation ID mismatch"));
    }
    let outcome = put(&app, &caller, &id, query, &body, conversation).await?;
    written(&app, &id, "updated", &outcome)
}

fn conversation(body: &Body) -> ApiResult<Json> {
    let conversation = body.object()?.json("conversation").filter(|c| c.as_str() != "null");
    let conversation = conversation.ok_or_else(|| ApiError::invalid_body("Conversation data is required"))?;
    if conversation.members().is_none() {
        return Err(ApiError::invalid_body("A conversation is a JSON object"));
    }
    Ok(conversation)
}

async fn put(
    app: &App,
    caller: &Caller,
    id: &Id,
    query: PlaceQuery,
    body: &Body,
    conversation: Json,
) -> ApiResult<Outcome> {
    let write = Write::PutConversation {
        id: id.clone(),
        body: conversation.into(),
        place: query.place(),
        precondition: caller.precondition.clone(),
    };
    Ok(app.write(&caller.writer_of(body.bytes()), write).await?)
}

fn written(app: &App, id: &Id, what: &str, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    let messages = Counts::from(outcome.messages);
    let note = messages.note("message");
    let body = ChatWritten {
        success: true,
        message: format!("Conversation '{id}' {what} successfully"),
        conversation_id: id.to_string(),
        revision: outcome.revision,
        conversation_revision: outcome.conversation_revision,
        epoch: epoch.to_string(),
        unchanged: outcome.effect == Effect::Unchanged,
        messages,
    };
    Ok(Answer::json(&body)?.tag(&epoch, outcome.revision, "").note(note))
}

/// The edit that a `PATCH` asks for, by its media type.
pub(crate) fn edit(body: &Body) -> Edit {
    if body.is_json_patch { Edit::JsonPatch(body.json.clone()) } else { Edit::MergePatch(body.json.clone()) }
}

/// Refuses an edit of a head that names the messages: it would change none of them.
pub(crate) fn head_edit(edit: Edit) -> ApiResult<Edit> {
    match &edit {
        Edit::MergePatch(patch) if patch.get("messages").is_some() => Err(ApiError::invalid_body(
            "A patch of a conversation changes its head, not its messages",
        )
        .hint("Write messages one by one at /api/chats/{id}/messages/{mid}, or PUT the conversation.")),
        _ => Ok(edit),
    }
}

/// Changes the head of a conversation
#[utoipa::path(patch, path = "/api/chats/{id}", tag = "chats", params(("id" = String, Path)),
    request_body(content((Object = "application/merge-patch+json"), (Vec<Object> = "application/json-patch+json"))),
    responses((status = 200, body = Chat), (status = "default", body = ErrorBody)))]
pub async fn patch_chat(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    let write = Write::EditConversation {
        id: id.clone(),
        edit: head_edit(edit(&body))?,
        precondition: caller.precondition.clone(),
    };
    let outcome = match app.write(&caller.writer_of(body.bytes()), write).await {
        Ok(outcome) if outcome.effect != Effect::Absent => outcome,
        Ok(_) | Err(StoreError::NotFound(_)) => return Err(ApiError::conversation_not_found(&id)),
        Err(error) => return Err(error.into()),
    };
    let head = match &outcome.body {
        Some(head) => head_without_messages(head.as_str()),
        None => {
            let head = app.store.conversation_head(&caller.owner, &id).await?;
            head_without_messages(&head.ok_or_else(|| ApiError::conversation_not_found(&id))?.text)
        }
    };
    let epoch = app.store.epoch();
    let body =
        Chat { success: true, conversation: head, revision: outcome.revision, epoch: epoch.to_string() };
    Ok(Answer::json(&body)?.tag(&epoch, outcome.revision, ""))
}

/// Deletes a conversation; its history keeps it
#[utoipa::path(delete, path = "/api/chats/{id}", tag = "chats", params(("id" = String, Path)),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn delete_chat(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let write = Write::DeleteConversation { id: id.clone(), precondition: caller.precondition.clone() };
    let outcome = match app.write(&caller.writer(), write).await {
        Ok(outcome) if outcome.effect != Effect::Absent => outcome,
        Ok(_) | Err(StoreError::NotFound(_)) => return Err(ApiError::conversation_not_found(&id)),
        Err(error) => return Err(error.into()),
    };
    let epoch = app.store.epoch();
    Written::new(format!("Conversation '{id}' deleted successfully"), &epoch, &outcome).answer(&epoch)
}
