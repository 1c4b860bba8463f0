//! `/api/imports` and `/api/export`: the app's own files in and out, for the command line beside a running
//! server and for pages.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::{Id, Json, Writer};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Caller, ImportBody, Params};
use crate::app::{self, App};
use crate::export;
use crate::import::{self, ImportError, Input, Options, Report};

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Report what would happen, write nothing.
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

/// What became of the files.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ImportAnswer {
    pub success: bool,
    pub report: Report,
}

/// Imports a file of the app
///
/// The body is the file, or an array of files. A flash backup, an export of all chats or of one chat, and a
/// capture are told apart by their content. A database of the first SQLite system goes in as
/// `{"schema":"holdfast.file","base64":"…"}`. Importing the same again changes nothing.
#[utoipa::path(post, path = "/api/imports", tag = "imports", params(ImportQuery), request_body = Object,
    responses((status = 200, body = ImportAnswer), (status = "default", body = ErrorBody)))]
pub async fn create_import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ImportQuery>,
    ImportBody(body): ImportBody,
) -> ApiResult<Answer> {
    check_device(&query.device)?;
    let inputs = read(&body, query.name.as_deref())?;
    let options = Options { overwrite: query.overwrite, device: query.device };
    let plan = import::plan(app.store.as_ref(), &caller.owner, inputs, &options, &|_| ()).await?;
    let report = if query.dry_run {
        plan.preview()
    } else {
        // The key of the request is not the store's to replay: an import repeated changes nothing anyway.
        let writer = Writer { idempotency: None, ..caller.writer() };
        plan.apply(app.store.as_ref(), &writer, &|_| ()).await?
    };
    let note = format!("{} files imported", report.files.len());
    Ok(Answer::json(&ImportAnswer { success: true, report })?.note(note))
}

fn check_device(device: &str) -> ApiResult<()> {
    if !device.is_empty() {
        Id::parse(device)?;
    }
    Ok(())
}

/// The files in a body.
fn read(body: &Json, name: Option<&str>) -> ApiResult<Vec<Input>> {
    let one = |name: String, file: &Json| -> ApiResult<Input> {
        Ok(Input { name, bundle: import::read_json(file)? })
    };
    let Some(files) = body.elements() else {
        return Ok(vec![one(name.unwrap_or("upload").to_owned(), body)?]);
    };
    let files = files.enumerate().map(|(index, file)| one(format!("file {index}"), &Json::parse(file)?));
    files.collect()
}

/// What to export.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Take the device-local stores of this device.
    #[serde(default)]
    device: String,
    /// `false` leaves images and sounds out.
    images: Option<bool>,
}

/// Gives the flash backup that the app can restore
#[utoipa::path(get, path = "/api/export", tag = "imports", params(ExportQuery),
    responses((status = 200, body = Object), (status = "default", body = ErrorBody)))]
pub async fn get_export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ExportQuery>,
) -> ApiResult<Answer> {
    let options = export::Options {
        device: query.device,
        images: query.images.unwrap_or(true),
        secrets: caller.reads_secrets,
        now: app::now(),
    };
    Ok(Answer::text(export::flash_backup(app.store.as_ref(), &caller.owner, &options).await?))
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Json(why) => why.into(),
            ImportError::Store(why) => why.into(),
            ImportError::Unknown { .. }
            | ImportError::UnknownDatabase { .. }
            | ImportError::Packed { .. }
            | ImportError::Unreadable { .. }
            | ImportError::Database { .. }
            | ImportError::Damaged { .. } => Self::invalid_body(error.to_string())
                .hint("Send a flash backup, an export of chats, a capture, or a database of the first SQLite system."),
        }
    }
}
