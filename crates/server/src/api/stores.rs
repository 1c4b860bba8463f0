//! Writes of `/api/stores`: the app's stores as whole documents, whatever tables are beneath.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::document::{Document, Mode, NewDocument, is_device_local};
use holdfast_store::item::{self, CHATS};
use holdfast_store::{Effect, Id, Json, Outcome, StoreError, Write, seal};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, Counts};
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Body, Caller, Fields, Params, PathId};
use crate::app::App;

/// A store's state as this caller may see it: chats are never masked, they hold none of our secrets.
pub(crate) fn shown(caller: &Caller, name: &str, data: Json) -> Json {
    let secret = name != CHATS && (name == "app-models" || seal::is_secret(name, data.as_str()));
    if secret { caller.shown(data) } else { data }
}

/// The device whose store is meant; empty for shared ones, and for callers that do not say which they are.
pub(crate) fn device(name: &Id, asked: Option<String>, caller: &Caller) -> ApiResult<String> {
    let local = is_device_local(name.as_str());
    let device = asked.or_else(|| caller.client.clone().filter(|_| local)).unwrap_or_default();
    if device.is_empty() {
        return Ok(device);
    }
    if !local {
        return Err(ApiError::invalid_query("only device-local stores have a device"));
    }
    Id::parse(&device)?;
    Ok(device)
}

/// Refuses a name that a route has.
pub(crate) fn check_name(name: &Id) -> ApiResult<()> {
    if name.as_str() != "init" {
        return Ok(());
    }
    Err(StoreError::InvalidId("'init' is the name of a route".to_owned()).into())
}

/// A store of a device, or the shared one where the device has none of its own.
pub(crate) async fn find(
    app: &App,
    caller: &Caller,
    name: &Id,
    device: &str,
    shell: bool,
) -> ApiResult<Option<Document>> {
    let own = app.store.document(&caller.owner, name, device, shell).await?;
    if own.is_some() || device.is_empty() {
        return Ok(own);
    }
    Ok(app.store.document(&caller.owner, name, "", shell).await?)
}

/// How to write a store.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WriteQuery {
    /// With device-local stores: whose; by default that of `Holdfast-Client`.
    device: Option<String>,
    /// `replace` deletes entities that are not named; `merge` keeps them.
    mode: Option<String>,
    /// The number of rows that may be deleted.
    confirm: Option<u64>,
}

/// A store to write.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct StoreBody {
    /// With `POST` only.
    pub name: Option<String>,
    #[schema(value_type = serde_json::Value)]
    pub data: serde::de::IgnoredAny,
    /// Missing keeps what is stored.
    pub version: Option<i64>,
    /// The browser's value was not wrapped in `{state, version}`.
    pub bare: Option<bool>,
    /// Keys beside `state` and `version`; missing keeps what is stored.
    #[schema(value_type = Option<Object>)]
    pub beside: Option<serde::de::IgnoredAny>,
}

/// What a write of a store did.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct StoreWritten {
    pub success: bool,
    pub message: String,
    pub epoch: String,
    pub revision: i64,
    pub unchanged: bool,
    /// What happened to the store's entities; only for stores with tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Counts>,
    /// Incognito conversations that were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
}

/// Creates or replaces a store
#[utoipa::path(post, path = "/api/stores", tag = "stores", params(WriteQuery), request_body = StoreBody,
    responses((status = 200, body = StoreWritten), (status = "default", body = ErrorBody)))]
pub async fn save_store(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<WriteQuery>,
    body: Body,
) -> ApiResult<Answer> {
    let fields = body.object()?;
    let name = fields.text("name").filter(|n| !n.is_empty());
    let name = Id::parse(&name.ok_or_else(|| ApiError::invalid_body("Store name is required"))?)?;
    let outcome = write(&app, &caller, &name, query, &body, &fields).await?;
    written(&app, format!("Store '{name}' saved successfully"), name.as_str(), &outcome)
}

/// Creates or replaces a store
#[utoipa::path(put, path = "/api/stores/{name}", tag = "stores", params(("name" = String, Path), WriteQuery),
    request_body = StoreBody,
    responses((status = 200, body = StoreWritten), (status = "default", body = ErrorBody)))]
pub async fn put_store(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(name): PathId,
    Params(query): Params<WriteQuery>,
    body: Body,
) -> ApiResult<Answer> {
    let fields = body.object()?;
    let outcome = write(&app, &caller, &name, query, &body, &fields).await?;
    written(&app, format!("Store '{name}' updated successfully"), name.as_str(), &outcome)
}

async fn write(
    app: &App,
    caller: &Caller,
    name: &Id,
    query: WriteQuery,
    body: &Body,
    fields: &Fields<'_>,
) -> ApiResult<Outcome> {
    check_name(name)?;
    let device = device(name, query.device, caller)?;
    let mut data = fields.required("data", "Store data is required")?;
    if name.as_str() != CHATS && data.as_str().contains(seal::MASK) {
        let stored = find(app, caller, name, &device, false).await?;
        if let Some(stored) = stored.and_then(|d| d.data) {
            data = seal::unmask(&data, &stored);
        }
    }
    let mode = match query.mode.as_deref() {
        None | Some("replace") => Mode::Replace,
        Some("merge") => Mode::Merge,
        Some(other) => {
            return Err(ApiError::invalid_query(format!("Unknown mode '{other}': use replace or merge")));
        }
    };
    let document = NewDocument {
        name: name.clone(),
        device,
        data,
        version: fields.json("version"),
        bare: fields.is_true("bare"),
        beside: fields.json("beside").filter(|b| b.members().is_some()),
    };
    let precondition = caller.precondition.clone();
    let write = Write::PutDocument { document, mode, confirm: query.confirm, precondition };
    Ok(app.write(&caller.writer_of(body.bytes()), write).await?)
}

fn written(app: &App, message: String, name: &str, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    let items = item::has_tables(name).then(|| Counts::from(outcome.items));
    let note = items.as_ref().map(|i| i.note("row")).unwrap_or_default();
    let body = StoreWritten {
        success: true,
        message,
        epoch: epoch.to_string(),
        revision: outcome.revision,
        unchanged: outcome.effect == Effect::Unchanged,
        items,
        skipped: (name == CHATS).then_some(outcome.skipped),
    };
    Ok(Answer::json(&body)?.tag(&epoch, outcome.revision, "").note(note))
}

/// Deletes a store with all its entities
#[utoipa::path(delete, path = "/api/stores/{name}", tag = "stores", params(("name" = String, Path), WriteQuery),
    responses((status = 200, body = StoreWritten), (status = "default", body = ErrorBody)))]
pub async fn delete_store(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(name): PathId,
    Params(query): Params<WriteQuery>,
) -> ApiResult<Answer> {
    let write = Write::DeleteDocument {
        name: name.clone(),
        device: device(&name, query.device, &caller)?,
        confirm: query.confirm,
        precondition: caller.precondition.clone(),
    };
    let outcome = match app.write(&caller.writer(), write).await {
        Ok(outcome) if outcome.effect != Effect::Absent => outcome,
        Ok(_) | Err(StoreError::NotFound(_)) => return Err(ApiError::store_not_found(&name)),
        Err(error) => return Err(error.into()),
    };
    written(&app, format!("Store '{name}' deleted successfully"), name.as_str(), &outcome)
}
