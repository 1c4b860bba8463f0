//! `/api/test-ai`: whether a provider can be asked.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::{Answer, iso_time};
use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};
use crate::api::request::Body;
use crate::app::now;

/// What can be asked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct TestStatus {
    pub success: bool,
    pub status: String,
    pub openai_configured: bool,
    pub timestamp: String,
    /// From a name to its method and path.
    #[schema(value_type = Object)]
    pub endpoints: serde_json::Value,
}

/// Says whether a provider is configured
#[utoipa::path(get, path = "/api/test-ai", tag = "models",
    responses((status = 200, body = TestStatus), (status = "default", body = ErrorBody)))]
pub async fn get_test() -> ApiResult<Answer> {
    Answer::json(&TestStatus {
        success: true,
        status: "AI test endpoint is running".to_owned(),
        openai_configured: false,
        timestamp: iso_time(now()),
        endpoints: serde_json::json!({
            "test": "POST /api/test-ai",
            "models": "GET /api/openai-models",
        }),
    })
}

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, missing_docs)]
pub struct TestBody {
    pub prompt: String,
    pub model: Option<String>,
}

/// Asks a provider
#[utoipa::path(post, path = "/api/test-ai", tag = "models", request_body = TestBody,
    responses((status = "default", body = ErrorBody)))]
pub async fn ask_test(body: Body) -> ApiResult<()> {
    let prompt = body.object()?.text("prompt").filter(|p| !p.is_empty());
    if prompt.is_none() {
        return Err(ApiError::invalid_body("Prompt is required"));
    }
    let message = "OpenAI API key not configured";
    let note = "\"Set OPENAI_API_KEY in the server's environment to use this endpoint\"";
    Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, Code::NotConfigured, message).with("note", note))
}
