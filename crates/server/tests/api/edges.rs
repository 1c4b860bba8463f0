//! Requests that no handler answers, and who may call at all.

use serde_json::json;

use crate::server::{TestServer, chat};

#[test]
fn an_unknown_route_has_the_error_shape() {
    let server = TestServer::start();
    for path in ["/api/nothing", "/_holdfast/api/nothing", "/nothing", "/api/chats/a/b/c/d"] {
        let reply = server.get(path);
        let id = reply.header("x-request-id").to_owned();
        let error = reply.expect_error(404, "not_found");
        assert_eq!(error["requestId"], id);
    }
}

#[test]
fn a_wrong_method_is_405_with_the_right_ones() {
    let server = TestServer::start();
    let reply = server.put("/api/metrics", "{}");
    let allow = reply.header("allow").to_owned();
    reply.expect_error(405, "method_not_allowed");
    assert!(allow.contains("GET") && allow.contains("POST") && allow.contains("DELETE"), "{allow}");
}

#[test]
fn a_body_over_the_limit_is_413() {
    let server = TestServer::start_with(|config| config.max_body = 1_000);
    let body = format!(r#"{{"data":"{}"}}"#, "x".repeat(2_000));
    server.put("/api/stores/x", &body).expect_error(413, "body_too_large");
    let chunked = format!(
        "PUT /api/stores/x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert!(server.raw(&chunked, "").starts_with("HTTP/1.1 413"));
}

#[test]
fn a_write_needs_a_json_content_type() {
    let server = TestServer::start();
    for headers in
        [vec![], vec![("content-type", "text/plain")], vec![("content-type", "multipart/form-data")]]
    {
        let reply = server.send("PUT", "/api/stores/x", &headers, Some(r#"{"data":1}"#));
        reply.expect_error(415, "unsupported_media_type");
    }
    let charset = [("content-type", "application/json; charset=utf-8")];
    server.send("PUT", "/api/stores/x", &charset, Some(r#"{"data":1}"#)).expect(200);
}

#[test]
fn a_wrong_query_has_the_error_shape() {
    let server = TestServer::start();
    server.get("/api/chats?view=summary&limit=many").expect_error(400, "invalid_query");
    server.get("/api/chats?archived=true").expect_error(400, "invalid_query");
    server.get("/api/chats?view=nothing").expect_error(400, "invalid_query");
    server.get("/api/changes?after=nonsense").expect_error(400, "invalid_query");
}

#[test]
fn ids_in_paths_are_data() {
    let server = TestServer::start();
    for (id, path) in [("a/b", "a%2Fb"), ("100%", "100%25"), ("🚀", "%F0%9F%9A%80"), ("a b", "a%20b")] {
        server.put_chat(path, &chat(id, &[])).expect(200);
        assert_eq!(server.get(&format!("/api/chats/{path}")).expect(200).json()["conversation"]["id"], id);
    }
    let long = "x".repeat(513);
    for path in ["%2E", "%2E%2E", "a%00b", "%FF", long.as_str()] {
        server.get(&format!("/api/chats/{path}")).expect_error(422, "invalid_id");
    }
    server.put_chat("a", r#"{"id":"\ud800"}"#).expect_error(422, "invalid_id");
}

#[test]
fn both_prefixes_lead_to_the_same_rows() {
    let server = TestServer::start();
    server.put("/_holdfast/api/stores/x", r#"{"data":1}"#).expect(200);
    assert_eq!(server.get("/api/stores/x").expect(200).json()["data"], 1);
}

#[test]
fn only_known_hosts_are_answered() {
    let server = TestServer::start_with(|config| config.allow_host = vec!["box.lan".to_owned()]);
    let status = |host: &str| {
        let request = format!("GET /api/health/live HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        server.raw(&request, "")[9..12].to_owned()
    };
    for host in ["localhost", "localhost:4653", "127.0.0.1:1", "[::1]:4653", "box.lan", "BOX.lan:80"] {
        assert_eq!(status(host), "200", "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "192.168.0.7", ""] {
        assert_eq!(status(host), "403", "{host}");
    }
}

#[test]
fn an_allowed_origin_may_call_and_read_the_headers_it_needs() {
    let server =
        TestServer::start_with(|config| config.allow_origin = vec!["http://localhost:3000".to_owned()]);
    let origin = ("origin", "http://localhost:3000");
    let reply =
        server.send("GET", "/api/stores", &[origin, ("sec-fetch-site", "same-site")], None).expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost:3000");
    assert!(reply.header("access-control-expose-headers").contains("ETag"));
    let ask = [origin, ("access-control-request-method", "PUT")];
    let reply = server.send("OPTIONS", "/api/stores/x", &ask, None).expect(204);
    assert!(reply.header("access-control-allow-methods").contains("PUT"));
    assert!(reply.header("access-control-allow-headers").contains("If-Match"));
    let other = [("origin", "http://localhost:3001")];
    server.send("GET", "/api/stores", &other, None).expect_error(403, "origin_not_allowed");
}

#[test]
fn its_own_pages_may_call() {
    let server = TestServer::start();
    let own = format!("http://{}", server.address);
    server
        .send("GET", "/api/stores", &[("origin", &own), ("sec-fetch-site", "same-origin")], None)
        .expect(200);
}

#[test]
fn a_link_on_another_site_opens_pages_but_no_data() {
    let server = TestServer::start();
    let click =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    server.send("GET", "/api/docs/", &click, None).expect(200);
    server.send("GET", "/api/chats", &click, None).expect_error(403, "origin_not_allowed");
}

#[test]
fn a_token_is_asked_for_when_it_is_set() {
    let server = TestServer::start_with(|config| config.token = Some("the-token".to_owned()));
    server.get("/api/stores").expect_error(401, "unauthorized");
    let wrong = [("authorization", "Bearer other")];
    server.send("GET", "/api/stores", &wrong, None).expect_error(401, "unauthorized");
    server.send("GET", "/api/stores", &[("authorization", "Bearer the-token")], None).expect(200);
    server.get("/api/health/live").expect(200);
}

#[test]
fn other_machines_are_not_served_without_a_token() {
    let config = holdfast::config::Config::new("unused".into());
    assert!(config.check_exposure("0.0.0.0:1".parse().unwrap()).is_err());
    assert!(config.check_exposure("127.0.0.1:1".parse().unwrap()).is_ok());
}

#[test]
fn callers_through_a_proxy_see_masks() {
    let server = TestServer::start();
    server.put("/api/stores/x", r#"{"data":{"apiKey":"sk-1"}}"#).expect(200);
    assert!(server.get("/api/stores/x").expect(200).text().contains("sk-1"));
    let far = [("x-forwarded-for", "192.0.2.1")];
    let reply = server.send("GET", "/api/stores/x", &far, None).expect(200);
    assert!(!reply.text().contains("sk-1"), "{}", reply.text());
    assert!(reply.header("etag").ends_with("-masked\""));
    let service = r#"{"llms":[],"sources":[{"id":"s","setup":{"oaiKey":"sk-2"}}],"modelAssignments":{}}"#;
    server.post("/api/llms", service).expect(200);
    let stale = [far[0], ("content-type", "application/json"), ("if-match", "\"another-r1\"")];
    let conflict = server.send("PUT", "/api/llms/s", &stale, Some(r#"{"label":"L"}"#));
    let error = conflict.expect_error(412, "revision_conflict");
    assert!(error["current"].is_object() && !error.to_string().contains("sk-2"), "{error}");
}

#[test]
fn an_import_may_be_larger_than_other_bodies() {
    let server = TestServer::start_with(|config| (config.max_body, config.max_import) = (500, 5_000));
    let flash = |size: usize| {
        json!({
            "schema": "vnd.agi.flash-backup", "schemaVersion": 102_000,
            "storage": {"localStorage": {"app-ui": {"state": {"text": "x".repeat(size)}, "version": 3}}},
        })
        .to_string()
    };
    server.put("/api/stores/x", &flash(600)).expect_error(413, "body_too_large");
    server.post("/api/imports", &flash(1_000)).expect(200);
    let error = server.post("/api/imports", &flash(6_000)).expect_error(413, "body_too_large");
    assert!(error["hint"].as_str().unwrap().contains("--max-import"), "{error}");
}

#[test]
fn a_page_of_an_allowed_origin_can_read_that_nothing_changed() {
    let server =
        TestServer::start_with(|config| config.allow_origin = vec!["http://localhost:3000".to_owned()]);
    server.put("/api/stores/x", r#"{"data":1}"#).expect(200);
    let tag = server.get("/api/stores/x").expect(200).header("etag").to_owned();
    let headers = [("origin", "http://localhost:3000"), ("if-none-match", tag.as_str())];
    let reply = server.send("GET", "/api/stores/x", &headers, None).expect(304);
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost:3000");
    assert!(reply.header("access-control-expose-headers").contains("ETag"));
}

#[test]
fn a_key_that_stands_twice_among_a_hundred_thousand_is_refused() {
    let server = TestServer::start();
    let keys: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":0")).collect();
    server.put("/api/stores/x", &format!("{{\"data\":1,{}}}", keys.join(","))).expect(200);
    let twice = format!("{{\"data\":1,{},\"k7\":1}}", keys.join(","));
    server.put("/api/stores/x", &twice).expect_error(400, "invalid_body");
}

#[test]
fn a_client_name_that_is_too_long_is_not_remembered() {
    let server = TestServer::start();
    for (length, remembered) in [(200, true), (201, false)] {
        let name = "c".repeat(length);
        server.send("GET", "/api/health/live", &[("holdfast-client", &name)], None).expect(200);
        let list = server.get("/api/requests?limit=1").expect(200).json();
        assert_eq!(list["requests"][0]["client"].as_str() == Some(&name), remembered, "{list}");
        assert_eq!(list["requests"][0]["client"].is_null(), !remembered);
    }
}
