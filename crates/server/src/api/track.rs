//! Around every request: its id, its line in the log, its place in the ring, and the body of its error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::api::answer::{CURSOR, Note};
use crate::api::error::ApiError;
use crate::api::precondition::has_current;
use crate::api::request::LONGEST_WORD;
use crate::app::{App, RequestEntry, now};

/// How much of a path is remembered.
const MOST: usize = 300;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CLIENT: HeaderName = HeaderName::from_static("holdfast-client");

/// Times the request, renders its error, logs and remembers it.
pub async fn track(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (start, at, id) = (Instant::now(), now(), app.request_id());
    let method = request.method().clone();
    let path = request.uri().path().chars().take(MOST).collect();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let headers = request.headers();
    let client = header_text(headers, CLIENT).filter(|client| (1..=LONGEST_WORD).contains(&client.len()));
    let bytes_in = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());

    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<Arc<ApiError>>() {
        log_cause(&error, &id);
        render(&mut response, &error, &id);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = start.elapsed();
    let entry = RequestEntry {
        number: 0,
        id,
        at,
        method: known(&method).to_owned(),
        route,
        path,
        status: response.status().as_u16(),
        ms: took.as_secs_f64() * 1_000.0,
        bytes_in,
        bytes_out: response.body().size_hint().exact(),
        client,
    };
    let note = response.extensions().get::<Note>().map_or("", |n| n.0.as_str());
    log_request(&entry, took, note);
    app.requests.add(entry, took);
    response
}

/// Methods by name; what a client invents is one kind, so that the counters stay few.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

fn render(response: &mut Response, error: &ApiError, id: &str) {
    let body = error.render(id);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = Body::from(body);
}

fn log_cause(error: &ApiError, id: &str) {
    if let Some(cause) = &error.source {
        tracing::error!(target: "api", request = id, cause, "{}: {cause}", error.message);
    }
}

fn log_request(entry: &RequestEntry, took: Duration, note: &str) {
    // A target is a constant of each place that logs.
    macro_rules! line {
        ($target:literal) => {
            tracing::info!(
                target: $target,
                request = %entry.id, method = %entry.method, route = %entry.route, status = entry.status,
                ms = entry.ms, bytes_in = entry.bytes_in, bytes_out = entry.bytes_out,
                "{} {} {} {} {}{}{note}",
                entry.method, short_path(&entry.path), entry.status, short_time(took),
                short_size(entry.bytes_out), if note.is_empty() { "" } else { ", " },
            )
        };
    }
    let route = entry.route.strip_prefix("/_holdfast").unwrap_or(&entry.route);
    match route.split('/').nth(2) {
        Some("stores") => line!("store"),
        Some("chats") => line!("chats"),
        Some("llms") => line!("llms"),
        _ => line!("api"),
    }
}

/// Long ids cut: `/api/chats/1ZSo…`.
fn short_path(path: &str) -> String {
    let short = |segment: &str| match segment.char_indices().nth(4) {
        Some((at, _)) if segment.len() > 16 => format!("{}…", &segment[..at]),
        _ => segment.to_owned(),
    };
    path.split('/').map(short).collect::<Vec<_>>().join("/")
}

fn short_time(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1_000.0;
    if ms < 1_000.0 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1_000.0) }
}

#[allow(clippy::cast_precision_loss)]
fn short_size(bytes: Option<u64>) -> String {
    match bytes {
        None => "streamed".to_owned(),
        Some(bytes) if bytes < 1_000 => format!("{bytes} B"),
        Some(bytes) if bytes < 1_000_000 => format!("{} kB", bytes / 1_000),
        Some(bytes) => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Answers 304 to who has the representation already, and makes the ETag of an encoded body another one, as
/// strong ETags must be.
pub async fn etags(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let have = request.headers().get(header::IF_NONE_MATCH).filter(|_| reads);
    let have = have.and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut response = next.run(request).await;
    let Some(tag) = header_text(response.headers(), header::ETAG) else { return response };
    if response.status() == StatusCode::OK
        && let Some(current) = have.and_then(|have| has_current(&have, &tag))
    {
        return not_modified(response.headers(), &current);
    }
    if let Some(coding) = header_text(response.headers(), header::CONTENT_ENCODING)
        && let Some(bare) = tag.strip_suffix('"')
        && let Ok(value) = HeaderValue::from_str(&format!("{bare}-{coding}\""))
    {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn not_modified(of: &HeaderMap, tag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    // Without the CORS headers a page of another origin could not read what it has already.
    let cors = [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_EXPOSE_HEADERS];
    for name in [header::CACHE_CONTROL, header::VARY, CURSOR].into_iter().chain(cors) {
        for value in of.get_all(&name) {
            response.headers_mut().append(&name, value.clone());
        }
    }
    if let Ok(value) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
}
