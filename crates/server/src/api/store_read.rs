//! `GET /api/stores/{name}`: one store as a document, or as the text that the browser keeps.

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::document::Document;
use holdfast_store::item::CHATS;
use holdfast_store::json::{as_text, quote};
use holdfast_store::store::Order;
use holdfast_store::{Cursor, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, sql_time};
use crate::api::error::{ApiError, ApiResult, ErrorBody};
use crate::api::request::{Caller, Params, PathId};
use crate::api::stores::{device, find, shown};
use crate::api::stream::{self, Frame};
use crate::app::App;
use crate::export::{around_state, conversations_at};

/// Which store of which device, and how it is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReadQuery {
    /// With device-local stores: whose; by default that of `Holdfast-Client`.
    device: Option<String>,
    /// `value` gives the text as the browser keeps it: `{"state":…,"version":…}`, or the bare value.
    view: Option<String>,
}

/// One store. `data` is the object.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct StoreAnswer {
    pub success: bool,
    pub name: String,
    #[schema(value_type = serde_json::Value)]
    pub data: Json,
    #[schema(value_type = Option<i64>)]
    pub version: Option<Json>,
    pub device: String,
    pub bare: bool,
    #[schema(value_type = Option<Object>)]
    pub beside: Option<Json>,
    pub created_at: String,
    pub updated_at: String,
    pub revision: i64,
    pub epoch: String,
}

/// Gives one store, whole
#[utoipa::path(get, path = "/api/stores/{name}", tag = "stores", params(("name" = String, Path), ReadQuery),
    responses((status = 200, content((StoreAnswer = "application/json"), (String = "text/plain"))),
        (status = "default", body = ErrorBody)))]
pub async fn get_store(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(name): PathId,
    Params(query): Params<ReadQuery>,
) -> ApiResult<Answer> {
    let as_value = match query.view.as_deref() {
        None | Some("document") => false,
        Some("value") => true,
        Some(other) => {
            return Err(ApiError::invalid_query(format!("Unknown view '{other}': use document or value")));
        }
    };
    let device = device(&name, query.device, &caller)?;
    // Read before the store: a write in between makes the cursor older than the store, never newer.
    let seen = app.store.cursor(&caller.owner).await?;
    let document = find(&app, &caller, &name, &device, name.as_str() == CHATS).await?;
    let mut document = document.ok_or_else(|| ApiError::store_not_found(&name))?;
    let (revision, is_own) = (document.revision, document.device == device);
    let data = document.data.take().unwrap_or_else(|| Json::from_value(&serde_json::Value::Null));
    let data = shown(&caller, name.as_str(), data);
    let answer = match as_text(data.as_str()).filter(|_| as_value && document.bare) {
        // A string that is no JSON where the browser keeps it, such as joy-mode's `dark`.
        Some(text) => Answer::text(text.into_owned()).kind("text/plain; charset=utf-8"),
        None => {
            let around = if as_value { around_state(&document) } else { around_data(&document, &seen) };
            whole(&app, &caller, &document, data, around).await?
        }
    };
    let view = [if as_value { "value" } else { "" }, caller.view()].join("-");
    let answer = answer.cursor(&seen);
    // The shared store is no base for the device's own one, which does not exist yet.
    Ok(if is_own { answer.tag(&seen.epoch, revision, view.trim_matches('-')) } else { answer })
}

/// The state with what goes around it; conversations are streamed into theirs.
async fn whole(
    app: &Arc<App>,
    caller: &Caller,
    document: &Document,
    data: Json,
    (prefix, suffix): (String, String),
) -> ApiResult<Answer> {
    let place = conversations_at(data.as_str()).filter(|_| document.name == CHATS);
    let Some(at) = place else {
        return Ok(Answer::text([prefix.as_str(), data.as_str(), &suffix].concat()));
    };
    let (before, after) = data.as_str().split_at(at);
    let keys = app.store.conversation_keys(&caller.owner, Order::List, 0).await?;
    let end = [after, &suffix].concat();
    let frame = Frame { prefix: prefix + before, separator: b',', suffix: Box::new(move |_| end) };
    Ok(Answer::text(stream::conversations(Arc::clone(app), caller.owner.clone(), keys, frame)))
}

/// What stands before and after `data`, as [`StoreAnswer`] has it.
fn around_data(document: &Document, seen: &Cursor) -> (String, String) {
    let raw = |json: &Option<Json>| json.as_ref().map_or("null", Json::as_str).to_owned();
    let before = format!(r#"{{"success":true,"name":{},"data":"#, quote(&document.name));
    let after = format!(
        concat!(
            r#","version":{},"device":{},"bare":{},"beside":{},"createdAt":{},"updatedAt":{},"#,
            r#""revision":{},"epoch":{}}}"#
        ),
        raw(&document.version),
        quote(&document.device),
        document.bare,
        raw(&document.beside),
        quote(&sql_time(document.created_at)),
        quote(&sql_time(document.updated_at)),
        document.revision,
        quote(&seen.epoch.0),
    );
    (before, after)
}
