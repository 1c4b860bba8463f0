//! `/api/reports`: what clients tell of themselves, such as the differences that a shadow run found.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use holdfast_store::report::Report;
use holdfast_store::{Json, Write};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};
use crate::api::request::{Body, Caller, LONGEST_WORD, Params};
use crate::app::App;

/// The largest report in bytes.
const LARGEST: usize = 1 << 20;

/// A report to keep; it may have any other fields.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct ReportBody {
    /// What it is about, such as `shadow` or `move`; 1 to 200 bytes.
    pub kind: String,
}

/// A JSON body of at most 1 MiB.
pub struct SmallBody(Body);

impl FromRequest<Arc<App>> for SmallBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _app: &Arc<App>) -> ApiResult<Self> {
        match Body::within(request, LARGEST).await {
            Err(error) if error.code == Code::BodyTooLarge => Err(error.hint("A report has at most 1 MiB.")),
            body => body.map(Self),
        }
    }
}

/// A report is kept.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ReportAdded {
    pub success: bool,
    pub id: String,
    pub revision: i64,
    pub epoch: String,
}

/// Keeps a report; the newest 1,000 are kept
#[utoipa::path(post, path = "/api/reports", tag = "care", request_body = ReportBody,
    responses((status = 201, body = ReportAdded), (status = "default", body = ErrorBody)))]
pub async fn add_report(
    State(app): State<Arc<App>>,
    caller: Caller,
    SmallBody(body): SmallBody,
) -> ApiResult<(StatusCode, Answer)> {
    let kind = body.object()?.text("kind").filter(|k| (1..=LONGEST_WORD).contains(&k.len()));
    let kind = kind.ok_or_else(|| ApiError::invalid_body("kind is a string of 1 to 200 bytes"))?;
    let write = Write::AddReport { kind, body: body.json.clone() };
    let outcome = app.write(&caller.writer_of(body.bytes()), write).await?;
    let answer = ReportAdded {
        success: true,
        id: outcome.revision.to_string(),
        revision: outcome.revision,
        epoch: app.store.epoch().to_string(),
    };
    Ok((StatusCode::CREATED, Answer::json(&answer)?))
}

/// Which reports.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Only those of this kind.
    kind: Option<String>,
    /// Page size, 1 to 100; by default 20.
    limit: Option<usize>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// One report.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ReportEntry {
    pub id: String,
    /// When it came, milliseconds since 1970.
    pub at: i64,
    /// The `Holdfast-Client` that sent it.
    pub client: Option<String>,
    pub kind: String,
    /// As it was sent, with masks where it named credentials.
    #[schema(value_type = Object)]
    pub report: Json,
}

impl From<Report> for ReportEntry {
    fn from(r: Report) -> Self {
        Self { id: r.revision.to_string(), at: r.at, client: r.client, kind: r.kind, report: r.body }
    }
}

/// A page of reports, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ReportPage {
    pub success: bool,
    pub reports: Vec<ReportEntry>,
    pub next_cursor: Option<String>,
}

/// Lists the reports of clients, whole
#[utoipa::path(get, path = "/api/reports", tag = "care", params(ReportQuery),
    responses((status = 200, body = ReportPage), (status = "default", body = ErrorBody)))]
pub async fn list_reports(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ReportQuery>,
) -> ApiResult<Answer> {
    let limit = query.limit.unwrap_or(20).clamp(1, 100);
    let page =
        app.store.reports(&caller.owner, query.kind.as_deref(), query.cursor.as_deref(), limit).await?;
    let reports = page.items.into_iter().map(Into::into).collect();
    Answer::json(&ReportPage { success: true, reports, next_cursor: page.next })
}
