//! `/openapi.json` and `/api/docs`: the routes as a document, and its explorer, without any network.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_swagger_ui::Config;

use crate::api::error::{ApiError, ApiResult};
use crate::app::App;

/// The head of the document; the routes add themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdfast",
        description = "Your AI chats in a database you own. Every route also stands under `/_holdfast`. \
                       Reads and writes carry strong ETags; a write with `If-Match` is refused with 412 when \
                       what is stored is newer. `Holdfast-Client` names the writer, `Idempotency-Key` makes a \
                       repeated request harmless for 24 hours.",
        license(name = "MIT")
    ),
    tags(
        (name = "stores", description = "The app's stores as whole documents"),
        (name = "chats", description = "Conversations and messages"),
        (name = "llms", description = "Model services and models"),
        (name = "folders", description = "Folders"),
        (name = "metrics", description = "Costs per model service"),
        (name = "personas", description = "Personas"),
        (name = "workspace", description = "Live files"),
        (name = "assets", description = "Images and sounds"),
        (name = "changes", description = "The changes feed"),
        (name = "history", description = "Kept versions"),
        (name = "care", description = "Health, backups and requests"),
        (name = "models", description = "AI providers"),
    )
)]
pub struct Document;

/// The document as it stands in the repository.
pub fn text() -> String {
    let (_, document) = crate::api::routes().split_for_parts();
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The routes of the document and its explorer.
pub fn router(document: &utoipa::openapi::OpenApi) -> Router<Arc<App>> {
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let json = move || async move {
        ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
    };
    Router::new()
        .route("/openapi.json", get(json))
        // Relative, so that it also leads somewhere below a prefix.
        .route(
            "/api/docs",
            get(|| async { (StatusCode::FOUND, [(header::LOCATION, "docs/")]).into_response() }),
        )
        .route("/api/docs/", get(|| async { explorer("") }))
        .route("/api/docs/{*file}", get(|Path(file): Path<String>| async move { explorer(&file) }))
}

fn explorer(file: &str) -> ApiResult<Response> {
    let config = Arc::new(Config::from("../../openapi.json"));
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(file)) => {
            Ok(([(header::CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response())
        }
        Ok(None) => Err(ApiError::not_found(format!("'{file}' is no file of the explorer"))),
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}
