//! `/api/batch`: several writes in one transaction.

mod operation;

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::{Effect, Json, Outcome, Precondition, StoreError, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Body, Caller};
use crate::app::App;

/// The most operations of one batch.
const MOST: usize = 10_000;

/// The operations.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct BatchBody {
    pub operations: Vec<BatchOperation>,
}

/// One operation: a `PUT`, `PATCH` or `DELETE` of a chat, message, folder, store, asset or custom persona, or a `POST` of
/// a cost entry.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, missing_docs)]
pub struct BatchOperation {
    pub method: String,
    pub path: String,
    /// The ETag that this operation is based on.
    pub if_match: Option<String>,
    /// `*` creates only.
    pub if_none_match: Option<String>,
    /// A chat or message goes after the one with this id; empty: first.
    pub after: Option<String>,
    /// With device-local stores: whose; by default that of `Holdfast-Client`.
    pub device: Option<String>,
    /// Makes this operation once, though it comes again in another batch.
    pub idempotency_key: Option<String>,
    #[schema(value_type = Option<serde_json::Value>)]
    pub body: Option<serde::de::IgnoredAny>,
}

/// What one operation did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct BatchResult {
    /// 200, or 404 for a delete of what was absent.
    pub status: u16,
    pub revision: i64,
    pub conversation_revision: i64,
    pub unchanged: bool,
    /// It was made before, under its idempotency key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

impl From<Outcome> for BatchResult {
    fn from(outcome: Outcome) -> Self {
        Self {
            status: if outcome.effect == Effect::Absent { 404 } else { 200 },
            revision: outcome.revision,
            conversation_revision: outcome.conversation_revision,
            unchanged: outcome.effect == Effect::Unchanged,
            replayed: outcome.replayed,
        }
    }
}

/// What a batch did.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct BatchAnswer {
    pub success: bool,
    pub results: Vec<BatchResult>,
    pub epoch: String,
}

/// Makes all operations, or none of them
#[utoipa::path(post, path = "/api/batch", tag = "chats", request_body = BatchBody,
    responses((status = 200, body = BatchAnswer), (status = "default", body = ErrorBody)))]
pub async fn run_batch(State(app): State<Arc<App>>, caller: Caller, body: Body) -> ApiResult<Answer> {
    let operations = body.object()?.required("operations", "operations must be an array")?;
    let operations =
        operations.elements().ok_or_else(|| ApiError::invalid_body("operations must be an array"))?;
    let mut writes = Vec::new();
    for (index, operation) in operations.enumerate() {
        let operation = Json::parse(operation)?;
        writes.push(operation::write(&operation, &caller).map_err(|e| e.with("index", index.to_string()))?);
        if writes.len() > MOST {
            return Err(ApiError::invalid_body(format!("A batch has at most {MOST} operations")));
        }
    }
    let count = writes.len();
    let asked = writes.clone();
    let outcomes = app.store.apply(&caller.writer_of(body.bytes()), writes).await.map_err(|failed| {
        let Some(index) = failed.index else { return failed.error.into() };
        let error = absent(&failed.error, asked.get(index)).unwrap_or_else(|| failed.error.into());
        error.with("index", index.to_string())
    })?;
    let results = outcomes.into_iter().map(Into::into).collect();
    let answer = BatchAnswer { success: true, results, epoch: app.store.epoch().to_string() };
    Ok(Answer::json(&answer)?.note(format!("{count} operations")))
}

/// The 404 of an edit of something that is not there: an edit without a base of its own is made only of what is.
fn absent(error: &StoreError, write: Option<&Write>) -> Option<ApiError> {
    let StoreError::Conflict { current_revision: None, .. } = error else { return None };
    match write? {
        Write::EditConversation { id, precondition: Precondition::Present, .. } => {
            Some(ApiError::conversation_not_found(id))
        }
        Write::EditItem { kind, id, precondition: Precondition::Present, .. } => {
            Some(ApiError::not_found(format!("There is no {} '{id}'", kind.name())))
        }
        _ => None,
    }
}
