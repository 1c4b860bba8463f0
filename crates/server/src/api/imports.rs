//! `/api/imports`: files on their way in, and back out again.

mod error;
mod job;
pub mod running;
mod staging;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::sse::{Event, Sse};
use futures::Stream;
use futures::stream::{once, unfold};
use holdfast_store::{Id, Owner};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Caller, Params, PathId};
use crate::api::requests::heartbeat;
use crate::app::{self, App};
use crate::import::session::{Changed, Session, Sessions};
use crate::import::{self, Options, Report};

use job::work;

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Only look: the session that is answered can be applied later.
    #[serde(default)]
    dry_run: bool,
    /// Take the file's version where another one is stored.
    #[serde(default)]
    overwrite: bool,
    /// The file's name, for the report.
    name: Option<String>,
    /// The device that device-local stores belong to; empty for none.
    #[serde(default)]
    device: String,
}

/// An import, and what it would do or did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ImportAnswer {
    pub success: bool,
    pub report: Option<Report>,
    pub import: Session,
}

/// All imports, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ImportList {
    pub success: bool,
    pub imports: Vec<Session>,
}

/// One event of an import that is followed.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, missing_docs, reason = "it describes the stream; the server writes its lines")]
struct ImportEvent {
    /// `progress` while it works, then `import`, once.
    event: String,
    /// JSON: with `progress` how far it is (`phase`, and `done` of `of` files), with `import` the session.
    data: String,
}

/// What becomes of things that were changed since.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RollBackQuery {
    /// `keep` or `undo`. Without it, a 409 lists them where there are any.
    #[param(inline)]
    changed: Option<Changed>,
}

/// Imports a file of the app, or looks at it first
///
/// The body is the file, or a JSON array of files; of any length up to `--max-import`, and streamed. A flash backup, an
/// export of all chats or of one chat, a capture, an archive and a database of the first SQLite system are told apart by
/// their content; in an array a database stands as `{"schema":"holdfast.file","base64":"…"}`. With `dry_run` nothing is
/// written; the session that is answered can be applied, and forgotten. Importing the same again changes nothing.
#[utoipa::path(post, path = "/api/imports", tag = "imports", params(ImportQuery),
    request_body(content((Object = "application/json"), (String = "application/x-ndjson"),
        (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, body = ImportAnswer), (status = "default", body = ErrorBody)))]
pub async fn create_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> ApiResult<Answer> {
    check_device(&query.device)?;
    let id = import::session::new_id(app::now())?;
    let options = Options { overwrite: query.overwrite, device: query.device };
    let staged =
        staging::stage(&directory(&app), id.clone(), request.into_body(), app.config.max_import).await?;
    let name = query.name.unwrap_or_else(|| "upload".to_owned());
    let session = work(Arc::clone(&app), caller.owner, id.clone(), "reading", move |job| async move {
        let (sessions, id) = (job.sessions(), &job.id);
        let bytes = tokio::task::spawn_blocking({
            let (path, key) = (sessions.path(id), staged.key.clone());
            move || import::staging::read(&path, &key)
        });
        let bytes = bytes.await.map_err(|e| ApiError::internal(e.to_string()))??;
        let found = async {
            let inputs = job.read(bytes, &name).await?;
            job.phase("comparing", inputs.len());
            Ok(sessions.preview(id, inputs, &options, Some(&staged), &|done| job.done(done)).await?)
        };
        match found.await {
            Ok(session) if query.dry_run => Ok(session),
            Ok(_) => job.apply(&name).await,
            Err(error) => {
                // What cannot be read is of no use to anybody.
                drop(std::fs::remove_file(sessions.path(id)));
                Err(error)
            }
        }
    })
    .await?;
    answer(session)
}

/// Lists the imports
#[utoipa::path(get, path = "/api/imports", tag = "imports",
    responses((status = 200, body = ImportList), (status = "default", body = ErrorBody)))]
pub async fn list_imports(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let imports = sessions(&app, &caller.owner).list().await?;
    Answer::json(&ImportList { success: true, imports })
}

/// Gives an import with its reports
#[utoipa::path(get, path = "/api/imports/{id}", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = ImportAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    answer(sessions(&app, &caller.owner).get(&id).await?)
}

/// Brings a previewed import in, as a whole or not at all
#[utoipa::path(post, path = "/api/imports/{id}/apply", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = ImportAnswer), (status = "default", body = ErrorBody)))]
pub async fn apply_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let name = name_of(&app, &caller.owner, &id).await?;
    answer(work(app, caller.owner, id, "reading", move |job| async move { job.apply(&name).await }).await?)
}

/// Reads the files of an applied import again and compares every entity with the store
#[utoipa::path(post, path = "/api/imports/{id}/verify", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = ImportAnswer), (status = "default", body = ErrorBody)))]
pub async fn verify_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let name = name_of(&app, &caller.owner, &id).await?;
    let verified = work(app, caller.owner, id, "reading", move |job| async move {
        let sessions = job.sessions();
        let inputs = job.read(sessions.source(&job.id).await?, &name).await?;
        job.phase("verifying", inputs.len());
        Ok(sessions.verify(&job.id, inputs).await?)
    });
    answer(verified.await?)
}

/// Takes an applied import back, as a whole or not at all
#[utoipa::path(post, path = "/api/imports/{id}/rollback", tag = "imports", params(("id" = String, Path), RollBackQuery),
    responses((status = 200, body = ImportAnswer), (status = "default", body = ErrorBody)))]
pub async fn roll_back_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    Params(query): Params<RollBackQuery>,
) -> ApiResult<Answer> {
    let session = work(app, caller.owner, id, "rollingBack", move |job| async move {
        Ok(job.sessions().roll_back(&job.id, query.changed).await?)
    });
    answer(session.await?)
}

/// Stops an import that is being looked at or applied, or forgets one; what was applied stays
#[utoipa::path(delete, path = "/api/imports/{id}", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = ImportAnswer), (status = "default", body = ErrorBody)))]
pub async fn delete_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Answer> {
    let sessions = sessions(&app, &caller.owner);
    if let Some(mut progress) = app.imports.follow(id.as_str()) {
        app.imports.stop(id.as_str());
        drop(progress.wait_for(|p| p.phase == "done").await);
    }
    let session = sessions.get(&id).await?;
    sessions.forget(&id).await?;
    answer(session)
}

/// Follows an import: events `progress` while it works, then one `import` with the session
#[utoipa::path(get, path = "/api/imports/{id}/events", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = ImportEvent, content_type = "text/event-stream"),
        (status = "default", body = ErrorBody)))]
pub async fn follow_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let progress = app.imports.follow(id.as_str());
    if progress.is_none() {
        sessions(&app, &caller.owner).get(&id).await?;
    }
    let steps = unfold(progress, |progress| async move {
        let mut progress = progress?;
        progress.changed().await.ok()?;
        let now = progress.borrow_and_update().clone();
        let rest = (now.phase != "done").then_some(progress);
        let data = serde_json::to_string(&now).unwrap_or_default();
        Some((Ok(Event::default().event("progress").data(data)), rest))
    });
    let end = once(async move {
        let session = sessions(&app, &caller.owner).get(&id).await.ok();
        let data = session.and_then(|s| serde_json::to_string(&s).ok()).unwrap_or_else(|| "null".to_owned());
        Ok(Event::default().event("import").data(data))
    });
    Ok(Sse::new(futures::StreamExt::chain(steps, end)).keep_alive(heartbeat()))
}

fn directory(app: &App) -> std::path::PathBuf {
    app.config.db.with_file_name("imports")
}

fn sessions<'a>(app: &'a App, owner: &'a Owner) -> Sessions<'a> {
    Sessions { store: app.store.as_ref(), owner, directory: directory(app) }
}

async fn name_of(app: &App, owner: &Owner, id: &Id) -> ApiResult<String> {
    let session = sessions(app, owner).get(id).await?;
    Ok(session.details.names.into_iter().next().unwrap_or_else(|| "upload".to_owned()))
}

fn answer(import: Session) -> ApiResult<Answer> {
    let note = format!("{}: {} files", import.state.name(), import.details.names.len());
    let report = import.details.report.clone();
    Ok(Answer::json(&ImportAnswer { success: true, report, import })?.note(note))
}

fn check_device(device: &str) -> ApiResult<()> {
    if !device.is_empty() {
        Id::parse(device)?;
    }
    Ok(())
}
