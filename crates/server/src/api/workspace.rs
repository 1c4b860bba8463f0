//! `/api/workspace`: which live files belong to which workspace.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::store::Edit;
use holdfast_store::{Id, Json, Kind, Outcome, Precondition, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::{Answer, Written};
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::items;
use crate::api::request::{Body, Caller, Fields, PathId};
use crate::app::App;

const STORE: &str = "agi-client-workspace";
const FILES: &str = "liveFilesByWorkspace";

/// All workspaces: `data.liveFilesByWorkspace` goes from an id to file ids.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct WorkspaceAnswer {
    pub success: bool,
    #[schema(value_type = Object)]
    pub data: Json,
}

/// Lists all workspaces
#[utoipa::path(get, path = "/api/workspace", tag = "workspace",
    responses((status = 200, body = WorkspaceAnswer), (status = "default", body = ErrorBody)))]
pub async fn list_workspaces(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let seen = app.store.cursor(&caller.owner).await?;
    let workspaces = app.store.items(&caller.owner, Kind::WorkspaceFiles).await?;
    let files = Json::object(workspaces.iter().map(|w| (w.id.as_str(), &w.body)));
    let answer = WorkspaceAnswer { success: true, data: Json::object([(FILES, &files)]) };
    Ok(Answer::json(&answer)?.tag(&seen.epoch, seen.seq, ""))
}

/// All workspaces, to write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct WorkspaceBody {
    #[schema(value_type = Object)]
    pub live_files_by_workspace: serde::de::IgnoredAny,
}

/// Replaces all workspaces
#[utoipa::path(post, path = "/api/workspace", tag = "workspace", request_body = WorkspaceBody,
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn save_workspaces(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let files = body.object()?.json(FILES).filter(|files| files.members().is_some());
    let files = files.ok_or_else(|| ApiError::invalid_body("liveFilesByWorkspace must be an object"))?;
    let outcome = items::replace_members(&app, &caller, body.bytes(), STORE, &[(FILES, files)]).await?;
    written(&app, "Workspace store saved successfully", &outcome)
}

/// Empties all workspaces
#[utoipa::path(delete, path = "/api/workspace", tag = "workspace",
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn clear_workspaces(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let members = [(FILES, Json::object([]))];
    let outcome = items::replace_members(&app, &caller, b"", STORE, &members).await?;
    written(&app, "Workspace store cleared successfully", &outcome)
}

/// One workspace.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct WorkspaceFiles {
    pub workspace_id: String,
    #[schema(value_type = Vec<String>)]
    pub files: Json,
}

/// See [`WorkspaceFiles`].
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct WorkspaceFilesAnswer {
    pub success: bool,
    pub data: WorkspaceFiles,
}

/// Gives the files of one workspace
#[utoipa::path(get, path = "/api/workspace/{id}", tag = "workspace", params(("id" = String, Path)),
    responses((status = 200, body = WorkspaceFilesAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let seen = app.store.cursor(&caller.owner).await?;
    let item = app.store.item(&caller.owner, Kind::WorkspaceFiles, &id).await?;
    let files = item.map_or_else(|| Json::array([]), |i| i.body);
    let data = WorkspaceFiles { workspace_id: id.to_string(), files };
    Ok(Answer::json(&WorkspaceFilesAnswer { success: true, data })?.tag(&seen.epoch, seen.seq, ""))
}

/// What to do with one workspace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct WorkspaceOperation {
    /// `assign`, `unassign` or `copy`; `action` is another name for it.
    pub operation: String,
    pub file_id: Option<String>,
    /// With `copy`: the workspace whose files are added.
    pub source_workspace_id: Option<String>,
}

/// Assigns a file, takes one out, or copies those of another workspace
#[utoipa::path(post, path = "/api/workspace/{id}", tag = "workspace", params(("id" = String, Path)),
    request_body = WorkspaceOperation,
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn change_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    let fields = body.object()?;
    let operation = fields.text("operation").or_else(|| fields.text("action")).unwrap_or_default();
    let (edits, message) = match operation.as_str() {
        "assign" => {
            let value = file_id(&fields, "assign")?;
            (vec![Edit::Include { member: None, value }], "File assigned to workspace successfully")
        }
        "unassign" => {
            let value = file_id(&fields, "unassign")?;
            (vec![Edit::Exclude { member: None, value }], "File unassigned from workspace successfully")
        }
        "copy" => (copied(&app, &caller, &fields).await?, "Files copied to workspace successfully"),
        _ => return Err(ApiError::invalid_body("Invalid operation. Use: assign, unassign, or copy")),
    };
    // Only the first edit meets what the caller saw: the others come after this request's own.
    let mut precondition = caller.precondition.clone();
    let write = |edit| Write::EditItem {
        kind: Kind::WorkspaceFiles,
        id: id.clone(),
        edit,
        precondition: std::mem::replace(&mut precondition, Precondition::None),
    };
    let writes = edits.into_iter().map(write).collect();
    let outcomes = app.store.apply(&caller.writer_of(body.bytes()), writes).await?;
    written(&app, message, &outcomes.into_iter().next_back().unwrap_or_default())
}

fn file_id(fields: &Fields<'_>, operation: &str) -> ApiResult<Json> {
    let id = fields.text("fileId").filter(|id| !id.is_empty());
    let id =
        id.ok_or_else(|| ApiError::invalid_body(format!("fileId is required for {operation} operation")))?;
    Ok(Json::string(Id::parse(&id)?.as_str()))
}

async fn copied(app: &App, caller: &Caller, fields: &Fields<'_>) -> ApiResult<Vec<Edit>> {
    let source = fields.text("sourceWorkspaceId").filter(|id| !id.is_empty());
    let source =
        source.ok_or_else(|| ApiError::invalid_body("sourceWorkspaceId is required for copy operation"))?;
    let item = app.store.item(&caller.owner, Kind::WorkspaceFiles, &Id::parse(&source)?).await?;
    let files: Vec<Json> = item
        .iter()
        .flat_map(|i| i.body.elements().into_iter().flatten())
        .filter_map(|raw| Json::parse(raw).ok())
        .collect();
    Ok(files.into_iter().map(|value| Edit::Include { member: None, value }).collect())
}

/// Empties one workspace
#[utoipa::path(delete, path = "/api/workspace/{id}", tag = "workspace", params(("id" = String, Path)),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn delete_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    // What is absent is as good as deleted here: the first system answered so.
    let outcome = items::delete(&app, &caller, Kind::WorkspaceFiles, &id).await?.unwrap_or_default();
    written(&app, "Workspace cleared successfully", &outcome)
}

/// Takes a file out of every workspace
#[utoipa::path(delete, path = "/api/workspace/files/{file}", tag = "workspace", params(("file" = String, Path)),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn unassign_file(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(file): PathId,
) -> ApiResult<Answer> {
    let write = Write::UnassignFile { file: file.to_string() };
    let outcome = app.write(&caller.writer(), write).await?;
    written(&app, "File unassigned from all workspaces successfully", &outcome)
}

fn written(app: &App, message: &str, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    Written::new(message, &epoch, outcome).answer(&epoch)
}
