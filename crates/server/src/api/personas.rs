//! `/api/personas`: custom personas, hidden ones, and the prompts of single conversations.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::item::Item;
use holdfast_store::json;
use holdfast_store::{Id, Json, Kind, Outcome, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::items;
use crate::api::request::{Body, Caller, PathId};
use crate::app::App;

/// Everything about personas.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PersonaList {
    #[schema(value_type = Vec<String>)]
    pub hidden_personas: Json,
    #[schema(value_type = Vec<Object>)]
    pub custom_personas: Json,
    /// From a conversation's id to its prompt.
    #[schema(value_type = Object)]
    pub conversation_custom_prompts: Json,
}

/// What a write did.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PersonaWritten {
    pub success: bool,
    pub revision: i64,
    pub epoch: String,
}

fn written(app: &App, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    let body = PersonaWritten { success: true, revision: outcome.revision, epoch: epoch.to_string() };
    Ok(Answer::json(&body)?.tag(&epoch, outcome.revision, ""))
}

/// Lists hidden personas, custom personas and prompts
#[utoipa::path(get, path = "/api/personas", tag = "personas",
    responses((status = 200, body = PersonaList), (status = "default", body = ErrorBody)))]
pub async fn list_personas(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let hidden = app.store.items(&caller.owner, Kind::HiddenPersona).await?;
    let custom = app.store.items(&caller.owner, Kind::Persona).await?;
    let prompts = app.store.items(&caller.owner, Kind::ConversationPrompt).await?;
    Answer::json(&PersonaList {
        hidden_personas: bodies(&hidden),
        custom_personas: bodies(&custom),
        conversation_custom_prompts: Json::object(prompts.iter().map(|p| (p.id.as_str(), &p.body))),
    })
}

fn bodies(items: &[Item]) -> Json {
    Json::array(items.iter().map(|i| &i.body))
}

/// Creates or replaces a custom persona
#[utoipa::path(post, path = "/api/personas", tag = "personas", request_body = Object,
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn save_persona(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let fields = body.object()?;
    let missing = "Missing required fields: id, systemPrompt, creationDate";
    let id = fields.required("id", missing)?;
    fields.required("systemPrompt", missing)?;
    fields.required("creationDate", missing)?;
    let id = Id::from_json(id.as_str())?;
    let outcome = items::put(&app, &caller, &body, (Kind::Persona, &id), body.json.clone()).await?;
    written(&app, &outcome)
}

/// Creates or replaces a custom persona
#[utoipa::path(put, path = "/api/personas/custom/{id}", tag = "personas", params(("id" = String, Path)),
    request_body = Object,
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn put_persona(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    items::same_id(&body.json, &id, "Persona ID mismatch")?;
    let outcome = items::put(&app, &caller, &body, (Kind::Persona, &id), body.json.clone()).await?;
    written(&app, &outcome)
}

/// Gives a custom persona as it is
#[utoipa::path(get, path = "/api/personas/custom/{id}", tag = "personas", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = "default", body = ErrorBody)))]
pub async fn get_persona(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let item = app.store.item(&caller.owner, Kind::Persona, &id).await?.ok_or_else(absent)?;
    Ok(Answer::text(item.body.as_str().to_owned()).tag(&app.store.epoch(), item.revision, ""))
}

/// Deletes a custom persona
#[utoipa::path(delete, path = "/api/personas/custom/{id}", tag = "personas", params(("id" = String, Path)),
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn delete_persona(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let outcome = items::delete(&app, &caller, Kind::Persona, &id).await?.ok_or_else(absent)?;
    written(&app, &outcome)
}

fn absent() -> ApiError {
    ApiError::not_found("Custom persona not found")
}

/// The hidden personas.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct HiddenList {
    #[schema(value_type = Vec<String>)]
    pub hidden_personas: Json,
}

/// Lists the hidden personas
#[utoipa::path(get, path = "/api/personas/hidden", tag = "personas",
    responses((status = 200, body = HiddenList), (status = "default", body = ErrorBody)))]
pub async fn list_hidden(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let hidden = app.store.items(&caller.owner, Kind::HiddenPersona).await?;
    Answer::json(&HiddenList { hidden_personas: bodies(&hidden) })
}

/// The personas to hide.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct HiddenBody {
    pub persona_ids: Vec<String>,
}

/// Replaces the list of hidden personas
#[utoipa::path(put, path = "/api/personas/hidden", tag = "personas", request_body = HiddenBody,
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn put_hidden(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let ids = body.object()?.json("personaIds").filter(|ids| ids.elements().is_some());
    let ids = ids.ok_or_else(|| ApiError::invalid_body("personaIds must be an array"))?;
    for id in ids.elements().into_iter().flatten() {
        Id::from_json(id)?;
    }
    let members = [("hiddenPurposeIDs", ids)];
    let outcome = items::replace_members(&app, &caller, body.bytes(), "app-purpose", &members).await?;
    written(&app, &outcome)
}

/// One persona.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct ToggleBody {
    pub persona_id: String,
}

/// Hides a persona, or shows it when it is hidden
#[utoipa::path(post, path = "/api/personas/hidden", tag = "personas", request_body = ToggleBody,
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn toggle_hidden(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    toggle(&app, &caller, &body).await
}

/// Hides a persona, or shows it when it is hidden; another name for `POST /api/personas/hidden`
#[utoipa::path(post, path = "/api/personas/hidden/toggle", tag = "personas", request_body = ToggleBody,
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn toggle_hidden_alias(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Body,
) -> ApiResult<Answer> {
    toggle(&app, &caller, &body).await
}

async fn toggle(app: &App, caller: &Caller, body: &Body) -> ApiResult<Answer> {
    let id = body.object()?.text("personaId").filter(|id| !id.is_empty());
    let id = Id::parse(&id.ok_or_else(|| ApiError::invalid_body("personaId is required"))?)?;
    let outcome = app.write(&caller.writer_of(body.bytes()), Write::TogglePersona { id }).await?;
    written(app, &outcome)
}

/// The prompt of one conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Prompt {
    #[schema(value_type = Option<String>)]
    pub system_prompt: Option<Json>,
}

/// Gives the prompt of one conversation; `null` when it has none
#[utoipa::path(get, path = "/api/personas/conversation/{id}", tag = "personas", params(("id" = String, Path)),
    responses((status = 200, body = Prompt), (status = "default", body = ErrorBody)))]
pub async fn get_prompt(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let item = app.store.item(&caller.owner, Kind::ConversationPrompt, &id).await?;
    let revision = item.as_ref().map(|i| i.revision);
    let answer = Answer::json(&Prompt { system_prompt: item.map(|i| i.body) })?;
    Ok(match revision {
        Some(revision) => answer.tag(&app.store.epoch(), revision, ""),
        None => answer,
    })
}

/// Sets the prompt of one conversation
#[utoipa::path(put, path = "/api/personas/conversation/{id}", tag = "personas", params(("id" = String, Path)),
    request_body = Prompt,
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn put_prompt(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    let prompt = body.object()?.required("systemPrompt", "systemPrompt is required")?;
    if json::as_text(prompt.as_str()).is_none() {
        return Err(ApiError::invalid_body("systemPrompt must be a string"));
    }
    let outcome = items::put(&app, &caller, &body, (Kind::ConversationPrompt, &id), prompt).await?;
    written(&app, &outcome)
}

/// Deletes the prompt of one conversation
#[utoipa::path(delete, path = "/api/personas/conversation/{id}", tag = "personas",
    params(("id" = String, Path)),
    responses((status = 200, body = PersonaWritten), (status = "default", body = ErrorBody)))]
pub async fn delete_prompt(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    // What is absent is as good as deleted here: the first system answered so.
    let outcome = items::delete(&app, &caller, Kind::ConversationPrompt, &id).await?;
    written(&app, &outcome.unwrap_or_default())
}
