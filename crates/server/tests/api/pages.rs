//! The app's pages, with the bridge in them.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;

use crate::server::{Reply, TestServer, connect, read_until};
use crate::upstream::{Upstream, chunks};

const NAVIGATION: [(&str, &str); 2] = [("sec-fetch-dest", "document"), ("accept", "text/html,*/*;q=0.8")];
const PAGE: &str = "<!DOCTYPE html><html><head><script src=\"/a.js\"></script></head><body>x</body></html>";

fn page(text: &'static str, policy: &'static str) -> Router {
    let answer = get(move |headers: HeaderMap| async move {
        let around = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::ETAG, "\"1\""),
            (header::LAST_MODIFIED, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ];
        let mut more = HeaderMap::new();
        if !policy.is_empty() {
            more.insert(header::CONTENT_SECURITY_POLICY, policy.parse().unwrap());
        }
        let status =
            if headers.contains_key("if-none-match") { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        (status, around, more, text)
    });
    Router::new().route("/", answer.clone()).route("/{*path}", answer)
}

/// A page of an app that is opened.
fn open(text: &'static str, policy: &'static str) -> Reply {
    let app = Upstream::start(page(text, policy));
    let server = TestServer::start_before(Some(app.address), |_| {});
    server.at_front("GET", "/", &NAVIGATION, None).expect(200)
}

/// The page before the bridge, the bridge's tag, and the page after it.
fn parts(page: &str) -> (&str, &str, &str) {
    let at =
        page.find("<script src=\"/_holdfast/bridge.js?v=").unwrap_or_else(|| panic!("no bridge: {page}"));
    let end = at + page[at..].find("</script>").unwrap() + "</script>".len();
    (&page[..at], &page[at..end], &page[end..])
}

#[test]
fn the_bridge_is_the_first_script_of_a_page() {
    let reply = open(PAGE, "");
    let (before, script, after) = parts(reply.text());
    assert_eq!(before, "<!DOCTYPE html><html><head>");
    assert_eq!([before, after].concat(), PAGE, "the rest is as it was");
    assert!(!script.contains("async") && !script.contains("defer") && !script.contains("nonce"));
    assert_eq!((reply.header("cache-control"), reply.header("etag")), ("no-store", ""));
    assert_eq!((reply.header("last-modified"), reply.header("content-security-policy")), ("", ""));
}

#[test]
fn the_bridge_is_loaded_once_for_each_version() {
    let app = Upstream::start(page(PAGE, ""));
    let server = TestServer::start_before(Some(app.address), |_| {});
    let reply = server.at_front("GET", "/", &NAVIGATION, None).expect(200);
    let url = parts(reply.text()).1.split('"').nth(1).unwrap().to_owned();
    let script = server.at_front("GET", &url, &[], None).expect(200);
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    let other = server.at_front("GET", "/_holdfast/bridge.js?v=0", &[], None).expect(200);
    assert_eq!(other.header("cache-control"), "no-cache");
    let tag = other.header("etag");
    server.at_front("GET", "/_holdfast/bridge.js", &[("if-none-match", tag)], None).expect(304);
}

#[test]
fn a_page_without_a_head_begins_with_the_bridge_behind_its_doctype() {
    for (text, before) in [
        ("<!doctype html><title>x</title><script>1</script>", "<!doctype html>"),
        ("<script>1</script><head></head>", ""),
        ("<html><body>x</body></html>", "<html>"),
        ("only text", "only text"),
    ] {
        assert_eq!(parts(open(text, "").text()).0, before);
    }
}

#[test]
fn a_page_is_rewritten_while_it_comes() {
    let (send, page) = chunks("text/html");
    let app = Upstream::start(Router::new().route("/", page));
    let server = TestServer::start_before(Some(app.address), |_| {});
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nsec-fetch-dest: document\r\n\r\n";
    let mut stream = connect(server.front.unwrap(), request);
    for chunk in ["<!doctype html><ht", "ml><he", "ad lang=\"", "e\"><title>first"] {
        send.send(chunk).unwrap();
    }
    let start = read_until(&mut stream, "first");
    assert!(start.contains("<head lang=\"e\"><script src=\"/_holdfast/bridge.js"), "{start}");
    send.send("</title>second").unwrap();
    read_until(&mut stream, "second");
}

#[test]
fn only_pages_that_are_opened_get_the_bridge() {
    let app = Upstream::start(page(PAGE, ""));
    let server = TestServer::start_before(Some(app.address), |_| {});
    for headers in [&[("sec-fetch-dest", "empty"), ("accept", "text/html")][..], &[("accept", "*/*")], &[]] {
        let reply = server.at_front("GET", "/", headers, None).expect(200);
        assert_eq!((reply.text(), reply.header("etag")), (PAGE, "\"1\""));
    }
    for path in ["/closed.html", "/dev/inspect/storage"] {
        assert_eq!(server.at_front("GET", path, &NAVIGATION, None).expect(200).text(), PAGE);
    }
    let head = server.at_front("HEAD", "/", &NAVIGATION, None).expect(200);
    assert_eq!(head.header("content-length"), PAGE.len().to_string());
    parts(server.at_front("GET", "/", &[("sec-fetch-dest", "iframe")], None).expect(200).text());
    parts(server.at_front("GET", "/", &[("accept", "text/html")], None).expect(200).text());
}

#[test]
fn a_page_that_the_browser_has_is_sent_again_with_the_bridge_of_today() {
    let app = Upstream::start(page(PAGE, ""));
    let server = TestServer::start_before(Some(app.address), |_| {});
    let headers =
        [NAVIGATION[0], ("if-none-match", "\"1\""), ("range", "bytes=0-1"), ("accept-encoding", "gzip")];
    parts(server.at_front("GET", "/", &headers, None).expect(200).text());
    server.at_front("GET", "/", &[("if-none-match", "\"1\"")], None).expect(304);
}

#[test]
fn a_policy_of_the_page_lets_the_bridge_through() {
    let nonce = open(PAGE, "script-src 'nonce-abc' 'strict-dynamic'");
    assert!(parts(nonce.text()).1.contains(" nonce=\"abc\""), "{}", nonce.text());
    assert_eq!(nonce.header("content-security-policy"), "script-src 'nonce-abc' 'strict-dynamic'");
    let hosts = open(PAGE, "default-src 'self'; script-src https://cdn.test 'unsafe-inline'");
    let expected = "default-src 'self'; script-src https://cdn.test 'unsafe-inline' 'self'";
    assert_eq!(hosts.header("content-security-policy"), expected);
    let meta =
        "<head><meta http-equiv=\"Content-Security-Policy\" content=\"connect-src https://api\"></head>";
    assert!(open(meta, "").text().contains("connect-src https://api 'self'"));
}
