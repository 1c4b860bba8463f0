//! The route table and the order of what stands around it; no handler bodies.

// The macros that read the routes write them.
#![allow(unused_qualifications)]

pub mod answer;
pub mod asset_data;
pub mod assets;
pub mod auth;
pub mod backups;
pub mod batch;
pub mod bridge;
pub mod changes;
pub mod chat_list;
pub mod chat_test;
pub mod chats;
pub mod error;
pub mod export;
pub mod folders;
pub mod health;
pub mod history;
pub mod imports;
pub mod items;
pub mod llms;
pub mod login;
pub mod messages;
pub mod metrics;
pub mod models;
pub mod openapi;
pub mod personas;
pub mod precondition;
pub mod reports;
pub mod request;
pub mod requests;
pub mod session;
pub mod state;
pub mod store_list;
pub mod store_read;
pub mod stores;
pub mod stores_init;
pub mod stream;
pub mod track;
pub mod usage;
pub mod workspace;

use std::sync::Arc;

use axum::extract::OriginalUri;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, extract::State};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::error::{ApiError, Code};
use crate::app::App;

/// Every route, at `/` and at `/_holdfast/`, with what stands around them.
pub fn router(app: Arc<App>) -> Router {
    let (routes, document) = routes().split_for_parts();
    surround(routes.merge(openapi::router(&document)), app)
}

fn surround(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    // From the outside to the inside.
    let around = ServiceBuilder::new()
        .layer(from_fn_with_state(Arc::clone(&app), track::track))
        .layer(from_fn(track::etags))
        .layer(compression())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&app), auth::guard));
    Router::new()
        .merge(routes.clone())
        .nest("/_holdfast", routes.merge(pages()))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(around)
        .with_state(app)
}

/// Bodies are compressed where the client takes that, but for what is small already.
fn compression() -> CompressionLayer<impl Predicate> {
    let not_twice = DefaultPredicate::new().and(NotForContentType::const_new("application/zip"));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(not_twice)
}

/// What browsers load by themselves, below `/_holdfast/` only.
fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/login", get(login::get_login).post(login::post_login))
        .route("/bridge.js", get(bridge::get_bridge))
}

/// The route table: each route with its entry in the OpenAPI document.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(store_list::list_stores, stores::save_store))
        .routes(routes!(state::get_state))
        .routes(routes!(stores_init::get_init, stores_init::init_stores))
        .routes(routes!(store_read::get_store, stores::put_store, stores::delete_store))
        .routes(routes!(chat_list::list_chats, chats::save_chat))
        .routes(routes!(chats::get_chat, chats::put_chat, chats::patch_chat, chats::delete_chat))
        .routes(routes!(messages::list_messages))
        .routes(routes!(messages::get_message, messages::put_message, messages::delete_message))
        .routes(routes!(messages::append_text))
        .routes(routes!(batch::run_batch))
        .routes(routes!(llms::list_llms, llms::save_llms, llms::clear_llms))
        .routes(routes!(llms::get_llm, llms::put_llm, llms::delete_llm))
        .routes(routes!(folders::list_folders, folders::put_folders))
        .routes(routes!(
            folders::get_folder,
            folders::put_folder,
            folders::patch_folder,
            folders::delete_folder
        ))
        .routes(routes!(folders::add_to_folder, folders::remove_from_folder))
        .routes(routes!(metrics::get_metrics, metrics::change_metrics, metrics::clear_metrics))
        .routes(routes!(metrics::get_service_metrics, metrics::clear_service_metrics))
        .routes(routes!(usage::list_usage))
        .routes(routes!(personas::list_personas, personas::save_persona))
        .routes(routes!(personas::list_hidden, personas::put_hidden, personas::toggle_hidden))
        .routes(routes!(personas::toggle_hidden_alias))
        .routes(routes!(personas::get_persona, personas::put_persona, personas::delete_persona))
        .routes(routes!(personas::get_prompt, personas::put_prompt, personas::delete_prompt))
        .routes(routes!(workspace::list_workspaces, workspace::save_workspaces, workspace::clear_workspaces))
        .routes(routes!(workspace::get_workspace, workspace::change_workspace, workspace::delete_workspace))
        .routes(routes!(workspace::unassign_file))
        .routes(routes!(assets::list_assets, assets::save_asset))
        .routes(routes!(assets::get_asset, assets::put_asset, assets::delete_asset))
        .routes(routes!(asset_data::get_asset_data, asset_data::put_asset_data))
        .routes(routes!(changes::list_changes))
        .routes(routes!(changes::stream_changes))
        .routes(routes!(history::list_versions))
        .routes(routes!(history::get_version))
        .routes(routes!(history::restore_version))
        .routes(routes!(requests::list_requests))
        .routes(routes!(requests::stream_requests))
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_live))
        .routes(routes!(health::get_prometheus))
        .routes(routes!(reports::list_reports, reports::add_report))
        .routes(routes!(backups::list_backups, backups::make_backup))
        .routes(routes!(backups::get_backup))
        .routes(routes!(backups::verify_backup))
        .routes(routes!(imports::list_imports, imports::create_import))
        .routes(routes!(imports::get_import, imports::delete_import))
        .routes(routes!(imports::apply_import))
        .routes(routes!(imports::verify_import))
        .routes(routes!(imports::roll_back_import))
        .routes(routes!(imports::follow_import))
        .routes(routes!(export::get_export))
        .routes(routes!(models::list_openai_models))
        .routes(routes!(chat_test::get_test, chat_test::ask_test))
}

async fn unknown_route(State(_app): State<Arc<App>>, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found(format!("There is no route {}", uri.path()))
}

async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    let message = format!("{} does not answer {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, message)
}

#[allow(clippy::needless_pass_by_value)]
fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message");
    ApiError::internal(format!("a handler panicked: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Config;

    async fn panics() -> &'static str {
        panic!("on purpose")
    }

    #[tokio::test]
    async fn a_handler_that_panics_answers_with_the_error_shape() {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("holdfast.db");
        let store = holdfast_store::open(&holdfast_store::OpenOptions::sqlite(&db)).unwrap();
        let closing = tokio::sync::watch::channel(false).1;
        let app = App::new(store, Config::new(db), ([127, 0, 0, 1], 0).into(), closing);
        let router = surround(Router::new().route("/panics", get(panics)), Arc::new(app));
        let request = Request::get("/panics").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "internal");
        assert!(!body.to_string().contains("on purpose"), "causes are not public");
    }
}
