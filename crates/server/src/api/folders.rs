//! `/api/folders`: folders and the conversations in them.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::store::Edit;
use holdfast_store::{Id, Json, Kind, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::{Answer, Written};
use crate::api::chats;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::items;
use crate::api::request::{Body, Caller, PathId, PathIds};
use crate::app::App;

const STORE: &str = "app-folders";

/// All folders.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct FolderList {
    pub success: bool,
    /// `{id, title, color, conversationIds}`.
    #[schema(value_type = Vec<Object>)]
    pub folders: Json,
    #[schema(value_type = bool)]
    pub enable_folders: Json,
    pub revision: i64,
    pub epoch: String,
}

/// Lists the folders
#[utoipa::path(get, path = "/api/folders", tag = "folders",
    responses((status = 200, body = FolderList), (status = "default", body = ErrorBody)))]
pub async fn list_folders(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let document = items::document(&app, &caller, STORE).await?;
    let state = |name: &str| document.as_ref().and_then(|d| d.data.as_ref()?.field(name));
    let epoch = app.store.epoch();
    let revision = document.as_ref().map_or(0, |d| d.revision);
    let body = FolderList {
        success: true,
        folders: state("folders").unwrap_or_else(|| Json::array([])),
        enable_folders: state("enableFolders").unwrap_or_else(|| Json::from_value(&false.into())),
        revision,
        epoch: epoch.to_string(),
    };
    Ok(Answer::json(&body)?.tag(&epoch, revision, ""))
}

/// All folders, to write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct FoldersBody {
    #[schema(value_type = Vec<Object>)]
    pub folders: serde::de::IgnoredAny,
    pub enable_folders: Option<bool>,
}

/// Replaces all folders
#[utoipa::path(put, path = "/api/folders", tag = "folders", request_body = FoldersBody,
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn put_folders(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let fields = body.object()?;
    let folders = fields.required("folders", "folders must be an array")?;
    if folders.elements().is_none() {
        return Err(ApiError::invalid_body("folders must be an array"));
    }
    let mut members = vec![("folders", folders)];
    members.extend(fields.json("enableFolders").map(|enabled| ("enableFolders", enabled)));
    let outcome = items::replace_members(&app, &caller, body.bytes(), STORE, &members).await?;
    written(&app, "Folders saved successfully", &outcome)
}

/// One folder.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct FolderAnswer {
    pub success: bool,
    #[schema(value_type = Object)]
    pub folder: Json,
    pub revision: i64,
    pub epoch: String,
}

/// Gives one folder
#[utoipa::path(get, path = "/api/folders/{id}", tag = "folders", params(("id" = String, Path)),
    responses((status = 200, body = FolderAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let item = app.store.item(&caller.owner, Kind::Folder, &id).await?.ok_or_else(|| absent(&id))?;
    let epoch = app.store.epoch();
    let body =
        FolderAnswer { success: true, folder: item.body, revision: item.revision, epoch: epoch.to_string() };
    Ok(Answer::json(&body)?.tag(&epoch, item.revision, ""))
}

/// Creates or replaces one folder
#[utoipa::path(put, path = "/api/folders/{id}", tag = "folders", params(("id" = String, Path)),
    request_body = Object, responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn put_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    items::same_id(&body.json, &id, "Folder ID mismatch")?;
    let outcome = items::put(&app, &caller, &body, (Kind::Folder, &id), body.json.clone()).await?;
    written(&app, &format!("Folder '{id}' saved successfully"), &outcome)
}

/// Changes one folder
#[utoipa::path(patch, path = "/api/folders/{id}", tag = "folders", params(("id" = String, Path)),
    request_body(content((Object = "application/merge-patch+json"), (Vec<Object> = "application/json-patch+json"))),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn patch_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Answer> {
    let edit = chats::edit(&body);
    let outcome = items::edit(&app, &caller, body.bytes(), (Kind::Folder, &id), edit).await?;
    written(&app, &format!("Folder '{id}' updated successfully"), &outcome.ok_or_else(|| absent(&id))?)
}

/// Deletes one folder; its conversations stay
#[utoipa::path(delete, path = "/api/folders/{id}", tag = "folders", params(("id" = String, Path)),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn delete_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let outcome = items::delete(&app, &caller, Kind::Folder, &id).await?.ok_or_else(|| absent(&id))?;
    written(&app, &format!("Folder '{id}' deleted successfully"), &outcome)
}

/// Puts a conversation into a folder
#[utoipa::path(put, path = "/api/folders/{id}/conversations/{cid}", tag = "folders",
    params(("id" = String, Path), ("cid" = String, Path)),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn add_to_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathIds(id, cid): PathIds,
) -> ApiResult<Answer> {
    let edit = Edit::Include { member: Some("conversationIds"), value: Json::string(cid.as_str()) };
    let outcome = items::edit(&app, &caller, b"", (Kind::Folder, &id), edit).await?;
    written(&app, &format!("Folder '{id}' updated successfully"), &outcome.ok_or_else(|| absent(&id))?)
}

/// Takes a conversation out of a folder
#[utoipa::path(delete, path = "/api/folders/{id}/conversations/{cid}", tag = "folders",
    params(("id" = String, Path), ("cid" = String, Path)),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn remove_from_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathIds(id, cid): PathIds,
) -> ApiResult<Answer> {
    let edit = Edit::Exclude { member: Some("conversationIds"), value: Json::string(cid.as_str()) };
    let outcome = items::edit(&app, &caller, b"", (Kind::Folder, &id), edit).await?;
    written(&app, &format!("Folder '{id}' updated successfully"), &outcome.ok_or_else(|| absent(&id))?)
}

fn absent(id: &Id) -> ApiError {
    ApiError::not_found(format!("Folder '{id}' not found"))
}

fn written(app: &App, message: &str, outcome: &Outcome) -> ApiResult<Answer> {
    let epoch = app.store.epoch();
    Written::new(message, &epoch, outcome).answer(&epoch)
}
