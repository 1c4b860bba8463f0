//! `/api/usage`: the rows of the ledger.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::usage::UsageRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::error::{ApiResult, ErrorBody};
use crate::api::request::{Caller, Params};
use crate::app::App;

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// Page size, 1 to 1,000; by default 100.
    limit: Option<usize>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// What one answer used, and what it cost.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct UsageEntry {
    /// Milliseconds since 1970.
    pub at: i64,
    /// `entry` for explicit ones, `message` for those from the metrics in a message: the app reports one answer
    /// both ways, so only one of them belongs into a sum.
    pub source: String,
    pub service_id: Option<String>,
    pub vendor_id: Option<String>,
    pub model_id: Option<String>,
    pub conversation_id: Option<String>,
    pub message_id: Option<String>,
    pub input_tokens: Option<i64>,
    pub cache_read_tokens: Option<i64>,
    pub cache_write_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub reasoning_tokens: Option<i64>,
    /// 10⁻⁹ dollars; `null` is unknown, not zero.
    pub cost_nano: Option<i64>,
    /// 10⁻⁹ dollars saved by caching.
    pub savings_nano: Option<i64>,
    /// The app's `$code`.
    pub code: Option<String>,
}

impl From<UsageRow> for UsageEntry {
    fn from(row: UsageRow) -> Self {
        Self {
            at: row.at,
            source: row.source,
            service_id: row.service_id,
            vendor_id: row.vendor_id,
            model_id: row.model_id,
            conversation_id: row.conversation_id,
            message_id: row.message_id,
            input_tokens: row.tokens.input,
            cache_read_tokens: row.tokens.cache_read,
            cache_write_tokens: row.tokens.cache_write,
            output_tokens: row.tokens.output,
            reasoning_tokens: row.tokens.reasoning,
            cost_nano: row.cost_nano,
            savings_nano: row.savings_nano,
            code: row.code,
        }
    }
}

/// A page of the ledger, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct UsagePage {
    pub success: bool,
    pub usage: Vec<UsageEntry>,
    pub next_cursor: Option<String>,
}

/// Lists what was used and what it cost
#[utoipa::path(get, path = "/api/usage", tag = "metrics", params(UsageQuery),
    responses((status = 200, body = UsagePage), (status = "default", body = ErrorBody)))]
pub async fn list_usage(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<UsageQuery>,
) -> ApiResult<Answer> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let page = app.store.usage(&caller.owner, query.cursor.as_deref(), limit).await?;
    let usage = page.items.into_iter().map(Into::into).collect();
    Answer::json(&UsagePage { success: true, usage, next_cursor: page.next })
}
