//! What the proxy answers by itself: the way to the login, and that the app is down.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use hyper_util::client::legacy;

use super::Upstream;
use crate::api::error::{ApiError, Code};
use crate::api::login::escaped;
use crate::app::App;

const DOWN: &str = include_str!("../../assets/app-down.html");
/// Seconds until the page of an app that is down tries again.
const AGAIN: HeaderValue = HeaderValue::from_static("3");

/// An error in the shape of all errors.
pub(super) fn error(app: &App, error: &ApiError) -> Response {
    let id = app.request_id();
    if let Some(cause) = &error.source {
        tracing::warn!(target: "proxy", request = id, cause, "{}: {cause}", error.message);
    }
    let mut response = error.clone().into_response();
    *response.body_mut() = Body::from(error.render(&id));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    response
}

/// Where a page is opened, the login comes first; anything else is 401.
pub(super) fn login(uri: &Uri, opens_page: bool) -> Result<Response, ApiError> {
    if !opens_page {
        let message = "Sign in at /_holdfast/login first";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message));
    }
    let next = uri.path_and_query().map_or("/", |path| path.as_str());
    let next: String = next.bytes().map(in_query).collect();
    let headers = [
        (header::LOCATION, format!("/_holdfast/login?next={next}")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// A byte as it stands in a query.
fn in_query(byte: u8) -> String {
    let is_plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if is_plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// The app does not answer: a page that tries again by itself, where one is opened.
pub(super) fn app_down(
    upstream: &Upstream,
    opens_page: bool,
    cause: &legacy::Error,
) -> Result<Response, ApiError> {
    let app = format!("http://{}", upstream.authority());
    if !opens_page {
        let message = format!("The app at {app} does not answer");
        let mut error = ApiError::new(StatusCode::BAD_GATEWAY, Code::AppUnavailable, message);
        let source = std::error::Error::source(cause).map(ToString::to_string);
        error.source = Some(source.unwrap_or_else(|| cause.to_string()));
        return Err(error);
    }
    tracing::warn!(target: "proxy", app, "the app at {app} does not answer: {cause}");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::RETRY_AFTER, AGAIN),
    ];
    Ok((StatusCode::BAD_GATEWAY, headers, DOWN.replace("{app}", &escaped(&app))).into_response())
}
