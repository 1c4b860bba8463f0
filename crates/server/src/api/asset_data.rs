//! `/api/assets/{id}/data`: the bytes of an asset.

use std::ops::Range;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use holdfast_store::{Effect, StoreError, Write};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::answer::{Answer, Written};
use crate::api::assets::{absent, written};
use crate::api::error::{ApiError, ApiResult, Code, ErrorBody};
use crate::api::precondition::etag;
use crate::api::request::{Caller, Params, PathId, RawBody, media_type};
use crate::app::App;

/// The hash that `?hash=` takes.
const HASH: header::HeaderName = header::HeaderName::from_static("holdfast-hash");

/// How to read the bytes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DataQuery {
    /// The `Holdfast-Hash` that the caller expects: with it, the answer may be cached for ever.
    hash: Option<String>,
}

/// Gives the bytes of an asset, or a range of them
#[utoipa::path(get, path = "/api/assets/{id}/data", tag = "assets", params(("id" = String, Path), DataQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = ErrorBody)))]
pub async fn get_asset_data(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    Params(query): Params<DataQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let data = app.store.asset_data(&caller.owner, &id).await?.ok_or_else(|| absent(&id))?;
    let tag = etag(&app.store.epoch(), data.revision, "data");
    let size = data.bytes.len();
    let range = wanted(&headers, &tag, size);
    let bytes = Bytes::from(data.bytes);
    let mut response = match range {
        Wanted::All => bytes.into_response(),
        Wanted::Part(range) => {
            let place = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let mut response = (StatusCode::PARTIAL_CONTENT, bytes.slice(range)).into_response();
            set(&mut response, header::CONTENT_RANGE, &place);
            response
        }
        Wanted::Impossible => return Ok(unsatisfiable(size)),
    };
    let cached = query.hash.is_some_and(|hash| hash == data.hash);
    set(&mut response, header::CONTENT_TYPE, &data.mime);
    set(&mut response, header::ETAG, &tag);
    set(&mut response, HASH, &data.hash);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(
        &mut response,
        header::CACHE_CONTROL,
        if cached { "private, max-age=31536000, immutable" } else { "no-cache" },
    );
    // Stored bytes are never a page of this origin, whatever type they claim.
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    Ok(response)
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn unsatisfiable(size: usize) -> Response {
    let message = format!("The range is outside of the {size} bytes");
    let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::RangeNotSatisfiable, message);
    let mut response = error.into_response();
    set(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
    response
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<usize>),
    Impossible,
}

/// RFC 9110 section 14: one range; several ones, and forms that are not understood, give everything.
fn wanted(headers: &HeaderMap, tag: &str, size: usize) -> Wanted {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|expected| expected != tag) {
        return Wanted::All;
    }
    let range = text(header::RANGE).and_then(|r| r.strip_prefix("bytes=")).and_then(|r| r.split_once('-'));
    let Some((first, last)) = range else { return Wanted::All };
    let range = match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(tail)) if first.trim().is_empty() => size.saturating_sub(tail)..size,
        _ => return Wanted::All,
    };
    if range.is_empty() { Wanted::Impossible } else { Wanted::Part(range) }
}

/// Replaces the bytes of an asset whose record exists
#[utoipa::path(put, path = "/api/assets/{id}/data", tag = "assets", params(("id" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Written), (status = "default", body = ErrorBody)))]
pub async fn put_asset_data(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    headers: HeaderMap,
    RawBody(bytes): RawBody,
) -> ApiResult<Answer> {
    let mime = media_type(&headers);
    if mime.is_empty() {
        let message = "The request has no Content-Type";
        let error = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, message);
        return Err(error.hint("Send the media type of the bytes, such as image/png."));
    }
    let write = Write::PutAssetData {
        id: id.clone(),
        bytes: bytes.to_vec(),
        mime,
        precondition: caller.precondition.clone(),
    };
    match app.write(&caller.writer_of(&bytes), write).await {
        Ok(outcome) if outcome.effect != Effect::Absent => {
            written(&app, &format!("Asset '{id}' saved successfully"), &outcome)
        }
        Ok(_) | Err(StoreError::NotFound(_)) => Err(absent(&id)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (range, expected) in [
            ("bytes=0-1", Wanted::Part(0..2)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=5-99", Wanted::Part(5..10)),
            ("bytes=10-", Wanted::Impossible),
            ("bytes=-0", Wanted::Impossible),
            ("bytes=0-1,3-4", Wanted::All),
            ("bytes=4-2", Wanted::All),
            ("lines=1-2", Wanted::All),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            assert_eq!(wanted(&headers, "\"t\"", 10), expected, "{range}");
            headers.insert(header::IF_RANGE, "\"other\"".parse().unwrap());
            assert_eq!(wanted(&headers, "\"t\"", 10), Wanted::All);
        }
    }
}
