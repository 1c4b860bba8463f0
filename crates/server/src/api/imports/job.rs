//! Work on one session, in a task of its own: a client that leaves ends its request, not the import.

use std::future::Future;
use std::sync::Arc;

use axum::http::StatusCode;
use holdfast_store::{Id, Json, Owner};
use tokio::sync::watch;

use super::running::Progress;
use super::sessions;
use crate::api::error::{ApiError, ApiResult, Code};
use crate::app::App;
use crate::import::session::{Session, Sessions};
use crate::import::{self, Input};

/// What a step has.
pub(super) struct Job {
    app: Arc<App>,
    owner: Owner,
    pub(super) id: Id,
    progress: watch::Sender<Progress>,
}

impl Job {
    pub(super) fn sessions(&self) -> Sessions<'_> {
        sessions(&self.app, &self.owner)
    }

    pub(super) fn phase(&self, phase: &'static str, of: usize) {
        self.progress.send_replace(Progress { phase, done: 0, of });
    }

    pub(super) fn done(&self, done: usize) {
        self.progress.send_modify(|p| p.done = done);
    }

    /// Reads the files of an upload.
    pub(super) async fn read(&self, bytes: Vec<u8>, name: &str) -> ApiResult<Vec<Input>> {
        let name = name.to_owned();
        let read = tokio::task::spawn_blocking(move || read(&bytes, &name)).await;
        read.map_err(|e| ApiError::internal(e.to_string()))?
    }

    pub(super) async fn apply(&self, name: &str) -> ApiResult<Session> {
        let sessions = self.sessions();
        let inputs = self.read(sessions.source(&self.id).await?, name).await?;
        self.phase("writing", inputs.len());
        Ok(sessions.apply(&self.id, inputs, &|done| self.done(done)).await?)
    }
}

/// Takes a step; there is one at a time for each session.
pub(super) async fn work<F>(
    app: Arc<App>,
    owner: Owner,
    id: Id,
    phase: &'static str,
    step: impl FnOnce(Arc<Job>) -> F,
) -> ApiResult<Session>
where
    F: Future<Output = ApiResult<Session>> + Send + 'static,
{
    let busy = || {
        let message = format!("Import '{id}' is at work");
        ApiError::new(StatusCode::CONFLICT, Code::ImportState, message)
            .hint("Follow it at /api/imports/{id}/events, or stop it with DELETE.")
    };
    let progress = app.imports.begin(id.as_str(), phase).ok_or_else(busy)?;
    let job = Arc::new(Job { app: Arc::clone(&app), owner, id: id.clone(), progress });
    let task = tokio::spawn(step(job));
    app.imports.stoppable(id.as_str(), task.abort_handle());
    let ended = task.await;
    app.imports.end(id.as_str());
    match ended {
        Ok(result) => result,
        Err(why) if why.is_cancelled() => {
            Err(ApiError::new(StatusCode::CONFLICT, Code::ImportState, format!("Import '{id}' was stopped"))
                .hint("Nothing of it is written. Send the files again to begin anew."))
        }
        Err(why) => Err(ApiError::internal(why.to_string())),
    }
}

/// The files in an upload: it is one, or an array of them.
fn read(bytes: &[u8], name: &str) -> ApiResult<Vec<Input>> {
    let body = import::document(bytes)?;
    let one = |name: String, file: &Json| -> ApiResult<Input> {
        Ok(Input { name, bundle: import::read_json(file)? })
    };
    let Some(files) = body.elements().filter(|_| !import::is_known(&body)) else {
        return Ok(vec![one(name.to_owned(), &body)?]);
    };
    let files = files.enumerate().map(|(index, file)| one(format!("file {index}"), &Json::parse(file)?));
    files.collect()
}
