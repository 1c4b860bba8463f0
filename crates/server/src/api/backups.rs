//! `/api/backups`: copies of the database in `backups/` beside it, each read back before it is reported.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{StreamExt as _, unfold};
use holdfast_store::url::Access;
use holdfast_store::{Id, OpenOptions};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use utoipa::ToSchema;

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};
use crate::api::request::PathId;
use crate::app::{App, now};
use crate::backup::{self, BackupError};

/// A backup that was read back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Backup {
    pub id: String,
    /// Milliseconds since 1970.
    pub at: i64,
    pub bytes: u64,
    /// Equal for databases with equal content.
    pub content_hash: String,
    /// It was read back and nothing was wrong.
    pub verified: bool,
    /// What was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// All backups, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct BackupList {
    pub success: bool,
    pub backups: Vec<Backup>,
}

/// One backup.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct BackupAnswer {
    pub success: bool,
    pub backup: Backup,
    pub message: String,
}

/// Lists the backups
#[utoipa::path(get, path = "/api/backups", tag = "care",
    responses((status = 200, body = BackupList), (status = "default", body = ErrorBody)))]
pub async fn list_backups(State(app): State<Arc<App>>) -> ApiResult<Answer> {
    let mut backups = Vec::new();
    if let Ok(mut entries) = tokio::fs::read_dir(directory(&app)).await {
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            if entry.path().extension().is_some_and(|e| e == "json")
                && let Ok(text) = tokio::fs::read(entry.path()).await
                && let Ok(backup) = serde_json::from_slice::<Backup>(&text)
            {
                backups.push(backup);
            }
        }
    }
    backups.sort_by(|a, b| b.id.cmp(&a.id));
    Answer::json(&BackupList { success: true, backups })
}

/// Makes a backup and reads it back
#[utoipa::path(post, path = "/api/backups", tag = "care",
    responses((status = 200, body = BackupAnswer), (status = "default", body = ErrorBody)))]
pub async fn make_backup(State(app): State<Arc<App>>) -> ApiResult<Answer> {
    // A task of its own: a client that leaves ends its request, and must not leave half a backup behind.
    let made = tokio::spawn(async move { make(&app).await }).await;
    let backup = made.map_err(|e| ApiError::internal(e.to_string()))??;
    answer(backup, "Backup made and read back; keep the key file too, it is not inside")
}

async fn make(app: &App) -> ApiResult<Backup> {
    let directory = directory(app);
    tokio::fs::create_dir_all(&directory).await.map_err(failed)?;
    let at = now();
    let stamp = jiff::Timestamp::from_millisecond(at).map_err(|e| ApiError::internal(e.to_string()))?;
    let id = format!("holdfast-{}", stamp.strftime("%Y%m%dT%H%M%S.%3fZ"));
    let path = directory.join(format!("{id}.db"));
    let made = backup::backup(app.store.as_ref(), &app.config.key_file, &path).await?;
    let (bytes, content_hash) = (made.bytes, made.content_hash);
    let backup = Backup { id, at, bytes, content_hash, verified: true, problems: Vec::new() };
    note(app, &backup).await?;
    Ok(backup)
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        let damaged = |cause: String| {
            let message = "The backup was made, but what was read back is damaged";
            let mut api = Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::BackupFailed, message);
            api.source = Some(cause);
            api
        };
        match error {
            BackupError::Store(why) => why.into(),
            BackupError::Io(_, why) => failed(why),
            exists @ BackupError::Exists(_) => failed(io::Error::other(exists.to_string())),
            BackupError::Damaged(checks) => {
                let problems: Vec<String> = checks.into_iter().flat_map(|c| c.problems).collect();
                damaged(problems.join("; "))
            }
            differs @ BackupError::Differs => damaged(differs.to_string()),
        }
    }
}

/// Reads a backup again
#[utoipa::path(post, path = "/api/backups/{id}/verify", tag = "care", params(("id" = String, Path)),
    responses((status = 200, body = BackupAnswer), (status = "default", body = ErrorBody)))]
pub async fn verify_backup(State(app): State<Arc<App>>, PathId(id): PathId) -> ApiResult<Answer> {
    let path = existing(&app, &id)?;
    let text = tokio::fs::read(path.with_extension("db.json")).await.map_err(failed)?;
    let mut backup: Backup = serde_json::from_slice(&text).map_err(|e| ApiError::internal(e.to_string()))?;
    let (content_hash, mut problems) = read_back(&app, &path).await?;
    if content_hash != backup.content_hash {
        problems.push("its content is not what was backed up".to_owned());
    }
    backup.verified = problems.is_empty();
    backup.problems = problems;
    note(&app, &backup).await?;
    let message =
        if backup.verified { "The backup is good" } else { "The backup is damaged: make another one" };
    answer(backup, message)
}

/// Gives the file of a backup
#[utoipa::path(get, path = "/api/backups/{id}", tag = "care", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.sqlite3"),
        (status = "default", body = ErrorBody)))]
pub async fn get_backup(State(app): State<Arc<App>>, PathId(id): PathId) -> ApiResult<Response> {
    let file = tokio::fs::File::open(existing(&app, &id)?).await.map_err(failed)?;
    let size = file.metadata().await.map_err(failed)?.len();
    let chunks = unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut chunk = vec![0; 256 << 10];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                Some((Ok(Bytes::from(chunk)), Some(file)))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut response = Response::new(Body::from_stream(chunks.fuse()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.sqlite3"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.db\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn directory(app: &App) -> PathBuf {
    app.config.db.with_file_name("backups")
}

/// The file of a backup: ids are plain names here, never paths.
fn existing(app: &App, id: &Id) -> ApiResult<PathBuf> {
    let plain = id.as_str().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    let path = directory(app).join(format!("{id}.db"));
    if plain && path.is_file() {
        Ok(path)
    } else {
        Err(ApiError::not_found(format!("Backup '{id}' not found")))
    }
}

/// Opens a copy beside the server and reads all of it: its content hash, and what is wrong.
async fn read_back(app: &App, path: &Path) -> ApiResult<(String, Vec<String>)> {
    let options = OpenOptions {
        key_file: app.config.key_file.clone(),
        access: Access::ReadOnly,
        readers: 1,
        ..OpenOptions::sqlite(path)
    };
    let opened = tokio::task::spawn_blocking(move || holdfast_store::open(&options)).await;
    let copy = opened.map_err(|e| ApiError::internal(e.to_string()))??;
    let problems = copy.verify().await?.into_iter().flat_map(|check| check.problems).collect();
    let hash = copy.content_hash().await?;
    Ok((hash, problems))
}

async fn note(app: &App, backup: &Backup) -> ApiResult<()> {
    let text = serde_json::to_vec(backup).map_err(|e| ApiError::internal(e.to_string()))?;
    let path = directory(app).join(format!("{}.db.json", backup.id));
    tokio::fs::write(path, text).await.map_err(failed)
}

fn answer(backup: Backup, message: &str) -> ApiResult<Answer> {
    Answer::json(&BackupAnswer { success: true, backup, message: message.to_owned() })
}

#[allow(clippy::needless_pass_by_value)]
fn failed(error: io::Error) -> ApiError {
    let message = "The backups directory beside the database cannot be used";
    let mut api = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, Code::BackupFailed, message);
    api.source = Some(error.to_string());
    api.hint("Check the directory's permissions and the space on its disk.")
}
