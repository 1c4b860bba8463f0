//! `/api/stores/init`: the stores that the app expects, with its own defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::{Id, Json, Precondition, Revision, StoreError, Write, Writer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{Answer, sql_time};
use crate::api::error::{ApiResult, ErrorBody};
use crate::api::request::Caller;
use crate::app::App;

/// Name, version and state of each, as big-AGI 2.1 has them on a first run.
const DEFAULTS: [(&str, u32, &str); 4] = [
    ("app-folders", 0, r#"{"folders":[],"enableFolders":false}"#),
    (
        "app-ux-labs",
        1,
        concat!(
            r#"{"labsHighPerformance":false,"labsAutoHideComposer":false,"labsScreenWakeLock":false,"#,
            r#""labsShowShortcutBar":true,"labsComposerAttachmentsInline":false,"labsLosslessImages":false,"#,
            r#""labsSingleDollarLatex":false}"#
        ),
    ),
    (
        "app-ui",
        3,
        concat!(
            r#"{"preferredLanguage":"en-US","centerMode":"narrow","complexityMode":"pro","contentScaling":"sm","#,
            r#""doubleClickToEdit":false,"disableMarkdown":false,"enterIsNewline":false,"messageFullWidth":false,"#,
            r#""renderCodeLineNumbers":false,"renderCodeSoftWrap":false,"showPersonaFinder":false,"#,
            r#""showModelsFn":false,"showModelsHidden":false,"showModelsStarredOnly":false,"#,
            r#""modelsStarredOnTop":true,"composerQuickButton":"beam","dismissals":{},"actionCounters":{},"#,
            r#""panelGroupCollapseStates":{}}"#
        ),
    ),
    ("app-device", 1, r#"{"localDeviceId":""}"#),
];

/// How many of which.
#[derive(Debug, Default, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct InitCounts {
    pub created: usize,
    pub existing: usize,
    pub errors: usize,
    pub total: usize,
}

/// What became of one store.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct InitStore {
    /// `created`, `exists` or `error`.
    pub status: &'static str,
    #[schema(value_type = Option<serde_json::Value>)]
    pub data: Option<Json>,
}

/// What the call did.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct InitAnswer {
    pub success: bool,
    pub message: String,
    pub summary: InitCounts,
    pub stores: BTreeMap<&'static str, InitStore>,
    /// The newest revision of the stores.
    pub revision: i64,
    pub epoch: String,
}

/// Creates the expected stores that are absent
#[utoipa::path(post, path = "/api/stores/init", tag = "stores",
    responses((status = 200, body = InitAnswer), (status = "default", body = ErrorBody)))]
pub async fn init_stores(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let mut summary = InitCounts { total: DEFAULTS.len(), ..InitCounts::default() };
    let mut stores = BTreeMap::new();
    let mut revision = 0;
    for (name, version, state) in DEFAULTS {
        let (store, at) = init(&app, &caller, name, version, state).await?;
        revision = revision.max(at);
        match store.status {
            "created" => summary.created += 1,
            "exists" => summary.existing += 1,
            _ => summary.errors += 1,
        }
        stores.insert(name, store);
    }
    let InitCounts { created, existing, errors, .. } = summary;
    let message =
        format!("Store initialization complete: {created} created, {existing} existing, {errors} errors");
    let epoch = app.store.epoch().to_string();
    Answer::json(&InitAnswer { success: errors == 0, message, summary, stores, revision, epoch })
}

async fn init(
    app: &App,
    caller: &Caller,
    name: &'static str,
    version: u32,
    state: &str,
) -> ApiResult<(InitStore, Revision)> {
    let id = Id::parse(name)?;
    let stored = app.store.document(&caller.owner, &id, "", false).await?;
    if let Some(stored) = stored {
        return Ok((InitStore { status: "exists", data: stored.data }, stored.revision));
    }
    let data = Json::parse(state)?;
    let document = NewDocument {
        name: id,
        device: String::new(),
        data: data.clone(),
        version: Some(Json::from_value(&version.into())),
        bare: false,
        beside: None,
    };
    let precondition = Precondition::Absent;
    let write = Write::PutDocument { document, mode: Mode::Replace, confirm: None, precondition };
    // The key of the request is not for each of its writes: what is there is never written again anyway.
    let writer = Writer { idempotency: None, ..caller.writer() };
    Ok(match app.write(&writer, write).await {
        Ok(outcome) => (InitStore { status: "created", data: Some(data) }, outcome.revision),
        Err(StoreError::Conflict { current, current_revision }) => {
            (InitStore { status: "exists", data: current }, current_revision.unwrap_or_default())
        }
        Err(error) => {
            tracing::error!(target: "store", store = name, %error, "a default could not be stored: {error}");
            (InitStore { status: "error", data: None }, 0)
        }
    })
}

/// How many are there.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct InitTotals {
    pub total: usize,
    pub required: usize,
    pub missing: usize,
}

/// One stored store.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct InitEntry {
    pub name: String,
    #[schema(value_type = Option<i64>)]
    pub version: Option<Json>,
    pub has_data: bool,
    pub updated_at: String,
}

/// Which of the expected stores exist.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct InitStatus {
    pub success: bool,
    pub initialized: bool,
    pub summary: InitTotals,
    pub existing_stores: Vec<&'static str>,
    pub missing_stores: Vec<&'static str>,
    pub stores: Vec<InitEntry>,
}

/// Says which of the expected stores exist
#[utoipa::path(get, path = "/api/stores/init", tag = "stores",
    responses((status = 200, body = InitStatus), (status = "default", body = ErrorBody)))]
pub async fn get_init(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Answer> {
    let documents = app.store.documents(&caller.owner, false).await?;
    let names = DEFAULTS.map(|(name, ..)| name);
    let (existing_stores, missing_stores): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| documents.iter().any(|d| d.name == *name));
    let stores: Vec<_> = documents
        .into_iter()
        .map(|d| InitEntry {
            has_data: d.bytes > 0,
            updated_at: sql_time(d.updated_at),
            name: d.name,
            version: d.version,
        })
        .collect();
    Answer::json(&InitStatus {
        success: true,
        initialized: missing_stores.is_empty(),
        summary: InitTotals { total: stores.len(), required: names.len(), missing: missing_stores.len() },
        existing_stores,
        missing_stores,
        stores,
    })
}
