//! Who may call: the host name, the origin of a page, the token or the cookie that a login gave for it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::api::error::{ApiError, ApiResult, Code};
use crate::api::request::reads_secrets;
use crate::api::session::{self, Session, Shown};
use crate::app::App;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Holdfast-Client, Last-Event-ID, Range",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Retry-After, X-Request-Id, Content-Range, Holdfast-Cursor, Holdfast-Epoch, Holdfast-Revision, Holdfast-Hash",
);

/// Lets a request through, or refuses it before any handler sees it.
pub async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let cors = match allowed_origin(&app, &request) {
        Ok(cors) => cors,
        Err(error) => return error.into_response(),
    };
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let admitted = if preflight { Ok(()) } else { check_token(&app, &mut request) };
    let mask = masks_errors(&request);
    let mut response = match admitted {
        Ok(()) if preflight => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if mask && let Some(error) = response.extensions_mut().remove::<Arc<ApiError>>() {
        response.extensions_mut().insert(Arc::new(Arc::unwrap_or_clone(error).masked()));
    }
    if let Some(origin) = cors {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }
    response
}

/// Whether a conflict of this request repeats a stored document that its caller may only see masked. Chats
/// hold no secrets of ours, and are merged by who reads them.
fn masks_errors(request: &Request) -> bool {
    let path = request.uri().path();
    let documents = ["/api/stores", "/api/llms", "/api/history", "/api/batch"];
    documents.iter().any(|d| path.contains(d))
        && !path.ends_with("/app-chats")
        && !reads_secrets(request.extensions(), request.headers(), request.uri())
}

/// Checks host and origin; the origin to name in the answer, where a page of another one is allowed.
fn allowed_origin(app: &App, request: &Request) -> ApiResult<Option<HeaderValue>> {
    let headers = request.headers();
    let host = check_host(app, request.uri(), headers)?;
    if let Some(origin) = headers.get(header::ORIGIN) {
        let text = origin.to_str().unwrap_or("");
        let own = text.split_once("://").is_some_and(|(_, authority)| Some(authority) == host.as_deref());
        if own {
            return Ok(None);
        }
        if app.config.allow_origin.iter().any(|allowed| allowed == text) {
            return Ok(Some(origin.clone()));
        }
        let message = format!("Pages of '{text}' may not call this server");
        return Err(ApiError::new(StatusCode::FORBIDDEN, Code::OriginNotAllowed, message));
    }
    let fetch = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let foreign = matches!(fetch("sec-fetch-site"), "cross-site" | "same-site");
    let opens_page = request.method() == Method::GET
        && fetch("sec-fetch-mode") == "navigate"
        && fetch("sec-fetch-dest") == "document"
        && is_page(request.uri().path());
    if foreign && !opens_page {
        let message = "Pages of other sites may not call this server";
        return Err(ApiError::new(StatusCode::FORBIDDEN, Code::OriginNotAllowed, message));
    }
    Ok(None)
}

/// Host and port as the client wrote them. Errors: 403 for a name that this server is not known by, as when another
/// site's name is made to lead here.
pub(crate) fn check_host(app: &App, uri: &Uri, headers: &HeaderMap) -> ApiResult<Option<String>> {
    let host = host(uri, headers);
    if let Some(host) = host.as_deref().filter(|host| !is_allowed_host(app, host)) {
        let message = format!("This server is not addressed as '{host}'");
        return Err(ApiError::new(StatusCode::FORBIDDEN, Code::HostNotAllowed, message));
    }
    Ok(host)
}

/// Paths that answer HTML: a link on another site may lead to them.
fn is_page(path: &str) -> bool {
    let path = path.strip_prefix("/_holdfast").unwrap_or(path);
    path.starts_with("/api/docs")
        || !(path.starts_with("/api/") || path == "/metrics" || path == "/openapi.json")
}

fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let written = headers.get(header::HOST).map(|h| h.to_str().unwrap_or("").to_owned());
    written.or_else(|| uri.authority().map(ToString::to_string))
}

fn is_allowed_host(app: &App, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    let is_loopback = match name.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || app.addresses().any(|own| own.ip() == ip),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    };
    let allowed = |entry: &String| entry.eq_ignore_ascii_case(name) || entry.eq_ignore_ascii_case(host);
    is_loopback || app.config.allow_host.iter().any(allowed)
}

/// Checks the token, or the cookie of a page of our own or of an allowed one; [`allowed_origin`] has refused others.
fn check_token(app: &App, request: &mut Request) -> ApiResult<()> {
    let path = request.uri().path();
    if path.ends_with("/api/health/live") || matches!(path, "/_holdfast/login" | "/_holdfast/bridge.js") {
        return Ok(());
    }
    match session::shown(app, request.headers()) {
        Shown::Enough => return Ok(()),
        Shown::ByCookie if is_of_page(request) => {
            request.extensions_mut().insert(Session);
            return Ok(());
        }
        Shown::ByCookie | Shown::Nothing => {}
    }
    Err(ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "The token is missing or wrong"))
}

/// Whether a page that may call makes this request. Browsers name the page with every write, and at plain HTTP
/// addresses of other machines with nothing else; what a read gives, no other page can see.
fn is_of_page(request: &Request) -> bool {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    headers.contains_key(header::ORIGIN) || site.map_or(reads, |site| matches!(site, "same-origin" | "none"))
}
