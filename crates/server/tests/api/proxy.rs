//! What passes through to the app and back: everything, as it is.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use futures::StreamExt as _;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{TestServer, connect, read_until};
use crate::upstream::{Upstream, chunks};

fn before(app: &Upstream) -> TestServer {
    TestServer::start_before(Some(app.address), |_| {})
}

fn request(server: &TestServer, start: &str) -> std::net::TcpStream {
    let address = server.front.unwrap();
    connect(address, &start.replace("HOST", &address.to_string()))
}

#[test]
fn a_stream_of_events_arrives_event_by_event() {
    let (send, events) = chunks("text/event-stream");
    let app = Upstream::start(Router::new().route("/events", events));
    let server = before(&app);
    let mut stream = request(&server, "GET /events HTTP/1.1\r\nhost: HOST\r\n\r\n");
    send.send("data: 1\n\n").unwrap();
    let start = read_until(&mut stream, "data: 1\n\n");
    assert!(start.contains("text/event-stream") && !start.contains("data: 2"), "{start}");
    send.send("data: 2\n\n").unwrap();
    read_until(&mut stream, "data: 2\n\n");
    drop(send);
    read_until(&mut stream, "0\r\n\r\n");
}

#[test]
fn a_websocket_goes_both_ways() {
    let app = Upstream::start(Router::new().route(
        "/socket",
        any(|mut request: Request| async move {
            assert_eq!(request.headers()["sec-websocket-key"], "x");
            tokio::spawn(async move {
                let upgraded = hyper::upgrade::on(&mut request).await.unwrap();
                let (mut io, mut chunk) = (TokioIo::new(upgraded), [0; 64]);
                while let Ok(read @ 1..) = io.read(&mut chunk).await {
                    io.write_all(&chunk[..read].to_ascii_uppercase()).await.unwrap();
                }
            });
            let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket")];
            (StatusCode::SWITCHING_PROTOCOLS, headers)
        }),
    ));
    let server = before(&app);
    let mut stream = request(
        &server,
        "GET /socket HTTP/1.1\r\nhost: HOST\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n",
    );
    let answer = read_until(&mut stream, "\r\n\r\n").to_lowercase();
    assert!(answer.starts_with("http/1.1 101") && answer.contains("upgrade: websocket"), "{answer}");
    for word in ["hello", "again"] {
        stream.write_all(word.as_bytes()).unwrap();
        read_until(&mut stream, &word.to_uppercase());
    }
}

#[test]
fn an_upload_of_any_size_is_passed_on_while_it_comes() {
    const SIZE: usize = 100 << 20;
    let (began, begin) = std::sync::mpsc::channel();
    let app = Upstream::start(Router::new().route(
        "/upload",
        post(async move |request: Request| {
            let mut chunks = request.into_body().into_data_stream();
            let mut size = 0;
            while let Some(chunk) = chunks.next().await {
                size += chunk.unwrap().len();
                let _ = began.send(());
            }
            size.to_string()
        }),
    ));
    let server = TestServer::start_before(Some(app.address), |config| config.max_body = 1_000);
    let start = format!("POST /upload HTTP/1.1\r\nhost: HOST\r\ncontent-length: {SIZE}\r\n\r\n");
    let mut stream = request(&server, &start);
    let part = vec![7; 1 << 20];
    stream.write_all(&part).unwrap();
    begin
        .recv_timeout(Duration::from_secs(30))
        .expect("the app sees the first bytes before the last are sent");
    for _ in 1..100 {
        stream.write_all(&part).unwrap();
    }
    let answer = read_until(&mut stream, &SIZE.to_string());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn ranges_and_compressed_bodies_are_passed_on_byte_for_byte() {
    const ZIPPED: [u8; 6] = [0x1f, 0x8b, 0, 255, 13, 10];
    let file = |headers: HeaderMap| async move {
        assert_eq!(headers["range"], "bytes=2-4");
        let around = [(header::CONTENT_RANGE, "bytes 2-4/10"), (header::ETAG, "\"a\"")];
        (StatusCode::PARTIAL_CONTENT, around, "234")
    };
    let zipped = || async { ([(header::CONTENT_ENCODING, "gzip"), (header::ETAG, "W/\"b\"")], ZIPPED) };
    let app = Upstream::start(Router::new().route("/file", get(file)).route("/zipped", get(zipped)));
    let server = before(&app);
    let part = server.at_front("GET", "/file", &[("range", "bytes=2-4")], None).expect(206);
    assert_eq!(
        (part.text(), part.header("content-range"), part.header("etag")),
        ("234", "bytes 2-4/10", "\"a\"")
    );
    let zipped = server.at_front("GET", "/zipped", &[("accept-encoding", "gzip")], None).expect(200);
    assert_eq!((zipped.body.as_slice(), zipped.header("content-length")), (&ZIPPED[..], "6"));
    assert_eq!((zipped.header("content-encoding"), zipped.header("etag")), ("gzip", "W/\"b\""));
}

#[test]
fn the_app_gets_the_request_as_the_browser_made_it() {
    let app = Upstream::start(Router::new());
    let server = before(&app);
    let headers = [
        ("host", "localhost:3000"),
        ("origin", "https://elsewhere.test"),
        ("sec-fetch-site", "cross-site"),
        ("cookie", "a=1; holdfast=x; b=2"),
        ("authorization", "Bearer of-the-app"),
        ("if-none-match", "\"x\""),
    ];
    let got = server.at_front("DELETE", "/api/a%2Fb/..?q=%20&r", &headers, None).expect(200).json();
    assert_eq!((&got["method"], &got["uri"]), (&json!("DELETE"), &json!("/api/a%2Fb/..?q=%20&r")));
    let headers = &got["headers"];
    assert_eq!((&headers["host"], &headers["cookie"]), (&json!("localhost:3000"), &json!("a=1; b=2")));
    assert_eq!(
        (&headers["authorization"], &headers["if-none-match"]),
        (&json!("Bearer of-the-app"), &json!("\"x\""))
    );
    assert_eq!(
        (&headers["x-forwarded-for"], &headers["x-forwarded-proto"]),
        (&json!("127.0.0.1"), &json!("http"))
    );
    assert_eq!(headers["x-forwarded-host"], "localhost:3000");
}

#[test]
fn redirects_and_errors_of_the_app_are_its_own() {
    let moved = || async { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "http://app.test/b")]) };
    let failed = || async { (StatusCode::INTERNAL_SERVER_ERROR, "mine").into_response() };
    let head =
        || async { Response::builder().header("content-length", "7").body(Body::from("1234567")).unwrap() };
    let routes =
        Router::new().route("/a", get(moved)).route("/failed", get(failed)).route("/head", get(head));
    let app = Upstream::start(routes);
    let server = before(&app);
    assert_eq!(server.at_front("GET", "/a", &[], None).expect(307).header("location"), "http://app.test/b");
    assert_eq!(server.at_front("GET", "/failed", &[], None).expect(500).text(), "mine");
    let head = server.at_front("HEAD", "/head", &[], None).expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("7", 0));
}

#[test]
fn only_our_own_prefix_answers_at_the_apps_address() {
    let app = Upstream::start(Router::new());
    let server = before(&app);
    server.at_front("GET", "/_holdfast/api/health", &[], None).expect(200);
    server.at_front("GET", "/_holdfast/nothing", &[], None).expect_error(404, "not_found");
    let of_app = server.at_front("GET", "/api/health", &[], None).expect(200);
    assert_eq!(of_app.json()["uri"], "/api/health");
    let script = server.at_front("GET", "/_holdfast/bridge.js", &[], None).expect(200);
    assert!(script.header("content-type").starts_with("text/javascript"));
    let own = format!("http://{}", server.front.unwrap());
    server.at_front("GET", "/_holdfast/api/state", &[("origin", &own)], None).expect(200);
    for foreign in [("origin", "https://elsewhere.test"), ("sec-fetch-site", "cross-site")] {
        server
            .at_front("GET", "/_holdfast/api/state", &[foreign], None)
            .expect_error(403, "origin_not_allowed");
    }
}

#[test]
fn a_name_that_is_made_to_lead_here_is_refused() {
    let app = Upstream::start(Router::new());
    let server = before(&app);
    for path in ["/", "/_holdfast/api/state"] {
        server.at_front("GET", path, &[("host", "rebound.test")], None).expect_error(403, "host_not_allowed");
    }
    let server = TestServer::start_before(Some(app.address), |c| c.allow_host.push("chat.test".to_owned()));
    server.at_front("GET", "/", &[("host", "chat.test")], None).expect(200);
}

#[test]
fn an_app_that_is_down_is_waited_for() {
    let app = Upstream::start(Router::new());
    let address = app.address;
    let server = before(&app);
    server.at_front("GET", "/", &[], None).expect(200);
    drop(app);
    let page = server.at_front("GET", "/", &[("accept", "text/html")], None).expect(502);
    assert!(
        page.text().contains(&format!("http://{address}")) && page.text().contains("http-equiv=\"refresh\"")
    );
    server.at_front("GET", "/data", &[], None).expect_error(502, "app_unavailable");
    server.at_front("GET", "/_holdfast/api/health", &[], None).expect(200);
}

#[test]
fn a_stream_that_goes_on_does_not_hold_up_a_stop_of_both_addresses() {
    let app = Upstream::start(Router::new());
    let server = before(&app);
    let front = server.front.unwrap();
    let mut open = connect(front, "GET /_holdfast/api/changes/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
    read_until(&mut open, "open");
    drop(server);
    let mut rest = Vec::new();
    open.read_to_end(&mut rest).unwrap();
    assert!(std::net::TcpStream::connect(front).is_err());
}
