//! The app's pages: which requests open one, and the bridge as the first script of each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;
use futures::stream::unfold;
use lol_html::html_content::ContentType;
use lol_html::send::{HtmlRewriter, Settings};
use lol_html::{element, end};

use super::csp;
use crate::api::bridge;

/// Whether a browser opens a page with this request: in a tab or a frame, not by script.
pub(super) fn opens_page(request: &Request) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let asks = match text("sec-fetch-dest") {
        Some(what) => matches!(what, "document" | "iframe"),
        // Not sent to plain HTTP addresses of other machines.
        None => text("accept").is_some_and(|accept| accept.contains("text/html")),
    };
    request.method() == Method::GET && asks
}

/// Whether the page at a path gets the bridge: these two keep nothing, and the second shows the raw storage.
pub(super) fn has_bridge(path: &str) -> bool {
    path != "/closed.html" && path != "/dev/inspect" && !path.starts_with("/dev/inspect/")
}

/// Asks the app for a page as a whole, in clear: an older copy would have an older script.
pub(super) fn ask_whole(headers: &mut HeaderMap) {
    for name in [
        header::RANGE,
        header::IF_RANGE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
    ] {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Whether an answer is a page that can be read as it comes.
pub(super) fn is_html(response: &Response) -> bool {
    let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let kind = text(header::CONTENT_TYPE).to_ascii_lowercase();
    if response.status() != StatusCode::OK || kind.split(';').next().map(str::trim) != Some("text/html") {
        return false;
    }
    let is_clear = matches!(text(header::CONTENT_ENCODING), "" | "identity");
    // In UTF-16 a tag is other bytes.
    let is_readable = is_clear && !kind.contains("utf-16");
    if !is_readable {
        tracing::warn!(target: "proxy", "a page of the app is compressed or in UTF-16 and goes without the bridge");
    }
    is_readable
}

/// The same page with the bridge before its first script, chunk by chunk as it comes.
pub(super) fn with_bridge(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    for name in [header::CONTENT_LENGTH, header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
        parts.headers.remove(name);
    }
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nonce = csp::admit(&mut parts.headers);
    let page = Page::new(body.into_data_stream(), &script(nonce.as_deref()));
    let chunks = unfold(page, |mut page| async move { page.next().await.map(|chunk| (chunk, page)) });
    Response::from_parts(parts, Body::from_stream(chunks))
}

/// Classic, external and blocking: it runs before everything else of the page.
fn script(nonce: Option<&str>) -> String {
    let nonce = nonce.map(|nonce| format!(" nonce=\"{nonce}\"")).unwrap_or_default();
    format!("<script src=\"{}\"{nonce}></script>", bridge::url())
}

type Out = Arc<Mutex<Vec<u8>>>;
type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// A page on its way through.
struct Page {
    chunks: BodyDataStream,
    /// `None` at the end.
    rewriter: Option<HtmlRewriter<'static, Sink>>,
    /// What is rewritten and not yet sent.
    out: Out,
}

impl Page {
    fn new(chunks: BodyDataStream, script: &str) -> Self {
        let out = Out::default();
        let rewriter = Some(rewriter(script, Arc::clone(&out)));
        Self { chunks, rewriter, out }
    }

    /// The next part. An error ends the page, and cuts the connection.
    async fn next(&mut self) -> Option<Result<Bytes, axum::BoxError>> {
        loop {
            let mut rewriter = self.rewriter.take()?;
            let done = match self.chunks.next().await {
                Some(Ok(chunk)) => rewriter.write(&chunk).map(|()| self.rewriter = Some(rewriter)),
                Some(Err(error)) => return Some(Err(error.into())),
                None => rewriter.end(),
            };
            if let Err(error) = done {
                return Some(Err(error.into()));
            }
            let part = std::mem::take(&mut *self.out.lock().unwrap_or_else(PoisonError::into_inner));
            if !part.is_empty() {
                return Some(Ok(part.into()));
            }
        }
    }
}

/// Puts `script` first into the head. A page without a head begins its first element with it, behind the doctype,
/// without which it would be shown otherwise.
fn rewriter(script: &str, out: Out) -> HtmlRewriter<'static, Sink> {
    let (first, last) = (script.to_owned(), script.to_owned());
    let placed = Arc::new(AtomicBool::new(false));
    let is_placed = Arc::clone(&placed);
    let settings = Settings {
        element_content_handlers: vec![
            element!("*", move |element| {
                if placed.load(Ordering::Relaxed) || element.tag_name() == "html" {
                    return Ok(());
                }
                placed.store(true, Ordering::Relaxed);
                if element.tag_name() == "head" {
                    element.prepend(&first, ContentType::Html);
                } else {
                    element.before(&first, ContentType::Html);
                }
                Ok(())
            }),
            element!("meta[http-equiv='content-security-policy' i][content]", |element| {
                let policy = element.get_attribute("content").unwrap_or_default();
                Ok(element.set_attribute("content", &csp::reach(&policy))?)
            }),
        ],
        document_content_handlers: vec![end!(move |end| {
            if !is_placed.load(Ordering::Relaxed) {
                end.append(&last, ContentType::Html);
            }
            Ok(())
        })],
        // A page that no parser reads in one way only is passed on all the same.
        strict: false,
        ..Settings::new_send()
    };
    let sink: Sink = Box::new(move |part| {
        out.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(part);
    });
    HtmlRewriter::new(settings, sink)
}
