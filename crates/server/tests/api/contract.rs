//! What was observed on the first system and must not happen here: one test for each.

use serde_json::json;

use crate::server::{TestServer, chat, message};

#[test]
fn broken_json_is_400_with_the_place_of_the_error() {
    let server = TestServer::start();
    let error = server.put("/api/stores/app-ui", "{\n \"data\" 1}").expect_error(400, "invalid_json");
    assert_eq!(error["place"], json!({"line": 2, "column": 9}));
    server.put("/api/stores/app-ui", "").expect_error(400, "invalid_json");
    server.put("/api/stores/app-ui", "null").expect_error(400, "invalid_body");
    server.put("/api/stores/app-ui", r#"{"data":1,"data":2}"#).expect_error(400, "invalid_body");
    let deep = format!("{{\"data\":{}{}}}", "[".repeat(1_001), "]".repeat(1_001));
    server.put("/api/stores/app-ui", &deep).expect_error(400, "too_deep");
}

#[test]
fn any_json_value_is_data_and_only_a_missing_field_is_an_error() {
    let server = TestServer::start();
    for value in ["0", "false", "\"\"", "null", "[]"] {
        server.put("/api/stores/x", &format!("{{\"data\":{value}}}")).expect(200);
        let body = server.get("/api/stores/x").expect(200);
        assert!(body.text().contains(&format!("\"data\":{value},")), "{}", body.text());
    }
    let error = server.put("/api/stores/x", "{}").expect_error(400, "invalid_body");
    assert_eq!(error["error"], "Store data is required");
    let error = server.post("/api/stores", r#"{"data":1}"#).expect_error(400, "invalid_body");
    assert_eq!(error["error"], "Store name is required");
}

#[test]
fn a_write_without_a_version_keeps_the_stored_one() {
    let server = TestServer::start();
    server.put("/api/stores/app-ui", r#"{"data":{"a":1},"version":3}"#).expect(200);
    server.put("/api/stores/app-ui", r#"{"data":{"a":2}}"#).expect(200);
    let store = server.get("/api/stores/app-ui").expect(200).json();
    assert_eq!((&store["version"], &store["data"]), (&json!(3), &json!({"a": 2})));
}

#[test]
fn unknown_roles_and_missing_fields_are_stored_as_they_came() {
    let server = TestServer::start();
    let odd = r#"{"id":"c","messages":[{"id":"1","role":"user"},{"id":"2","role":"tool"},{"role":null},7]}"#;
    server.put_chat("c", odd).expect(200);
    let body = server.get("/api/chats/c").expect(200);
    assert!(body.text().contains(odd), "{}", body.text());
}

#[test]
fn a_bad_request_loses_no_later_write() {
    let mut server = TestServer::start();
    server.put_chat("a", &chat("a", &[&message("1", "x")])).expect(200);
    server.put("/api/chats/b", r#"{"conversation":{"id":"b","id":"c"}}"#).expect(400);
    server.put_chat("b", &chat("b", &[&message("1", "y")])).expect(200);
    server.restart();
    for id in ["a", "b"] {
        server.get(&format!("/api/chats/{id}")).expect(200);
    }
}

#[test]
fn a_copied_conversation_leaves_the_original_its_messages() {
    let server = TestServer::start();
    let messages: Vec<String> = (0..20).map(|n| message(&n.to_string(), "same")).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    server.put_chat("a", &chat("a", &messages)).expect(200);
    server.put_chat("b", &chat("b", &messages)).expect(200);
    for id in ["a", "b"] {
        let body = server.get(&format!("/api/chats/{id}")).expect(200);
        assert!(body.text().contains(&chat(id, &messages)), "{id}");
    }
}

#[test]
fn messages_come_back_in_the_order_they_were_sent() {
    let server = TestServer::start();
    let messages = [r#"{"id":"z","created":9}"#, r#"{"id":"a","created":1}"#, r#"{"id":"m","created":5}"#];
    server.put_chat("c", &chat("c", &messages)).expect(200);
    let page = server.get("/api/chats/c/messages").expect(200).json();
    let ids: Vec<_> =
        page["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["z", "a", "m"]);
}

#[test]
fn everything_of_a_message_comes_back_as_it_was_sent() {
    let server = TestServer::start();
    let odd = concat!(
        r#"{ "id":"m", "role":"assistant","userFlags":["starred","vnd.ant.cache.user"], "#,
        r#""generator":{"mgt":"aix","name":"n","aix":{"vId":"v","mId":"m"},"metrics":{"$c":0.1},"#,
        r#""tokenStopReason":"client-abort","upstreamHandle":{"uht":"vnd.oai.responses","runId":"r"}},"#,
        r#""fragments":[{"ft":"attachment","fId":"f","originId":"o","title":"t","caption":"c","created":5,"#,
        r#""liveFileId":"l","part":{"pt":"future","n":1e400,"big":9007199254740993,"s":"\ud800\u0000"}},"#,
        r#"{"ft":"content","fId":"f","part":{"pt":"text","text":"second with the same fId"}}],"#,
        r#""unknown":{"a":null,"a":1} }"#
    );
    server.put_chat("c", &chat("c", &[odd])).expect(200);
    assert!(server.get("/api/chats/c").expect(200).text().contains(odd));
    assert!(server.get("/api/chats/c/messages/m").expect(200).text().contains(odd));
    assert!(server.get("/api/stores/app-chats").expect(200).text().contains(odd));
}

#[test]
fn everything_of_a_model_comes_back_as_it_was_sent() {
    let server = TestServer::start();
    let model = r#"{"id":"s-m","sId":"s","hidden":true,"contextTokens":128000,"parameterSpecs":[{"paramId":"llmTemperature"}]}"#;
    let assignment =
        r#"{"mct":"model-parametric","domainId":"primaryChat","modelId":null,"modelParameters":{"x":1.0}}"#;
    let body = format!(
        r#"{{"llms":[{model}],"sources":[{{"id":"s","vId":"openai","setup":{{}}}}],"confServiceId":null,"modelAssignments":{{"primaryChat":{assignment}}}}}"#
    );
    let answer = server.post("/api/llms", &body).expect(200).json();
    assert_eq!(answer["counts"], json!({"services": 1, "models": 1, "assignments": 1}));
    let list = server.get("/api/llms").expect(200);
    assert!(list.text().contains(model) && list.text().contains(assignment), "{}", list.text());
}

#[test]
fn two_hundred_concurrent_cost_entries_are_all_counted_once() {
    let server = TestServer::start();
    let entry = r#"{"operation":"addCostEntry","serviceId":"s","costs":{"$c":0.004},"inputTokens":10,"outputTokens":5}"#;
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..10 {
                    server.post("/api/metrics", entry).expect(200);
                }
            });
        }
    });
    let metrics = server.get("/api/metrics/s").expect(200).json();
    assert_eq!(metrics["data"]["usageCount"], 200);
    assert_eq!(metrics["data"]["totalInputTokens"], 2_000);
}

#[test]
fn cents_become_dollars_and_small_ones_are_not_lost() {
    let server = TestServer::start();
    for cents in ["0.004", "100"] {
        let entry = format!(r#"{{"action":"addCostEntry","serviceId":"s","costsCents":{cents}}}"#);
        server.post("/api/metrics", &entry).expect(200);
    }
    let metrics = server.get("/api/metrics").expect(200).json();
    let dollars = metrics["data"]["serviceMetrics"]["s"]["totalCosts"].as_f64().unwrap();
    assert!((dollars - 1.00004).abs() < 1e-12, "{dollars}");
}

#[test]
fn clearing_one_service_keeps_the_others() {
    let server = TestServer::start();
    for service in ["a", "b"] {
        let entry = format!(r#"{{"operation":"addCostEntry","serviceId":"{service}","costs":{{"$c":1}}}}"#);
        server.post("/api/metrics", &entry).expect(200);
    }
    server.delete("/api/metrics/a").expect(200);
    server.get("/api/metrics/a").expect_error(404, "not_found");
    assert_eq!(server.get("/api/metrics/b").expect(200).json()["data"]["usageCount"], 1);
    server.delete("/api/metrics").expect(200);
    server.get("/api/metrics/b").expect_error(404, "not_found");
}

#[test]
fn twenty_concurrent_edits_of_a_model_all_survive() {
    let server = TestServer::start();
    let body = r#"{"llms":[{"id":"m","sId":"s"}],"sources":[{"id":"s"}],"modelAssignments":{}}"#;
    server.post("/api/llms", body).expect(200);
    std::thread::scope(|scope| {
        for n in 0..20 {
            let server = &server;
            scope.spawn(move || server.put("/api/llms/m", &format!("{{\"field{n}\":{n}}}")).expect(200));
        }
    });
    let model = server.get("/api/llms/m").expect(200).json();
    for n in 0..20 {
        assert_eq!(model["data"]["model"][format!("field{n}")], n);
    }
}

#[test]
fn a_deleted_conversation_is_gone_but_for_its_history() {
    let server = TestServer::start();
    let text = chat("c", &[&message("1", "secret words")]);
    server.put_chat("c", &text).expect(200);
    server.delete("/api/chats/c").expect(200);
    server.get("/api/chats/c").expect_error(404, "conversation_not_found");
    server.get("/api/chats/c/messages/1").expect_error(404, "message_not_found");
    server.delete("/api/chats/c").expect_error(404, "conversation_not_found");
    assert_eq!(server.get("/api/chats").expect(200).json()["count"], 0);
    let versions = server.get("/api/history?kind=conversation&id=c").expect(200).json();
    let version = &versions["versions"][0];
    assert_eq!(version["op"], "delete");
    let restore = json!({"kind": "conversation", "id": "c", "revision": version["revision"]});
    server.post("/api/history/restore", &restore.to_string()).expect(200);
    assert!(server.get("/api/chats/c").expect(200).text().contains(&text));
}

#[test]
fn a_page_of_another_site_cannot_write() {
    let server = TestServer::start();
    let body = Some(r#"{"llms":[],"sources":[],"modelAssignments":{}}"#);
    let foreign = [("origin", "https://evil.example"), ("content-type", "text/plain")];
    server.send("POST", "/api/llms", &foreign, body).expect_error(403, "origin_not_allowed");
    server.send("POST", "/api/llms", &[("origin", "null")], body).expect_error(403, "origin_not_allowed");
    for site in ["cross-site", "same-site"] {
        let fetch = [("sec-fetch-site", site), ("content-type", "application/json")];
        server.send("POST", "/api/llms", &fetch, body).expect_error(403, "origin_not_allowed");
    }
    let plain = [("content-type", "text/plain")];
    server.send("POST", "/api/llms", &plain, body).expect_error(415, "unsupported_media_type");
}

#[test]
fn api_keys_are_ciphertext_on_disk_and_masked_when_asked() {
    let server = TestServer::start();
    let body = r#"{"llms":[],"sources":[{"id":"s","vId":"openai","setup":{"oaiKey":"sk-very-secret-key"}}],"modelAssignments":{}}"#;
    server.post("/api/llms", body).expect(200);
    assert!(server.get("/api/llms").expect(200).text().contains("sk-very-secret-key"));
    let masked = server.get("/api/llms/s?secrets=masked").expect(200);
    assert!(!masked.text().contains("sk-very-secret-key"), "{}", masked.text());
    assert!(!server.get("/api/stores/app-models?secrets=masked").expect(200).text().contains("sk-very"));
    let service = masked.json()["data"]["service"].to_string();
    server.put("/api/llms/s", &service).expect(200);
    assert!(server.get("/api/llms/s").expect(200).text().contains("sk-very-secret-key"));
    for entry in std::fs::read_dir(server.directory()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        assert!(!bytes.windows(18).any(|w| w == b"sk-very-secret-key"), "{}", path.display());
    }
}

#[test]
fn incognito_conversations_are_refused() {
    let server = TestServer::start();
    let private = r#"{"id":"c","messages":[],"_isIncognito":true}"#;
    server.put_chat("c", private).expect_error(422, "incognito_not_stored");
    let whole = format!(r#"{{"data":{{"conversations":[{private},{}]}}}}"#, chat("d", &[]));
    let answer = server.put("/api/stores/app-chats", &whole).expect(200).json();
    assert_eq!(answer["skipped"], 1);
    server.get("/api/chats/c").expect_error(404, "conversation_not_found");
    server.get("/api/chats/d").expect(200);
}

#[test]
fn a_database_that_cannot_be_used_is_503_with_retry_after() {
    use axum::response::IntoResponse as _;
    use holdfast::api::error::ApiError;
    use holdfast_store::StoreError;
    for error in [StoreError::Busy, StoreError::DiskFull, StoreError::Unavailable("gone".to_owned())] {
        let response = ApiError::from(error).into_response();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
    }
}

#[test]
fn a_long_list_is_streamed_whole() {
    let server = TestServer::start();
    let text = "x".repeat(3_000);
    let chats: Vec<String> = (0..600).map(|n| chat(&format!("c{n}"), &[&message("1", &text)])).collect();
    let body = format!(r#"{{"data":{{"conversations":[{}],"extra":[1]}},"version":4}}"#, chats.join(","));
    server.put("/api/stores/app-chats", &body).expect(200);
    let list = server.get("/api/chats").expect(200).json();
    assert_eq!(list["count"], 600);
    assert_eq!(list["conversations"].as_array().unwrap().len(), 600);
    let store = server.get("/api/stores/app-chats").expect(200).json();
    let ids: Vec<_> = store["data"]["conversations"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
    assert_eq!(ids.len(), 600);
    assert_eq!((ids[0], ids[599], &store["version"]), (&json!("c0"), &json!("c599"), &json!(4)));
    assert_eq!(store["data"]["extra"], json!([1]));
    let lines = server.send("GET", "/api/chats", &[("accept", "application/x-ndjson")], None).expect(200);
    assert_eq!(lines.text().lines().count(), 601);
    assert_eq!(lines.text().lines().last(), Some(r#"{"end":true,"count":600}"#));
}
