//! `/api/changes`: what changed, as pages and as an event stream.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use futures::Stream;
use futures::stream::unfold;
use holdfast_store::change::Change;
use holdfast_store::{Cursor, Owner};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Caller, Params};
use crate::api::requests::heartbeat;
use crate::app::App;

/// How many changes the stream reads at once.
const BATCH: usize = 500;

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// The cursor that was reached: `<epoch>-<seq>`.
    after: Option<String>,
    /// At most this many, 1 to 5,000; by default 500.
    limit: Option<usize>,
    /// Only these kinds, separated by commas.
    kinds: Option<String>,
}

impl ChangeQuery {
    fn kinds(&self) -> Vec<String> {
        let kinds = self.kinds.as_deref().unwrap_or("");
        kinds.split(',').map(str::trim).filter(|k| !k.is_empty()).map(str::to_owned).collect()
    }
}

/// One change of one entity.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ChangeEntry {
    pub seq: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The `Holdfast-Client` that wrote.
    pub client: Option<String>,
    pub kind: String,
    /// A message's conversation.
    pub parent: Option<String>,
    pub id: String,
    /// `put` or `delete`.
    pub op: String,
    pub revision: i64,
    pub bytes_before: Option<i64>,
    pub bytes_after: Option<i64>,
    /// The writer's time on this entity before the commit, in microseconds.
    pub duration_us: i64,
}

impl From<Change> for ChangeEntry {
    fn from(c: Change) -> Self {
        Self {
            seq: c.seq,
            at: c.at,
            client: c.client,
            kind: c.kind,
            parent: c.parent,
            id: c.id,
            op: c.op,
            revision: c.revision,
            bytes_before: c.bytes_before,
            bytes_after: c.bytes_after,
            duration_us: c.duration_us,
        }
    }
}

/// A page of changes, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangePage {
    pub success: bool,
    pub changes: Vec<ChangeEntry>,
    /// Where to go on.
    pub cursor: String,
    /// The cursor asked for is of another epoch or ahead: list everything again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

/// Lists what changed after a cursor
#[utoipa::path(get, path = "/api/changes", tag = "changes", params(ChangeQuery),
    responses((status = 200, body = ChangePage), (status = "default", body = ErrorBody)))]
pub async fn list_changes(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ChangeQuery>,
) -> ApiResult<Answer> {
    let after = cursor(query.after.as_deref())?;
    let limit = query.limit.unwrap_or(500).clamp(1, 5_000);
    let found = app.store.changes(&caller.owner, after.as_ref(), limit, &query.kinds()).await?;
    Answer::json(&ChangePage {
        success: true,
        changes: found.changes.into_iter().map(Into::into).collect(),
        cursor: found.cursor.to_string(),
        reset: found.reset,
    })
}

/// A cursor of the query; `None` when it is missing or empty. Errors: 400 when it has another form.
pub(crate) fn cursor(text: Option<&str>) -> ApiResult<Option<Cursor>> {
    text.filter(|t| !t.is_empty())
        .map(|t| {
            Cursor::parse(t).ok_or_else(|| ApiError::invalid_query("A cursor has the form <epoch>-<seq>"))
        })
        .transpose()
}

/// Follows the changes: events `change` and `reset`, whose ids are cursors
#[utoipa::path(get, path = "/api/changes/stream", tag = "changes", params(ChangeQuery),
    responses((status = 200, body = ChangeEntry, content_type = "text/event-stream"),
        (status = "default", body = ErrorBody)))]
pub async fn stream_changes(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ChangeQuery>,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    // A browser that reconnects repeats the query, and knows better by now.
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let after = match cursor(last.or(query.after.as_deref()))? {
        Some(cursor) => cursor,
        None => app.store.cursor(&caller.owner).await?,
    };
    let feed = Feed {
        committed: app.store.committed(),
        closing: app.closing.clone(),
        kinds: query.kinds(),
        owner: caller.owner,
        ready: VecDeque::from([Event::default().comment("open")]),
        after,
        app,
    };
    let events = unfold(feed, |mut feed| async move { feed.next().await.map(|event| (Ok(event), feed)) });
    Ok(Sse::new(events).keep_alive(heartbeat()))
}

struct Feed {
    app: Arc<App>,
    owner: Owner,
    kinds: Vec<String>,
    after: Cursor,
    ready: VecDeque<Event>,
    committed: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
}

impl Feed {
    /// The next event; the commit signal only wakes, the table tells.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            // Seen before the read: a commit during it wakes again.
            self.committed.borrow_and_update();
            let found = self.app.store.changes(&self.owner, Some(&self.after), BATCH, &self.kinds).await;
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(target: "api", %error, "the changes feed ended: {error}");
                    return None;
                }
            };
            let moved = self.after != found.cursor;
            self.after = found.cursor;
            if found.reset {
                self.ready.push_back(Event::default().event("reset").id(self.after.to_string()).data("{}"));
            }
            for change in found.changes {
                let id = Cursor { epoch: self.after.epoch.clone(), seq: change.seq }.to_string();
                let data = serde_json::to_string(&ChangeEntry::from(change)).unwrap_or_default();
                self.ready.push_back(Event::default().event("change").id(id).data(data));
            }
            if self.ready.is_empty() && !moved {
                tokio::select! {
                    woken = self.committed.changed() => woken.ok()?,
                    _ = self.closing.wait_for(|closing| *closing) => return None,
                }
            }
        }
    }
}
