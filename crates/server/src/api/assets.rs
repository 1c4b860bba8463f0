//! `/api/assets`: images and sounds as the app's own records.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::store::Holders;
use holdfast_store::{Effect, Id, Json, Outcome, StoreError, Write};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, Written};
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::items;
use crate::api::request::{Body, Caller, Params, PathId};
use crate::app::App;

/// Which assets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Page size, 1 to 1,000; by default 100.
    limit: Option<usize>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A page of records, without their data.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AssetPage {
    pub success: bool,
    #[schema(value_type = Vec<Object>)]
    pub assets: Vec<Json>,
    pub next_cursor: Option<String>,
}

/// Lists the assets
#[utoipa::path(get, path = "/api/assets", tag = "assets", params(PageQuery),
    responses((status = 200, body = AssetPage), (status = "default", body = ErrorBody)))]
pub async fn list_assets(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Answer> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let seen = app.store.cursor(&caller.owner).await?;
    let page = app.store.assets(&caller.owner, query.cursor.as_deref(), limit).await?;
    let assets = page.items.into_iter().map(|a| a.record).collect();
    let page = AssetPage { success: true, assets, next_cursor: page.next };
    Ok(Answer::json(&page)?.tag(&seen.epoch, seen.seq, ""))
}

/// One asset, as the app's record with its data in base64.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct AssetAnswer {
    pub success: bool,
    #[schema(value_type = Object)]
    pub asset: Json,
    pub revision: i64,
    pub epoch: String,
}

/// Gives one asset with its data
#[utoipa::path(get, path = "/api/assets/{id}", tag = "assets", params(("id" = String, Path)),
    responses((status = 200, body = AssetAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_asset(State(app): State<Arc<App>>, caller: Caller, PathId(id): PathId) -> ApiResult<Answer> {
    let found = app.store.asset(&caller.owner, &id).await?.ok_or_else(|| absent(&id))?;
    let epoch = app.store.epoch();
    let body = AssetAnswer {
        success: true,
        asset: found.record,
        revision: found.revision,
        epoch: epoch.to_string(),
    };
    Ok(Answer::json(&body)?.tag(&epoch, found.revision, ""))
}

/// Creates or replaces an asset
#[utoipa::path(post, path = "/api/assets", tag = "assets", request_body = Object,
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn save_asset(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let id = body.object()?.required("id", "Asset ID is required")?;
    put(&app, &caller, Id::from_json(id.as_str())?, &body).await
}

/// Creates or replaces an asset
#[utoipa::path(put, path = "/api/assets/{id}", tag = "assets", params(("id" = String, Path)),
    request_body = Object, responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn put_asset(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    items::same_id(&body.json, &id, "Asset ID mismatch")?;
    put(&app, &caller, id, &body).await
}

async fn put(app: &App, caller: &Caller, id: Id, body: &Body) -> ApiResult<Answer> {
    let write = Write::PutAsset {
        id: id.clone(),
        record: body.json.clone(),
        precondition: caller.precondition.clone(),
    };
    let outcome = app.write(&caller.writer_of(body.bytes()), write).await?;
    written(app, &format!("Asset '{id}' saved successfully"), &outcome)
}

/// How to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteQuery {
    /// Delete it even while a conversation or a kept version refers to it.
    force: Option<bool>,
}

/// Deletes an asset unless something refers to it
#[utoipa::path(delete, path = "/api/assets/{id}", tag = "assets", params(("id" = String, Path), DeleteQuery),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn delete_asset(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    Params(query): Params<DeleteQuery>,
) -> ApiResult<Answer> {
    let write = Write::DeleteAsset {
        id: id.clone(),
        spared: if query.force.unwrap_or(false) { Holders::All } else { Holders::None },
        precondition: caller.precondition.clone(),
    };
    match app.write(&caller.writer(), write).await {
        Ok(outcome) if outcome.effect != Effect::Absent => {
            written(&app, &format!("Asset '{id}' deleted successfully"), &outcome)
        }
        Ok(_) | Err(StoreError::NotFound(_)) => Err(absent(&id)),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn absent(id: &Id) -> ApiError {
    ApiError::not_found(format!("Asset '{id}' not found"))
}

pub(crate) fn written(app: &App, message: &str, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    Written::new(message, &epoch, outcome).answer(&epoch)
}
