//! `/api/requests`: the last requests, and those to come.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::error::{ApiResult, ErrorBody};
use crate::api::request::Params;
use crate::app::{App, RequestEntry};

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestQuery {
    /// Only those after this number.
    after: Option<u64>,
    /// At most this many, 1 to 10,000; by default 200.
    limit: Option<usize>,
}

/// Requests, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RequestList {
    pub success: bool,
    pub requests: Vec<RequestEntry>,
}

/// Lists the last requests
#[utoipa::path(get, path = "/api/requests", tag = "care", params(RequestQuery),
    responses((status = 200, body = RequestList), (status = "default", body = ErrorBody)))]
pub async fn list_requests(
    State(app): State<Arc<App>>,
    Params(query): Params<RequestQuery>,
) -> ApiResult<Answer> {
    let limit = query.limit.unwrap_or(200).clamp(1, 10_000);
    let found = app.requests.latest(query.after.unwrap_or(0), limit);
    let requests = found.iter().map(|e| RequestEntry::clone(e)).collect();
    Answer::json(&RequestList { success: true, requests })
}

/// Follows the requests: an event `request` for each, `lost` when some were skipped
#[utoipa::path(get, path = "/api/requests/stream", tag = "care",
    responses((status = 200, body = RequestEntry, content_type = "text/event-stream"),
        (status = "default", body = ErrorBody)))]
pub async fn stream_requests(
    State(app): State<Arc<App>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let state = (app.requests.listen(), app.closing.clone());
    let events = unfold(state, |(mut entries, mut closing)| async move {
        let event = tokio::select! {
            entry = entries.recv() => match entry {
                Ok(entry) => {
                    let data = serde_json::to_string(&*entry).unwrap_or_default();
                    Event::default().event("request").id(entry.number.to_string()).data(data)
                }
                Err(RecvError::Lagged(count)) => Event::default().event("lost").data(count.to_string()),
                Err(RecvError::Closed) => return None,
            },
            _ = closing.wait_for(|closing| *closing) => return None,
        };
        Some((Ok(event), (entries, closing)))
    });
    Sse::new(events).keep_alive(heartbeat())
}

/// A comment every 15 seconds, so that nobody on the way takes the stream for dead.
pub(crate) fn heartbeat() -> KeepAlive {
    KeepAlive::new().interval(Duration::from_secs(15)).text("alive")
}
