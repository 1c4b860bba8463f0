//! `/api/history`: versions that were overwritten or deleted, and the way back to them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use holdfast_store::history::{Version, VersionFilter};
use holdfast_store::{Json, Kind, Write};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, Written};
use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};
use crate::api::items;
use crate::api::request::{Body, Caller, Params, PathId};
use crate::api::stores::shown;
use crate::app::App;

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// What kind of entity.
    kind: Option<String>,
    /// The entity they belong to: a message's conversation.
    parent: Option<String>,
    /// The entity.
    id: Option<String>,
    /// Page size, 1 to 1,000; by default 100.
    limit: Option<usize>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A kept version.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct VersionEntry {
    /// The revision it had while it was current.
    pub revision: i64,
    /// When it was replaced, milliseconds since 1970.
    pub at: i64,
    /// Who replaced it.
    pub client: Option<String>,
    /// What replaced it: `put` or `delete`.
    pub op: String,
    pub bytes: i64,
    pub kind: String,
    pub parent: Option<String>,
    pub id: String,
}

impl From<Version> for VersionEntry {
    fn from(v: Version) -> Self {
        Self {
            revision: v.revision,
            at: v.at,
            client: v.client,
            op: v.op,
            bytes: v.bytes,
            kind: v.kind,
            parent: v.parent,
            id: v.id,
        }
    }
}

/// A page of versions, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct VersionPage {
    pub success: bool,
    pub versions: Vec<VersionEntry>,
    pub next_cursor: Option<String>,
}

/// Lists kept versions
#[utoipa::path(get, path = "/api/history", tag = "history", params(VersionQuery),
    responses((status = 200, body = VersionPage), (status = "default", body = ErrorBody)))]
pub async fn list_versions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<VersionQuery>,
) -> ApiResult<Answer> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let filter = VersionFilter { kind: query.kind, parent: query.parent, id: query.id };
    let page = app.store.versions(&caller.owner, &filter, query.cursor.as_deref(), limit).await?;
    let versions = page.items.into_iter().map(Into::into).collect();
    Answer::json(&VersionPage { success: true, versions, next_cursor: page.next })
}

/// A kept version with its body.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct VersionAnswer {
    pub success: bool,
    pub version: VersionEntry,
    #[schema(value_type = serde_json::Value)]
    pub body: Json,
}

/// Gives a kept version with its body
#[utoipa::path(get, path = "/api/history/{revision}", tag = "history", params(("revision" = i64, Path)),
    responses((status = 200, body = VersionAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_version(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(revision): PathId,
) -> ApiResult<Answer> {
    let number = revision.as_str().parse().map_err(|_| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidId, "A revision is a whole number")
    })?;
    let found = app.store.version(&caller.owner, number).await?;
    let found =
        found.ok_or_else(|| ApiError::not_found(format!("No version with revision {revision} is kept")))?;
    let name = match Kind::parse(&found.version.kind) {
        Some(Kind::LlmService) => Some("app-models"),
        Some(Kind::Document) => Some(found.version.id.as_str()),
        _ => None,
    };
    let body = name.map_or(found.body.clone(), |name| shown(&caller, name, found.body.clone()));
    Answer::json(&VersionAnswer { success: true, version: found.version.into(), body })
}

/// Which version becomes current.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct RestoreBody {
    pub kind: String,
    pub parent: Option<String>,
    pub id: String,
    pub revision: i64,
}

/// Makes a kept version current again, as a new revision; also brings back what was deleted
#[utoipa::path(post, path = "/api/history/restore", tag = "history", request_body = RestoreBody,
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn restore_version(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let fields = body.object()?;
    let name = fields.text("kind").unwrap_or_default();
    let kind = Kind::parse(&name).ok_or_else(|| ApiError::invalid_body(format!("Unknown kind '{name}'")))?;
    let revision = fields.raw("revision").and_then(|raw| raw.parse().ok());
    let revision = revision.ok_or_else(|| ApiError::invalid_body("revision must be a whole number"))?;
    let id = fields.text("id").ok_or_else(|| ApiError::invalid_body("id is required"))?;
    let write = Write::Restore {
        kind,
        parent: fields.text("parent"),
        id: id.clone(),
        revision,
        precondition: caller.precondition.clone(),
    };
    let absent =
        || ApiError::not_found(format!("No version with revision {revision} of {name} '{id}' is kept"));
    let result = app.write(&caller.writer_of(body.bytes()), write).await;
    let outcome = items::present(result)?.ok_or_else(absent)?;
    let epoch = app.store.epoch();
    Written::new(format!("Revision {revision} restored"), &epoch, &outcome).answer(&epoch)
}
