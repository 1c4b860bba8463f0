//! `GET /api/state`: what changed since a cursor, with what it is now. The one request of a browser that starts.

mod touched;

use std::sync::Arc;

use axum::extract::State;
use holdfast_store::document::{Document, is_device_local, is_lent, is_private};
use holdfast_store::item::CHATS;
use holdfast_store::{Cursor, Id, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::Answer;
use crate::api::changes::cursor;
use crate::api::error::{ApiResult, ErrorBody};
use crate::api::request::{Caller, Params};
use crate::api::stores::{find, shown};
use crate::app::App;
use crate::export::keyval_key;

use touched::Touched;

/// Since when, and for which device.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StateQuery {
    /// The cursor that was reached: `<epoch>-<seq>`.
    after: Option<String>,
    /// Whose device-local stores; by default those of `Holdfast-Client`.
    device: Option<String>,
}

/// A store that changed, whole.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct StateStore {
    pub name: String,
    #[schema(value_type = serde_json::Value)]
    pub data: Json,
    #[schema(value_type = Option<i64>)]
    pub version: Option<Json>,
    pub bare: bool,
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Json>,
    /// Whose it is; empty for shared ones.
    pub device: String,
    pub revision: i64,
}

/// Ids of entities that changed and of those that are gone.
#[derive(Debug, Default, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedIds {
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

/// What changed since a cursor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct StateAnswer {
    pub success: bool,
    pub epoch: String,
    /// The `after` of the next request.
    pub cursor: String,
    /// There was no cursor to go on from: `stores` has all of them, and conversations and assets are to be listed.
    pub reset: bool,
    pub stores: Vec<StateStore>,
    pub removed_stores: Vec<String>,
    pub conversations: ChangedIds,
    pub assets: ChangedIds,
    pub conversation_count: u64,
    pub asset_count: u64,
}

/// Tells what changed since a cursor, with what it is now
#[utoipa::path(get, path = "/api/state", tag = "changes", params(StateQuery),
    responses((status = 200, body = StateAnswer), (status = "default", body = ErrorBody)))]
pub async fn get_state(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<StateQuery>,
) -> ApiResult<Answer> {
    let after = cursor(query.after.as_deref())?;
    let device = query.device.or_else(|| caller.client.clone()).unwrap_or_default();
    if !device.is_empty() {
        Id::parse(&device)?;
    }
    // Read before the data: what is written in between is told again next time, and never left out.
    let seen = app.store.cursor(&caller.owner).await?;
    let touched = match &after {
        Some(after) => Touched::since(&app, &caller.owner, after, &seen).await?,
        None => None,
    };
    let answer = StateAnswer {
        success: true,
        epoch: seen.epoch.to_string(),
        cursor: seen.to_string(),
        reset: touched.is_none(),
        stores: Vec::new(),
        removed_stores: Vec::new(),
        conversations: ChangedIds::default(),
        assets: ChangedIds::default(),
        conversation_count: app.store.conversation_count(&caller.owner).await?,
        asset_count: app.store.asset_count(&caller.owner).await?,
    };
    let answer = match touched {
        Some(touched) => changed(&app, &caller, &device, touched, answer).await?,
        None => all(&app, &caller, &device, after.as_ref(), answer).await?,
    };
    let note = format!("{} stores, {} chats", answer.stores.len(), answer.conversations.changed.len());
    Ok(Answer::json(&answer)?.cursor(&seen).note(note))
}

async fn changed(
    app: &App,
    caller: &Caller,
    device: &str,
    touched: Touched,
    mut answer: StateAnswer,
) -> ApiResult<StateAnswer> {
    for (name, of) in touched.stores {
        let local = is_device_local(&name);
        let is_ours = of.is_empty() || (local && of == device);
        if !is_kept(&name) || !is_ours || (of != device && is_private(&name)) {
            continue;
        }
        let asked = if local { device } else { "" };
        let found = find(app, caller, &Id::parse(&name)?, asked, false).await?;
        match found.filter(|d| d.device == asked || !is_private(&name)) {
            Some(document) => answer.stores.push(entry(caller, document)),
            None => answer.removed_stores.push(name),
        }
    }
    // A device's own store and the shared one beneath it are one store to the device.
    answer.stores.dedup_by(|a, b| a.name == b.name);
    answer.removed_stores.dedup();
    (answer.conversations, answer.assets) = (touched.conversations.into(), touched.assets.into());
    Ok(answer)
}

async fn all(
    app: &App,
    caller: &Caller,
    device: &str,
    after: Option<&Cursor>,
    mut answer: StateAnswer,
) -> ApiResult<StateAnswer> {
    let listed = app.store.documents(&caller.owner, false).await?;
    let lender = if after.is_none() { lender(&listed, device) } else { None };
    let is_ours = |d: &Document| {
        let local = is_device_local(&d.name);
        let own = !device.is_empty() && local && d.device == device;
        let shared = d.device.is_empty() && (device.is_empty() || !is_private(&d.name));
        let lent = is_lent(&d.name) && lender.as_deref() == Some(d.device.as_str());
        own || shared || lent
    };
    let mut chosen: Vec<Document> =
        listed.iter().filter(|d| is_kept(&d.name) && is_ours(d)).cloned().collect();
    // Of one name, a device's own comes before what is shared.
    chosen.sort_by(|a, b| (&a.name, a.device.is_empty()).cmp(&(&b.name, b.device.is_empty())));
    chosen.dedup_by(|later, first| later.name == first.name);
    for document in chosen {
        // Lists leave out the data of stores with tables.
        let whole = match document.data {
            Some(_) => Some(document),
            None => app.store.document(&caller.owner, &Id::parse(&document.name)?, "", false).await?,
        };
        answer.stores.extend(whole.map(|d| entry(caller, d)));
    }
    Ok(answer)
}

/// The device that wrote last, for a device that has nothing of its own yet.
fn lender(listed: &[Document], device: &str) -> Option<String> {
    let is_fresh = !device.is_empty() && listed.iter().all(|d| d.device != device);
    let others = listed.iter().filter(|d| is_fresh && !d.device.is_empty());
    others.max_by_key(|d| d.revision).map(|d| d.device.clone())
}

/// Whether a store is told here: conversations are too large for it, and `keyval-store` is not read at the start.
fn is_kept(name: &str) -> bool {
    name != CHATS && keyval_key(name).is_none()
}

fn entry(caller: &Caller, document: Document) -> StateStore {
    let data = document.data.unwrap_or_else(|| Json::from_value(&serde_json::Value::Null));
    StateStore {
        data: shown(caller, &document.name, data),
        name: document.name,
        version: document.version,
        bare: document.bare,
        beside: document.beside,
        device: document.device,
        revision: document.revision,
    }
}
