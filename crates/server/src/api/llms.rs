//! `/api/llms`: model services, models, and which model does what.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::item::Item;
use holdfast_store::json;
use holdfast_store::store::Edit;
use holdfast_store::{Id, Json, Kind, Outcome, seal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::{Answer, Written};
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::items;
use crate::api::request::{Body, Caller, PathId};
use crate::app::App;

const STORE: &str = "app-models";

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct LlmCounts {
    pub services: usize,
    pub models: usize,
    pub assignments: usize,
}

/// All services, models and assignments.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LlmData {
    #[schema(value_type = Vec<Object>)]
    pub services: Json,
    #[schema(value_type = Vec<Object>)]
    pub models: Json,
    #[schema(value_type = Option<String>)]
    pub conf_service_id: Option<Json>,
    #[schema(value_type = Object)]
    pub assignments: Json,
    pub counts: LlmCounts,
}

/// See [`LlmData`].
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct LlmList {
    pub success: bool,
    pub data: LlmData,
    pub revision: i64,
    pub epoch: String,
}

/// Lists services, models and assignments
#[utoipa::path(get, path = "/api/llms", tag = "llms",
    responses((status = 200, body = LlmList), (status = "default", body = ErrorBody)))]
pub async fn list_llms(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    // One document, so that the four parts are of one moment.
    let document = items::document(&app, &caller, STORE).await?;
    let state = |name: &str| document.as_ref().and_then(|d| d.data.as_ref()?.field(name));
    let services = state("sources").unwrap_or_else(|| Json::array([]));
    let models = state("llms").unwrap_or_else(|| Json::array([]));
    let assignments = state("modelAssignments").unwrap_or_else(|| Json::object([]));
    let counts = counts(&services, &models, &assignments);
    let data = LlmData {
        services: caller.shown(services),
        models,
        conf_service_id: state("confServiceId"),
        assignments,
        counts,
    };
    let epoch = app.store.epoch();
    let revision = document.as_ref().map_or(0, |d| d.revision);
    let body = LlmList { success: true, data, revision, epoch: epoch.to_string() };
    Ok(Answer::json(&body)?.tag(&epoch, revision, caller.view()))
}

fn counts(services: &Json, models: &Json, assignments: &Json) -> LlmCounts {
    let length = |json: &Json| json.elements().map_or(0, Iterator::count);
    LlmCounts {
        services: length(services),
        models: length(models),
        assignments: assignments.members().map_or(0, Iterator::count),
    }
}

/// Everything, to write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct LlmsBody {
    #[schema(value_type = Vec<Object>)]
    pub llms: serde::de::IgnoredAny,
    #[schema(value_type = Vec<Object>)]
    pub sources: serde::de::IgnoredAny,
    pub conf_service_id: Option<String>,
    #[schema(value_type = Object)]
    pub model_assignments: serde::de::IgnoredAny,
}

/// What a write of everything did.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct LlmsWritten {
    pub success: bool,
    pub message: String,
    pub counts: LlmCounts,
    pub revision: i64,
    pub epoch: String,
}

/// Replaces all services, models and assignments
#[utoipa::path(post, path = "/api/llms", tag = "llms", request_body = LlmsBody,
    responses((status = 200, body = LlmsWritten), (status = "default", body = ErrorBody)))]
pub async fn save_llms(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let fields = body.object()?;
    let missing = "Missing required fields: llms, sources, modelAssignments";
    let models = fields.required("llms", missing)?;
    let services = fields.required("sources", missing)?;
    let assignments = fields.required("modelAssignments", missing)?;
    if models.elements().is_none() || services.elements().is_none() || assignments.members().is_none() {
        return Err(ApiError::invalid_body("llms and sources are arrays, modelAssignments is an object"));
    }
    let services = unmasked(&app, &caller, services).await?;
    let counts = counts(&services, &models, &assignments);
    let mut members: Vec<(&str, Json)> = fields.iter().filter(|(name, _)| *name != "sources").collect();
    members.push(("sources", services));
    let outcome = items::replace_members(&app, &caller, body.bytes(), STORE, &members).await?;
    let epoch = app.store.epoch();
    let body = LlmsWritten {
        success: true,
        message: "LLM store saved successfully".to_owned(),
        counts,
        revision: outcome.revision,
        epoch: epoch.to_string(),
    };
    Ok(Answer::json(&body)?.tag(&epoch, outcome.revision, ""))
}

/// Services with the stored secrets where masks came back.
async fn unmasked(app: &App, caller: &Caller, services: Json) -> ApiResult<Json> {
    if !services.as_str().contains(seal::MASK) {
        return Ok(services);
    }
    let stored = app.store.items(&caller.owner, Kind::LlmService).await?;
    Ok(seal::unmask(&services, &Json::array(stored.iter().map(|i| &i.body))))
}

/// Deletes all services, models and assignments
#[utoipa::path(delete, path = "/api/llms", tag = "llms",
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn clear_llms(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let members = [
        ("llms", Json::array([])),
        ("sources", Json::array([])),
        ("modelAssignments", Json::object([])),
        ("confServiceId", Json::from_value(&serde_json::Value::Null)),
    ];
    let outcome = items::replace_members(&app, &caller, b"", STORE, &members).await?;
    let epoch = app.store.epoch();
    Written::new("LLM store cleared successfully", &epoch, &outcome).answer(&epoch)
}

/// A service or a model. `data` of a service is `{service, models, modelCount}`, of a model `{model, service}`.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct LlmAnswer {
    pub success: bool,
    /// `service` or `model`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[schema(value_type = Object)]
    pub data: Json,
    pub revision: i64,
    pub epoch: String,
}

/// Gives one service with its models, or one model with its service
#[utoipa::path(get, path = "/api/llms/{id}", tag = "llms", params(("id" = String, Path)),
    responses((status = 200, body = LlmAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_llm(State(app): State<Arc<App>>, caller: Caller, PathId(id): PathId) -> ApiResult<Answer> {
    let (kind, item) = find(&app, &caller, &id).await?;
    let data = if kind == Kind::LlmService {
        let models = app.store.items(&caller.owner, Kind::LlmModel).await?;
        let of_it = |m: &&Item| m.body.get("sId").and_then(json::as_text).as_deref() == Some(id.as_str());
        let models: Vec<&Json> = models.iter().filter(of_it).map(|m| &m.body).collect();
        let count = Json::from_value(&models.len().into());
        let (service, models) = (caller.shown(item.body), Json::array(models));
        Json::object([("service", &service), ("models", &models), ("modelCount", &count)])
    } else {
        let service = item.body.get("sId").and_then(json::as_text).and_then(|s| Id::parse(&s).ok());
        let service = match service {
            Some(service) => app.store.item(&caller.owner, Kind::LlmService, &service).await?,
            None => None,
        };
        let service =
            service.map_or_else(|| Json::from_value(&serde_json::Value::Null), |s| caller.shown(s.body));
        Json::object([("model", &item.body), ("service", &service)])
    };
    answer(&app, kind, None, data, item.revision, caller.view())
}

/// A service wins when both have the id.
async fn find(app: &App, caller: &Caller, id: &Id) -> ApiResult<(Kind, Item)> {
    for kind in [Kind::LlmService, Kind::LlmModel] {
        if let Some(item) = app.store.item(&caller.owner, kind, id).await? {
            return Ok((kind, item));
        }
    }
    Err(absent())
}

fn absent() -> ApiError {
    ApiError::not_found("Service or model not found")
}

fn answer(
    app: &App,
    kind: Kind,
    message: Option<String>,
    data: Json,
    revision: i64,
    view: &str,
) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    let kind = if kind == Kind::LlmService { "service" } else { "model" };
    let body = LlmAnswer { success: true, kind, message, data, revision, epoch: epoch.to_string() };
    Ok(Answer::json(&body)?.tag(&epoch, revision, view))
}

/// Changes the named fields of one service or model, each as a whole
#[utoipa::path(put, path = "/api/llms/{id}", tag = "llms", params(("id" = String, Path)), request_body = Object,
    responses((status = 200, body = LlmAnswer), (status = "default", body = ErrorBody)))]
pub async fn put_llm(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    body.object()?;
    let (kind, stored) = find(&app, &caller, &id).await?;
    // The edit is made inside the store's transaction, so that edits of others are never lost.
    let edit = Edit::Assign(seal::unmask(&body.json, &stored.body));
    let outcome = items::edit(&app, &caller, body.bytes(), (kind, &id), edit).await?.ok_or_else(absent)?;
    let now = match &outcome.body {
        Some(now) => now.clone(),
        None => app.store.item(&caller.owner, kind, &id).await?.ok_or_else(absent)?.body,
    };
    let what = if kind == Kind::LlmService { "Service" } else { "Model" };
    let data = if kind == Kind::LlmService { caller.shown(now) } else { now };
    let message = format!("{what} updated successfully");
    answer(&app, kind, Some(message), data, outcome.revision, caller.view())
}

/// Deletes a service with its models and their assignments, or a model with its assignments
#[utoipa::path(delete, path = "/api/llms/{id}", tag = "llms", params(("id" = String, Path)),
    responses((status = 200, body = LlmAnswer), (status = "default", body = ErrorBody)))]
pub async fn delete_llm(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let (kind, stored) = find(&app, &caller, &id).await?;
    let outcome = items::delete(&app, &caller, kind, &id).await?.ok_or_else(absent)?;
    let (message, data) = deleted(&caller, kind, stored.body, &outcome);
    answer(&app, kind, Some(message.to_owned()), data, outcome.revision, "")
}

fn deleted(caller: &Caller, kind: Kind, body: Json, outcome: &Outcome) -> (&'static str, Json) {
    let number = |n: u64| Json::from_value(&n.into());
    let assignments = number(outcome.assignments_removed);
    if kind == Kind::LlmService {
        let (service, models) = (caller.shown(body), number(outcome.models_removed));
        let fields =
            [("deletedService", &service), ("modelsRemoved", &models), ("assignmentsRemoved", &assignments)];
        ("Service deleted successfully", Json::object(fields))
    } else {
        let fields = [("deletedModel", &body), ("assignmentsRemoved", &assignments)];
        ("Model deleted successfully", Json::object(fields))
    }
}
