//! `GET /api/stores`: every store, newest change first.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::Json;
use holdfast_store::document::Document;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, sql_time};
use crate::api::error::{ApiResult, ErrorBody};
use crate::api::request::{Caller, Params};
use crate::api::stores::shown;
use crate::app::App;

/// Which stores to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `summary` leaves `data` out.
    view: Option<String>,
    /// `tables` gives `data` of stores with tables too.
    include: Option<String>,
}

/// One store in a list.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct StoreEntry {
    pub id: i64,
    pub name: String,
    /// The state as JSON inside a string; not in summaries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    #[schema(value_type = Option<i64>)]
    pub version: Option<Json>,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub created_at: String,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub updated_at: String,
    /// Size of the state in bytes.
    pub size: i64,
    /// The device it belongs to; empty for shared ones.
    pub device: String,
    /// The browser's value was not wrapped in `{state, version}`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bare: bool,
    pub revision: i64,
}

/// All stores, newest change first.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct StoreList {
    pub success: bool,
    pub stores: Vec<StoreEntry>,
    pub epoch: String,
}

/// Lists the stores
#[utoipa::path(get, path = "/api/stores", tag = "stores", params(ListQuery),
    responses((status = 200, body = StoreList), (status = "default", body = ErrorBody)))]
pub async fn list_stores(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> ApiResult<Answer> {
    let summary = query.view.as_deref() == Some("summary");
    let tables = !summary && query.include.as_deref() == Some("tables");
    let documents = app.store.documents(&caller.owner, tables).await?;
    let stores = documents.into_iter().map(|d| entry(d, &caller, summary)).collect();
    Answer::json(&StoreList { success: true, stores, epoch: app.store.epoch().to_string() })
}

fn entry(document: Document, caller: &Caller, summary: bool) -> StoreEntry {
    let text = |data: Json| shown(caller, &document.name, data).as_str().to_owned();
    StoreEntry {
        data: document.data.filter(|_| !summary).map(text),
        id: document.key,
        version: document.version,
        created_at: sql_time(document.created_at),
        updated_at: sql_time(document.updated_at),
        size: document.bytes,
        device: document.device,
        bare: document.bare,
        revision: document.revision,
        name: document.name,
    }
}
