//! Several writes in one request.

use serde_json::json;

use crate::server::{TestServer, chat, message};

#[test]
fn an_edit_of_what_is_absent_fails_the_whole_batch() {
    let server = TestServer::start();
    let create = json!({"method": "PUT", "path": "/api/stores/x", "body": {"data": 1}});
    for (path, code) in [("/api/chats/none", "conversation_not_found"), ("/api/folders/none", "not_found")] {
        let edit = json!({"method": "PATCH", "path": path, "body": {"title": "T"}});
        let batch = json!({"operations": [create, edit]});
        assert_eq!(server.post("/api/batch", &batch.to_string()).expect_error(404, code)["index"], 1);
        server.get("/api/stores/x").expect_error(404, "store_not_found");
    }
    server.put_chat("c", &chat("c", &[])).expect(200);
    let edit = json!({"method": "PATCH", "path": "/api/chats/c", "body": {"userTitle": "T"}});
    server.post("/api/batch", &json!({"operations": [create, edit]}).to_string()).expect(200);
}

#[test]
fn a_batch_refuses_bases_that_are_no_text_and_paths_with_a_query() {
    let server = TestServer::start();
    let good = json!({"method": "PUT", "path": "/api/stores/x", "body": {"data": 1}});
    for (member, value) in [
        ("ifMatch", json!(7)),
        ("ifMatch", json!({})),
        ("ifNoneMatch", json!("\"e-r1\"")),
        ("idempotencyKey", json!("")),
        ("path", json!("/api/stores/x?mode=merge")),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        let batch = json!({"operations": [good, bad]});
        assert_eq!(
            server.post("/api/batch", &batch.to_string()).expect_error(400, "invalid_body")["index"],
            1
        );
    }
    server.get("/api/stores/x").expect_error(404, "store_not_found");
}

#[test]
fn a_batch_names_no_operation_when_none_is_at_fault() {
    let server = TestServer::start();
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let batch = |data: u8| {
        let put = json!({"method": "PUT", "path": "/api/stores/x", "body": {"data": data}});
        json!({"operations": [put]}).to_string()
    };
    server.send("POST", "/api/batch", &headers, Some(&batch(1))).expect(200);
    let error = server.send("POST", "/api/batch", &headers, Some(&batch(2)));
    let error = error.expect_error(422, "idempotency_mismatch");
    assert!(error.get("index").is_none(), "{error}");
}

#[test]
fn a_stale_operation_is_named_with_what_is_stored() {
    let server = TestServer::start();
    server.put("/api/stores/x", r#"{"data":1}"#).expect(200);
    let tag = server.get("/api/stores/x").expect(200).header("etag").to_owned();
    let newest = server.put("/api/stores/x", r#"{"data":{"now":1.0}}"#).expect(200).json();
    let first = json!({"method": "PUT", "path": "/api/stores/y", "body": {"data": 1}});
    let stale = json!({"method": "PUT", "path": "/api/stores/x", "ifMatch": tag, "body": {"data": 2}});
    let reply = server.post("/api/batch", &json!({"operations": [first, stale]}).to_string());
    let error = reply.expect_error(412, "revision_conflict");
    assert_eq!((&error["index"], &error["currentRevision"]), (&json!(1), &newest["revision"]));
    assert_eq!(error["current"], json!({"now": 1.0}));
    server.get("/api/stores/y").expect_error(404, "store_not_found");
}

#[test]
fn an_operation_may_only_create() {
    let server = TestServer::start();
    let create = |id: &str, text: &str| {
        let body = serde_json::from_str::<serde_json::Value>(&message(id, text)).unwrap();
        let path = format!("/api/chats/c/messages/{id}");
        json!({"operations": [{"method": "PUT", "path": path, "ifNoneMatch": "*", "body": body}]}).to_string()
    };
    server.put_chat("c", &chat("c", &[])).expect(200);
    server.post("/api/batch", &create("m", "1")).expect(200);
    let again = server.post("/api/batch", &create("m", "1")).expect(200).json();
    assert_eq!(again["results"][0]["unchanged"], true, "a retry is harmless");
    let error = server.post("/api/batch", &create("m", "2")).expect_error(412, "revision_conflict");
    assert_eq!((&error["index"], &error["current"]["id"]), (&json!(0), &json!("m")));
}

#[test]
fn assets_and_cost_entries_are_written_in_a_batch() {
    let server = TestServer::start();
    let record = json!({"id": "a", "data": {"mimeType": "image/png", "base64": "AAAA"}});
    let cost = json!({"operation": "addCostEntry", "serviceId": "openai", "costs": {"$c": 1}});
    let batch = json!({"operations": [
        {"method": "PUT", "path": "/api/assets/a", "body": record},
        {"method": "POST", "path": "/api/metrics", "idempotencyKey": "k", "body": cost},
    ]});
    server.post("/api/batch", &batch.to_string()).expect(200);
    let again = server.post("/api/batch", &batch.to_string()).expect(200).json();
    assert_eq!(
        (&again["results"][0]["unchanged"], &again["results"][1]["replayed"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(server.get("/api/assets/a").expect(200).json()["asset"], record);
    assert_eq!(server.get("/api/usage").expect(200).json()["usage"].as_array().unwrap().len(), 1);
    let other = json!({"operations": [{"method": "POST", "path": "/api/metrics", "idempotencyKey": "k",
        "body": {"operation": "addCostEntry", "serviceId": "other"}}]});
    let error = server.post("/api/batch", &other.to_string()).expect_error(422, "idempotency_mismatch");
    assert_eq!(error["index"], 0);
    let gone = json!({"operations": [{"method": "DELETE", "path": "/api/assets/a"},
        {"method": "DELETE", "path": "/api/assets/a"}]});
    let gone = server.post("/api/batch", &gone.to_string()).expect(200).json();
    assert_eq!((&gone["results"][0]["status"], &gone["results"][1]["status"]), (&json!(200), &json!(404)));
}

#[test]
fn a_batch_places_messages_and_writes_stores_of_other_devices() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("m1", "one"), &message("m2", "two")])).expect(200);
    let put = |id: &str, after: &str| {
        let path = format!("/api/chats/c/messages/{id}");
        let body: serde_json::Value = serde_json::from_str(&message(id, id)).unwrap();
        json!({"method": "PUT", "path": path, "after": after, "ifNoneMatch": "*", "body": body})
    };
    let panes = json!({"method": "PUT", "path": "/api/stores/app-app-chat-panes-2", "device": "laptop",
        "body": {"data": {"chatPanes": []}}});
    let batch = json!({"operations": [put("m0", ""), put("m1b", "m1"), panes]});
    server.post("/api/batch", &batch.to_string()).expect(200);
    let chat = server.get("/api/chats/c").expect(200).json();
    let ids: Vec<_> = chat["conversation"]["messages"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
    assert_eq!(ids, ["m0", "m1", "m1b", "m2"]);
    server.get("/api/stores/app-app-chat-panes-2?device=laptop").expect(200);
    server.get("/api/stores/app-app-chat-panes-2").expect_error(404, "store_not_found");
}
