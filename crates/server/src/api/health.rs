//! `/api/health` and `/metrics`: whether the server works, for people and for machines.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use holdfast_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::app::{App, BUCKETS};

/// How long the database may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// One thing that was checked.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct HealthCheck {
    pub name: &'static str,
    /// `ok`, `degraded` or `failed`.
    pub status: &'static str,
    pub message: String,
    pub hint: String,
}

/// Whether the server works.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct Health {
    pub success: bool,
    /// `ok`, `degraded` or `failed`.
    pub status: &'static str,
    pub checks: Vec<HealthCheck>,
    pub version: &'static str,
    pub epoch: String,
}

/// Checks the database: 200 when it can be used, else 503
#[utoipa::path(get, path = "/api/health", tag = "care",
    responses((status = 200, body = Health), (status = 503, body = Health), (status = "default", body = ErrorBody)))]
pub async fn get_health(State(app): State<Arc<App>>) -> ApiResult<Response> {
    let ping = tokio::time::timeout(LIMIT, app.store.ping()).await.unwrap_or(Err(StoreError::Busy));
    let database = match ping {
        Ok(()) => HealthCheck {
            name: "database",
            status: "ok",
            message: "It can be read and written".to_owned(),
            hint: String::new(),
        },
        Err(error) => {
            let message = error.to_string();
            let hint = ApiError::from(error).hint.into_owned();
            HealthCheck { name: "database", status: "failed", message, hint }
        }
    };
    let status = database.status;
    let answer = Answer::json(&Health {
        success: status != "failed",
        status,
        checks: vec![database],
        version: env!("CARGO_PKG_VERSION"),
        epoch: app.store.epoch().to_string(),
    })?;
    let code = if status == "failed" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut response = answer.into_response();
    *response.status_mut() = code;
    Ok(response)
}

/// The process runs.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct Live {
    pub success: bool,
    pub version: &'static str,
}

/// Answers as long as the process runs; needs no token
#[utoipa::path(get, path = "/api/health/live", tag = "care",
    responses((status = 200, body = Live), (status = "default", body = ErrorBody)))]
pub async fn get_live() -> ApiResult<Answer> {
    Answer::json(&Live { success: true, version: env!("CARGO_PKG_VERSION") })
}

/// Gives counters in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "care",
    responses((status = 200, body = String, content_type = "text/plain"), (status = "default", body = ErrorBody)))]
pub async fn get_prometheus(State(app): State<Arc<App>>) -> ApiResult<Answer> {
    let mut text = requests(&app);
    let counts = app.store.counts().await?;
    text.push_str("# TYPE holdfast_database_bytes gauge\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "holdfast_database_bytes {}", counts.bytes);
    text.push_str("# TYPE holdfast_rows gauge\n");
    for (noun, rows) in counts.rows {
        let _ = writeln!(text, "holdfast_rows{{noun=\"{noun}\"}} {rows}");
    }
    Ok(Answer::text(text).kind("text/plain; version=0.0.4"))
}

fn requests(app: &App) -> String {
    let mut text = String::from("# TYPE holdfast_request_duration_seconds histogram\n");
    for ((method, route, status), sum) in app.requests.sums() {
        let label = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        let name = "holdfast_request_duration_seconds";
        for (limit, count) in BUCKETS.iter().zip(sum.buckets) {
            let _ = writeln!(text, "{name}_bucket{{{label},le=\"{limit}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_bucket{{{label},le=\"+Inf\"}} {}", sum.count);
        let _ = writeln!(text, "{name}_sum{{{label}}} {}", sum.total.as_secs_f64());
        let _ = writeln!(text, "{name}_count{{{label}}} {}", sum.count);
    }
    text
}
