//! `/api/openai-models`: the models that a provider offers.

use axum::http::StatusCode;

use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};

/// Lists OpenAI's chat models
#[utoipa::path(get, path = "/api/openai-models", tag = "models",
    responses((status = "default", body = ErrorBody)))]
pub async fn list_openai_models() -> ApiResult<()> {
    let message = "OpenAI API key not configured";
    Err(ApiError::new(StatusCode::BAD_REQUEST, Code::NotConfigured, message).with("models", "[]"))
}
