//! Every error answer: its status, code, public message and hint. Causes stay private and are logged once.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdfast_store::json::quote;
use holdfast_store::{ApplyError, Json, JsonError, StoreError, seal};
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Code {
    InvalidJson,
    InvalidBody,
    InvalidQuery,
    InvalidId,
    TooDeep,
    BodyTooLarge,
    UnsupportedMediaType,
    StoreNotFound,
    ConversationNotFound,
    MessageNotFound,
    NotFound,
    MethodNotAllowed,
    AmbiguousMessageId,
    RevisionConflict,
    PreconditionRequired,
    CursorReset,
    MassDeleteUnconfirmed,
    IncognitoNotStored,
    IdempotencyMismatch,
    PatchFailed,
    AssetInUse,
    ImportState,
    ImportChanged,
    RangeNotSatisfiable,
    OriginNotAllowed,
    HostNotAllowed,
    Unauthorized,
    AppUnavailable,
    NotConfigured,
    BackupFailed,
    DatabaseBusy,
    DatabaseUnavailable,
    DiskFull,
    Internal,
}

impl Code {
    fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// The body of every error answer; some codes add fields.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// Always `false`.
    pub success: bool,
    /// What went wrong, for people.
    pub error: String,
    /// What went wrong, for programs.
    pub code: Code,
    /// What can be done now.
    pub hint: String,
    /// Names this request in the log.
    pub request_id: String,
    /// With `revision_conflict`: the stored revision, `null` when nothing is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_revision: Option<i64>,
    /// With `revision_conflict`: what is stored, `null` when absent or too large to repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<Json>,
    /// With `revision_conflict`: something is stored and `current` is `null` all the same; read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_omitted: Option<bool>,
}

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// For programs.
    pub code: Code,
    /// For people; public.
    pub message: String,
    /// What can be done now; public.
    pub hint: Cow<'static, str>,
    /// The cause; logged, never sent.
    pub source: Option<String>,
    /// More fields of the body: raw JSON under each name.
    pub extra: Vec<(&'static str, String)>,
}

/// The result of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error with the usual hint of its code.
    pub fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: hint(code), source: None, extra: Vec::new() }
    }

    /// The same with another hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same with a field more in its body.
    #[must_use]
    pub fn with(mut self, name: &'static str, json: impl Into<String>) -> Self {
        self.extra.push((name, json.into()));
        self
    }

    /// 400: the request has the wrong shape.
    pub fn invalid_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidBody, message)
    }

    /// 400: the query has the wrong shape.
    pub fn invalid_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidQuery, message)
    }

    /// 404 of things without a code of their own.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, message)
    }

    /// 404 of a store.
    pub fn store_not_found(name: &impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::StoreNotFound, format!("Store '{name}' not found"))
    }

    /// 404 of a conversation.
    pub fn conversation_not_found(id: &impl std::fmt::Display) -> Self {
        let message = format!("Conversation '{id}' not found");
        Self::new(StatusCode::NOT_FOUND, Code::ConversationNotFound, message)
    }

    /// 404 of a message.
    pub fn message_not_found(id: &impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::MessageNotFound, format!("Message '{id}' not found"))
    }

    /// 500: a fault of this program; the cause goes to the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Internal,
            "Holdfast failed to answer this request",
        );
        error.source = Some(cause.into());
        error
    }

    /// The same with masks where what is stored holds secrets.
    #[must_use]
    pub fn masked(mut self) -> Self {
        for (name, json) in &mut self.extra {
            if *name == "current"
                && let Ok(current) = Json::parse(json)
            {
                *json = seal::mask(&current).as_str().to_owned();
            }
        }
        self
    }

    /// The body, as [`ErrorBody`] describes it.
    pub fn render(&self, request_id: &str) -> String {
        let mut body = format!(
            r#"{{"success":false,"error":{},"code":{},"hint":{},"requestId":{}"#,
            quote(&self.message),
            quote(&self.code.name()),
            quote(&self.hint),
            quote(request_id)
        );
        for (name, json) in &self.extra {
            body.push_str(&format!(",\"{name}\":{json}"));
        }
        body.push('}');
        body
    }
}

impl IntoResponse for ApiError {
    /// An empty body: [`crate::api::track`] knows the request's id and renders it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

fn hint(code: Code) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        Code::InvalidJson => "Send one valid JSON value, in UTF-8.",
        Code::InvalidBody => "Compare the body with this route in /openapi.json.",
        Code::InvalidQuery => "Compare the query with this route in /openapi.json.",
        Code::InvalidId => "Use an id of 1 to 512 bytes, percent-encoded in paths.",
        Code::TooDeep => "Nest arrays and objects at most 1,000 levels deep.",
        Code::BodyTooLarge => "Send less at once, or start the server with a larger --max-body.",
        Code::UnsupportedMediaType => "Send `Content-Type: application/json`.",
        Code::StoreNotFound => "List the stores with GET /api/stores, or create this one with PUT.",
        Code::ConversationNotFound => "List the conversations with GET /api/chats?view=summary.",
        Code::MessageNotFound => "List the messages with GET /api/chats/{id}/messages.",
        Code::NotFound => "Check the id and the path; /openapi.json lists every route.",
        Code::MethodNotAllowed => "Use one of the methods in the Allow header.",
        Code::AmbiguousMessageId => "Write the whole conversation with PUT /api/chats/{id}.",
        Code::RevisionConflict => "Read what is stored, bring your change into it, and write with its ETag.",
        Code::PreconditionRequired => "Send the ETag of your last read as If-Match.",
        Code::CursorReset => "List everything again, and go on from the cursor of that answer.",
        Code::MassDeleteUnconfirmed => {
            "Send If-Match, use ?mode=merge, or confirm the number with ?confirm=."
        }
        Code::IncognitoNotStored => "Keep private conversations in the browser.",
        Code::IdempotencyMismatch => "Use a new Idempotency-Key for another request.",
        Code::PatchFailed => "Read the entity and make the patch from what is stored.",
        Code::AssetInUse => "Delete what refers to it first, or pass ?force=true.",
        Code::ImportState => "See how far it is with GET /api/imports/{id}.",
        Code::ImportChanged => "Pass ?changed=keep or ?changed=undo.",
        Code::RangeNotSatisfiable => "Ask for a range within the size in Content-Range.",
        Code::OriginNotAllowed => "Start the server with --allow-origin and the origin of the page.",
        Code::HostNotAllowed => "Use a loopback name, or start the server with --allow-host.",
        Code::Unauthorized => "Send `Authorization: Bearer <token>` with the server's token.",
        Code::AppUnavailable => "Start the app, or start Holdfast with --app and where it is.",
        Code::NotConfigured => "Set OPENAI_API_KEY in the server's environment.",
        Code::BackupFailed => "See GET /api/health and the log, then try again.",
        Code::DatabaseBusy => "Try again in a second; if it stays, see which process has the file open.",
        Code::DatabaseUnavailable => "See GET /api/health for what is wrong with the database.",
        Code::DiskFull => "Free space on the disk of the database, then try again.",
        Code::Internal => "Look for the requestId in the server's log.",
    })
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        let status = StatusCode::BAD_REQUEST;
        match &error {
            JsonError::Syntax { line, column, .. } => {
                let extra = ("place", format!(r#"{{"line":{line},"column":{column}}}"#));
                let mut api = Self::new(status, Code::InvalidJson, format!("Invalid JSON: {error}"));
                api.extra.push(extra);
                api
            }
            JsonError::Utf8 { offset } => {
                let mut api = Self::new(status, Code::InvalidJson, format!("Invalid JSON: {error}"));
                api.extra.push(("place", format!(r#"{{"offset":{offset}}}"#)));
                api
            }
            JsonError::TooDeep => Self::new(status, Code::TooDeep, format!("Invalid JSON: {error}")),
        }
    }
}

impl From<ApplyError> for ApiError {
    fn from(failed: ApplyError) -> Self {
        failed.error.into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let public = |status, code| Self::new(status, code, message.clone());
        match error {
            StoreError::Conflict { current_revision, current } => {
                let omitted = current_revision.is_some() && current.is_none();
                let error = public(StatusCode::PRECONDITION_FAILED, Code::RevisionConflict)
                    .with("currentRevision", current_revision.map_or("null".to_owned(), |r| r.to_string()))
                    .with("current", current.map_or("null".to_owned(), |c| c.as_str().to_owned()));
                if omitted { error.with("currentOmitted", "true") } else { error }
            }
            StoreError::InvalidId(_) => public(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidId),
            StoreError::InvalidBody(_) => public(StatusCode::BAD_REQUEST, Code::InvalidBody),
            StoreError::Incognito => public(StatusCode::UNPROCESSABLE_ENTITY, Code::IncognitoNotStored),
            StoreError::AmbiguousMessageId(_) => public(StatusCode::CONFLICT, Code::AmbiguousMessageId),
            StoreError::ConversationNotFound(id) => Self::conversation_not_found(&id),
            StoreError::MessageNotFound(id) => Self::message_not_found(&id),
            StoreError::NotFound(_) => public(StatusCode::NOT_FOUND, Code::NotFound),
            StoreError::MassDelete { deletes, of } => mass_delete(message, deletes, of),
            StoreError::AssetInUse(_) => public(StatusCode::CONFLICT, Code::AssetInUse),
            StoreError::IdempotencyMismatch => {
                public(StatusCode::UNPROCESSABLE_ENTITY, Code::IdempotencyMismatch)
            }
            StoreError::PatchFailed(_) => public(StatusCode::UNPROCESSABLE_ENTITY, Code::PatchFailed),
            StoreError::Busy => public(StatusCode::SERVICE_UNAVAILABLE, Code::DatabaseBusy),
            StoreError::DiskFull => public(StatusCode::SERVICE_UNAVAILABLE, Code::DiskFull),
            StoreError::ReadOnly
            | StoreError::Unavailable(_)
            | StoreError::Corrupt(_)
            | StoreError::Newer { .. }
            | StoreError::HalfMigrated { .. }
            | StoreError::WrongKey(_)
            | StoreError::NotHoldfast(_) => unavailable(message),
            StoreError::Internal(cause) => Self::internal(cause),
        }
    }
}

fn mass_delete(message: String, deletes: u64, of: u64) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, Code::MassDeleteUnconfirmed, message)
        .hint(format!("Send If-Match, use ?mode=merge, or confirm with ?confirm={deletes}."))
        .with("deletes", deletes.to_string())
        .with("of", of.to_string())
}

/// The cause names paths of this machine: it goes to the log only.
fn unavailable(cause: String) -> ApiError {
    let message = "The database cannot be used now";
    let mut error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, Code::DatabaseUnavailable, message);
    error.source = Some(cause);
    error
}
