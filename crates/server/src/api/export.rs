//! `/api/export`: the data as files.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Caller, Params};
use crate::api::stream;
use crate::app::{self, App};
use crate::export::{self, Format};

/// What to export.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `flash` (a backup that the app can restore, the default), `all-chats` (the app's file of all chats),
    /// `markdown` (a zip with one file per chat) or `archive` (everything, as JSON Lines).
    format: Option<String>,
    /// For a flash backup: take the device-local stores of this device.
    #[serde(default)]
    device: String,
    /// `false` leaves images and sounds out.
    images: Option<bool>,
}

/// Gives the data as a file: a flash backup, all chats, Markdown, or an archive
///
/// Streamed: an answer that is cut ends in an error of the connection. Secrets are masked for callers that may
/// not read them.
#[utoipa::path(get, path = "/api/export", tag = "imports", params(ExportQuery),
    responses((status = 200, content((Object = "application/json"), (String = "application/zip"),
        (String = "application/x-ndjson"))), (status = "default", body = ErrorBody)))]
pub async fn get_export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ExportQuery>,
) -> ApiResult<Answer> {
    let format = match query.format.as_deref() {
        None => Format::default(),
        Some(name) => Format::parse(name).ok_or_else(|| {
            let known = Format::ALL.map(Format::name).join(", ");
            ApiError::invalid_query(format!("Unknown format '{name}': use one of {known}"))
        })?,
    };
    let options = export::Options {
        device: query.device,
        images: query.images.unwrap_or(true),
        secrets: caller.reads_secrets,
        now: app::now(),
    };
    // A store that cannot be read is refused here, where an answer can still say why.
    app.store.ping().await?;
    let body = stream::export(app, caller.owner, format, options);
    let answer = Answer::text(body).kind(format.media_type()).note(format.name());
    Ok(if format == Format::Flash { answer } else { answer.file(format.file_name()) })
}
