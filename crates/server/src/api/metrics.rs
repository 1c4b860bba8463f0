//! `/api/metrics`: costs per model service, in dollars.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::item::METRICS;
use holdfast_store::json::{self, as_integer};
use holdfast_store::usage::{CostEntry, cents_to_nano};
use holdfast_store::{Id, Json, Outcome, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::{Answer, iso_time};
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Body, Caller, Fields, PathId};
use crate::app::{App, now};

/// The metrics of all services.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct MetricsAnswer {
    pub success: bool,
    /// `{serviceMetrics: {SERVICE: {totalCosts, totalSavings, …}}}`; for one service its metrics.
    #[schema(value_type = Object)]
    pub data: Json,
    #[serde(rename = "serviceId", skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    pub timestamp: String,
}

/// Gives the metrics of all services
#[utoipa::path(get, path = "/api/metrics", tag = "metrics",
    responses((status = 200, body = MetricsAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_metrics(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let metrics = app.store.metrics(&caller.owner).await?;
    let services = Json::object(metrics.iter().map(|m| (m.service_id.as_str(), &m.metrics)));
    let data = Json::object([("serviceMetrics", &services)]);
    Answer::json(&MetricsAnswer { success: true, data, service_id: None, timestamp: iso_time(now()) })
}

/// Gives the metrics of one service
#[utoipa::path(get, path = "/api/metrics/{service}", tag = "metrics", params(("service" = String, Path)),
    responses((status = 200, body = MetricsAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_service_metrics(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(service): PathId,
) -> ApiResult<Answer> {
    let found = of_service(&app, &caller, &service).await?;
    let service_id = Some(service.to_string());
    Answer::json(&MetricsAnswer { success: true, data: found, service_id, timestamp: iso_time(now()) })
}

async fn of_service(app: &App, caller: &Caller, service: &Id) -> ApiResult<Json> {
    let metrics = app.store.metrics(&caller.owner).await?;
    let found = metrics.into_iter().find(|m| m.service_id == service.as_str());
    found.map(|m| m.metrics).ok_or_else(|| ApiError::not_found("Service metrics not found"))
}

/// What to do with the metrics.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct MetricsBody {
    /// `addCostEntry`, `saveStore` or `clear`; `action` is another name for it.
    pub operation: String,
    pub service_id: Option<String>,
    /// `{$c?, $cdCache?, $code?}`, in US cents.
    #[schema(value_type = Option<Object>)]
    pub costs: Option<serde::de::IgnoredAny>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub debug_cost_source: Option<String>,
    /// With `saveStore`: the state of `app-metrics`.
    #[schema(value_type = Option<Object>)]
    pub data: Option<serde::de::IgnoredAny>,
}

/// What a write of metrics did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct MetricsWritten {
    pub success: bool,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    pub timestamp: String,
    pub revision: i64,
    pub epoch: String,
    /// The request was answered before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

/// Adds a cost entry, replaces the metrics, or clears them
#[utoipa::path(post, path = "/api/metrics", tag = "metrics", request_body = MetricsBody,
    responses((status = 200, body = MetricsWritten), (status = "default", body = ErrorBody)))]
pub async fn change_metrics(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let fields = body.object()?;
    let operation = fields.text("operation").or_else(|| fields.text("action")).unwrap_or_default();
    let (write, message) = match operation.as_str() {
        "addCostEntry" => (Write::AddCost(cost_entry(&fields)?), "Cost entry added successfully"),
        "saveStore" => (save_store(&caller, &fields)?, "Metrics store saved successfully"),
        "clear" => (Write::ClearMetrics { service: None }, "Metrics store cleared successfully"),
        _ => return Err(ApiError::invalid_body("Invalid operation")),
    };
    let outcome = app.write(&caller.writer_of(body.bytes()), write).await?;
    written(&app, message, None, &outcome)
}

/// Clears the metrics of all services; the entries stay in the ledger
#[utoipa::path(delete, path = "/api/metrics", tag = "metrics",
    responses((status = 200, body = MetricsWritten), (status = "default", body = ErrorBody)))]
pub async fn clear_metrics(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let outcome = app.write(&caller.writer(), Write::ClearMetrics { service: None }).await?;
    written(&app, "Metrics store cleared successfully", None, &outcome)
}

/// Clears the metrics of one service; the entries stay in the ledger
#[utoipa::path(delete, path = "/api/metrics/{service}", tag = "metrics", params(("service" = String, Path)),
    responses((status = 200, body = MetricsWritten), (status = "default", body = ErrorBody)))]
pub async fn clear_service_metrics(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(service): PathId,
) -> ApiResult<Answer> {
    of_service(&app, &caller, &service).await?;
    let write = Write::ClearMetrics { service: Some(service.to_string()) };
    let outcome = app.write(&caller.writer(), write).await?;
    written(&app, "Service metrics cleared successfully", Some(service.to_string()), &outcome)
}

/// The cost entry in the fields of a request. Errors: 400 without a service, or for costs that are no numbers.
pub(crate) fn cost_entry(fields: &Fields<'_>) -> ApiResult<CostEntry> {
    let service_id = fields.text("serviceId").filter(|s| !s.is_empty());
    let costs = fields.raw("costs").unwrap_or("{}");
    // The flat names are those of the first system's guide.
    let cost = |name: &str, flat: &str| json::member(costs, name).or_else(|| fields.raw(flat));
    let cents = |name: &str, flat: &str| match cost(name, flat).filter(|raw| *raw != "null") {
        None => Ok(None),
        Some(raw) => match cents_to_nano(raw) {
            Some(nano) => Ok(Some(nano)),
            None => Err(ApiError::invalid_body(format!("costs.{name} is a number of US cents"))),
        },
    };
    let tokens = |name: &str| fields.raw(name).and_then(as_integer).unwrap_or(0);
    Ok(CostEntry {
        service_id: service_id.ok_or_else(|| ApiError::invalid_body("Service ID is required"))?,
        cost_nano: cents("$c", "costsCents")?,
        savings_nano: cents("$cdCache", "savingsCents")?,
        code: cost("$code", "costCode").and_then(json::as_text).map(Into::into),
        input_tokens: tokens("inputTokens"),
        output_tokens: tokens("outputTokens"),
        debug_source: fields.text("debugCostSource"),
        at: None,
        ledger_key: None,
    })
}

fn save_store(caller: &Caller, fields: &Fields<'_>) -> ApiResult<Write> {
    let document = NewDocument {
        name: Id::parse(METRICS)?,
        device: String::new(),
        data: fields.required("data", "Store data is required")?,
        version: None,
        bare: false,
        beside: None,
    };
    let precondition = caller.precondition.clone();
    Ok(Write::PutDocument { document, mode: Mode::Replace, confirm: None, precondition })
}

fn written(app: &App, message: &str, service_id: Option<String>, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    Answer::json(&MetricsWritten {
        success: true,
        message: message.to_owned(),
        service_id,
        timestamp: iso_time(now()),
        revision: outcome.revision,
        epoch: epoch.to_string(),
        replayed: outcome.replayed,
    })
}
