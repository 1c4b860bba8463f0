//! What handlers answer: JSON text with its ETag, and a note for the log.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdfast_store::conversation::MessageCounts;
use holdfast_store::{Cursor, Epoch, Outcome, Revision};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::error::{ApiError, ApiResult};
use crate::api::precondition::etag;

/// What a request did, for its line in the log.
#[derive(Debug, Clone)]
pub struct Note(pub String);

/// A successful answer.
#[derive(Debug)]
pub struct Answer {
    body: Body,
    kind: &'static str,
    tag: Option<String>,
    cursor: Option<String>,
    file: Option<&'static str>,
    note: Option<String>,
}

/// The cursor of the changes feed that an answer has seen: what comes after it may be missing here.
pub const CURSOR: HeaderName = HeaderName::from_static("holdfast-cursor");

impl Answer {
    /// A body that is made from a value.
    pub fn json(value: &impl Serialize) -> ApiResult<Self> {
        let body = serde_json::to_vec(value).map_err(|e| ApiError::internal(e.to_string()))?;
        Ok(Self::text(body))
    }

    /// A body that is JSON text already.
    pub fn text(body: impl Into<Body>) -> Self {
        Self { body: body.into(), kind: "application/json", tag: None, cursor: None, file: None, note: None }
    }

    /// The same with another media type.
    #[must_use]
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// The same with an ETag; `view` is empty for the usual representation.
    #[must_use]
    pub fn tag(mut self, epoch: &Epoch, revision: Revision, view: &str) -> Self {
        self.tag = Some(etag(epoch, revision, view));
        self
    }

    /// The same with the header `Holdfast-Cursor`; the cursor was read before the data.
    #[must_use]
    pub fn cursor(mut self, cursor: &Cursor) -> Self {
        self.cursor = Some(cursor.to_string());
        self
    }

    /// The same as a file of that name, which a browser saves.
    #[must_use]
    pub fn file(mut self, name: &'static str) -> Self {
        self.file = Some(name);
        self
    }

    /// The same with a note for the log.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(tag) = self.tag.and_then(|t| HeaderValue::from_str(&t).ok()) {
            headers.insert(header::ETAG, tag);
            headers.insert(header::VARY, HeaderValue::from_static("accept"));
        }
        if let Some(cursor) = self.cursor.and_then(|c| HeaderValue::from_str(&c).ok()) {
            headers.insert(CURSOR, cursor);
        }
        if let Some(name) =
            self.file.and_then(|n| HeaderValue::from_str(&format!("attachment; filename=\"{n}\"")).ok())
        {
            headers.insert(header::CONTENT_DISPOSITION, name);
        }
        if let Some(note) = self.note {
            response.extensions_mut().insert(Note(note));
        }
        response
    }
}

/// The answer of a write that has nothing of its own to tell.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Always `true`.
    pub success: bool,
    /// What was done, for people.
    pub message: String,
    /// The line of history in which `revision` counts.
    pub epoch: String,
    /// The revision of what was written.
    pub revision: i64,
    /// It already was what was asked for, so nothing was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// The request was answered before, and this is that answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

impl Written {
    /// From what the store did.
    pub fn new(message: impl Into<String>, epoch: &Epoch, outcome: &Outcome) -> Self {
        Self {
            success: true,
            message: message.into(),
            epoch: epoch.to_string(),
            revision: outcome.revision,
            unchanged: outcome.effect == holdfast_store::Effect::Unchanged,
            replayed: outcome.replayed,
        }
    }

    /// The answer, with the ETag of what was written.
    pub fn answer(&self, epoch: &Epoch) -> ApiResult<Answer> {
        Ok(Answer::json(self)?.tag(epoch, self.revision, ""))
    }
}

/// What happened to the entities of a list.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct Counts {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
}

impl From<MessageCounts> for Counts {
    fn from(counts: MessageCounts) -> Self {
        let MessageCounts { inserted, updated, deleted, unchanged } = counts;
        Self { inserted, updated, deleted, unchanged }
    }
}

impl Counts {
    /// For the log: `1 message updated`, or nothing.
    pub fn note(&self, noun: &str) -> String {
        let part = |count: u64, what: &str| {
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {noun}{plural} {what}"))
        };
        [part(self.inserted, "inserted"), part(self.updated, "updated"), part(self.deleted, "deleted")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// `YYYY-MM-DD HH:MM:SS` in UTC, as SQLite writes times.
pub fn sql_time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |t| t.strftime("%F %T").to_string())
}

/// ISO 8601 in UTC with milliseconds, as `Date.toISOString` writes times.
pub fn iso_time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| String::new(), |t| t.strftime("%FT%T%.3fZ").to_string())
}
