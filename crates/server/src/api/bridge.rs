//! `/_holdfast/bridge.js`: the script that takes over an unmodified app's persistence. Built from `packages/bridge`.

use std::sync::LazyLock;

use axum::http::{HeaderValue, Uri, header};
use axum::response::IntoResponse;

const SCRIPT: &[u8] = include_bytes!("../../assets/bridge.js");

/// Names this version of the script, so that browsers may keep it for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| blake3::hash(SCRIPT).to_hex()[..16].to_owned());

/// Where the script is, with its version.
pub fn url() -> String {
    format!("/_holdfast/bridge.js?v={}", *VERSION)
}

/// Gives the script.
pub async fn get_bridge(uri: Uri) -> impl IntoResponse {
    let is_named = uri.query().and_then(|q| q.strip_prefix("v=")) == Some(VERSION.as_str());
    let cache = if is_named { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (headers, [(header::ETAG, format!("\"{}\"", *VERSION))], SCRIPT)
}
