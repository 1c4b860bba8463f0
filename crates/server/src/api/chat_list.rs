//! `GET /api/chats`: all conversations in full, streamed, or pages of summaries.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use holdfast_store::conversation::{Summary, SummaryFilter};
use holdfast_store::store::Order;
use holdfast_store::{Cursor, Json, Revision};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::changes::cursor;
use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};
use crate::api::request::{Caller, Params};
use crate::api::stream::{self, Frame};
use crate::app::App;

/// Which conversations to list, and how much of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `summary` gives pages without messages; otherwise all conversations are given in full.
    view: Option<String>,
    /// Page size of summaries, 1 to 1,000; by default 100.
    limit: Option<usize>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Only archived ones, or only others.
    archived: Option<bool>,
    /// Only those in the folder with this id.
    folder: Option<String>,
    /// Only those with `updated` at or after this time, in milliseconds since 1970.
    updated_since: Option<i64>,
    /// With full lists: only those that changed after this cursor, `<epoch>-<seq>`.
    changed_since: Option<String>,
    /// With full lists: `list` is the app's own order; by default `recent`.
    order: Option<String>,
}

impl ListQuery {
    /// Whether it asks for what only summaries answer: ignoring it would give more than was asked for.
    fn pages(&self) -> bool {
        self.limit.is_some()
            || self.cursor.is_some()
            || self.archived.is_some()
            || self.folder.is_some()
            || self.updated_since.is_some()
    }

    /// Whether it asks for what only full lists answer.
    fn is_of_full_lists(&self) -> bool {
        self.changed_since.is_some() || self.order.is_some()
    }

    fn order(&self) -> ApiResult<Order> {
        match self.order.as_deref() {
            None | Some("recent") => Ok(Order::Recent),
            Some("list") => Ok(Order::List),
            Some(other) => {
                Err(ApiError::invalid_query(format!("Unknown order '{other}': use recent or list")))
            }
        }
    }

    /// The revision after which conversations are asked for; 0 for all. Errors: 410 when `changed_since` cannot
    /// be reached from `now`.
    fn after(&self, now: &Cursor) -> ApiResult<Revision> {
        let Some(asked) = cursor(self.changed_since.as_deref())? else { return Ok(0) };
        if asked.epoch == now.epoch && asked.seq <= now.seq {
            return Ok(asked.seq);
        }
        let message = "The cursor is of another line of history: what changed since it is not known";
        Err(ApiError::new(StatusCode::GONE, Code::CursorReset, message))
    }
}

/// What a list shows of a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ChatSummary {
    pub id: String,
    pub title: Option<String>,
    pub user_title: Option<String>,
    pub auto_title: Option<String>,
    pub system_purpose_id: Option<String>,
    pub is_archived: bool,
    pub created: Option<i64>,
    pub updated: Option<i64>,
    pub token_count: Option<i64>,
    pub message_count: i64,
    pub folder_ids: Vec<String>,
    pub revision: i64,
}

impl From<Summary> for ChatSummary {
    fn from(s: Summary) -> Self {
        Self {
            id: s.id,
            title: s.title,
            user_title: s.user_title,
            auto_title: s.auto_title,
            system_purpose_id: s.system_purpose_id,
            is_archived: s.is_archived,
            created: s.created,
            updated: s.updated,
            token_count: s.token_count,
            message_count: s.message_count,
            folder_ids: s.folder_ids,
            revision: s.revision,
        }
    }
}

/// A page of summaries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SummaryPage {
    pub success: bool,
    pub conversations: Vec<ChatSummary>,
    pub next_cursor: Option<String>,
    pub epoch: String,
}

/// All conversations, by `updated` then `created`, newest first, or in the app's order. With `view=summary` a
/// [`SummaryPage`]; with `Accept: application/x-ndjson` one conversation per line, then `{"end":true,"count":n}`.
/// The header `Holdfast-Cursor` is the `changed_since` of the next list.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChatList {
    pub success: bool,
    #[schema(value_type = Vec<Object>)]
    pub conversations: Vec<Json>,
    pub count: u64,
}

/// What the list answers: a [`SummaryPage`] with `view=summary`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, missing_docs)]
pub enum ChatPage {
    All(ChatList),
    Page(SummaryPage),
}

/// Lists the conversations, in full or as summaries
#[utoipa::path(get, path = "/api/chats", tag = "chats", params(ListQuery),
    responses((status = 200, content((ChatPage = "application/json"), (String = "application/x-ndjson"))),
        (status = "default", body = ErrorBody)))]
pub async fn list_chats(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> ApiResult<Answer> {
    match query.view.as_deref() {
        Some("summary") if query.is_of_full_lists() => {
            return Err(ApiError::invalid_query("changed_since and order are for full lists"));
        }
        Some("summary") => return list_summaries(&app, &caller, query).await,
        None | Some("full") if query.pages() => {
            let message = "limit, cursor, archived, folder and updated_since need view=summary";
            return Err(ApiError::invalid_query(message));
        }
        None | Some("full") => {}
        Some(other) => {
            return Err(ApiError::invalid_query(format!("Unknown view '{other}': use summary or full")));
        }
    }
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("");
    let lines = accept.contains("application/x-ndjson");
    // Read before the keys: a write in between makes the tag older than the list, never newer.
    let seen = app.store.cursor(&caller.owner).await?;
    let (order, after) = (query.order()?, query.after(&seen)?);
    let keys = app.store.conversation_keys(&caller.owner, order, after).await?;
    let note = format!("{} conversation{}", keys.len(), if keys.len() == 1 { "" } else { "s" });
    let body = stream::conversations(Arc::clone(&app), caller.owner, keys, frame(lines));
    let answer = Answer::text(body).note(note).cursor(&seen);
    let answer = answer.tag(&seen.epoch, seen.seq, if lines { "ndjson" } else { "" });
    Ok(if lines { answer.kind("application/x-ndjson") } else { answer })
}

fn frame(lines: bool) -> Frame {
    if lines {
        return Frame {
            prefix: String::new(),
            separator: b'\n',
            suffix: Box::new(|count| {
                let end = format!("{{\"end\":true,\"count\":{count}}}\n");
                if count == 0 { end } else { format!("\n{end}") }
            }),
        };
    }
    Frame {
        prefix: r#"{"success":true,"conversations":["#.to_owned(),
        separator: b',',
        suffix: Box::new(|count| format!("],\"count\":{count}}}")),
    }
}

async fn list_summaries(app: &App, caller: &Caller, query: ListQuery) -> ApiResult<Answer> {
    let filter =
        SummaryFilter { archived: query.archived, folder: query.folder, updated_since: query.updated_since };
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let seen = app.store.cursor(&caller.owner).await?;
    let page = app.store.summaries(&caller.owner, &filter, query.cursor.as_deref(), limit).await?;
    let body = SummaryPage {
        success: true,
        conversations: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next,
        epoch: seen.epoch.to_string(),
    };
    Ok(Answer::json(&body)?.tag(&seen.epoch, seen.seq, "summary"))
}
