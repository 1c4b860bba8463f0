//! Stores, chats and messages beyond the contract's defects.

use serde_json::json;

use crate::server::{TestServer, chat, message};

#[test]
fn stores_are_listed_newest_first_with_data_as_text() {
    let server = TestServer::start();
    server.post("/api/stores", r#"{"name":"a","data":{"x":1.0},"version":2}"#).expect(200);
    server.put_chat("c", &chat("c", &[])).expect(200);
    let stores = server.get("/api/stores").expect(200).json();
    let a = stores["stores"].as_array().unwrap().iter().find(|s| s["name"] == "a").unwrap().clone();
    assert_eq!(a["data"], r#"{"x":1.0}"#);
    assert_eq!(a["version"], 2);
    assert_eq!(a["created_at"].as_str().unwrap().len(), "2026-01-01 00:00:00".len());
    let summary = server.get("/api/stores?view=summary").expect(200).json();
    for store in summary["stores"].as_array().unwrap() {
        assert!(store.get("data").is_none() && store["size"].is_i64(), "{store}");
    }
}

#[test]
fn init_creates_what_is_absent_and_keeps_the_rest() {
    let server = TestServer::start();
    server.put("/api/stores/app-ui", r#"{"data":{"mine":true},"version":3}"#).expect(200);
    let missing = server.get("/api/stores/init").expect(200).json();
    assert_eq!((&missing["initialized"], &missing["summary"]["missing"]), (&json!(false), &json!(3)));
    let done = server.post("/api/stores/init", "{}").expect(200).json();
    assert_eq!(done["message"], "Store initialization complete: 3 created, 1 existing, 0 errors");
    assert_eq!(done["stores"]["app-ui"], json!({"status": "exists", "data": {"mine": true}}));
    let again = server.get("/api/stores/init").expect(200).json();
    assert_eq!(again["initialized"], true);
    assert_eq!(server.get("/api/stores/app-folders").expect(200).json()["version"], 0);
}

#[test]
fn a_store_that_is_absent_is_404() {
    let server = TestServer::start();
    for reply in [server.get("/api/stores/x"), server.delete("/api/stores/x")] {
        assert_eq!(reply.expect_error(404, "store_not_found")["error"], "Store 'x' not found");
    }
}

#[test]
fn a_device_has_documents_of_its_own() {
    let server = TestServer::start();
    server.put("/api/stores/app-device?device=laptop", r#"{"data":{"localDeviceId":"1"}}"#).expect(200);
    server.get("/api/stores/app-device").expect_error(404, "store_not_found");
    let found = server.get("/api/stores/app-device?device=laptop").expect(200).json();
    assert_eq!(found["data"]["localDeviceId"], "1");
}

#[test]
fn chats_are_listed_by_their_last_update() {
    let server = TestServer::start();
    for (id, updated) in [("old", "1"), ("none", "null"), ("new", "9")] {
        let text = format!(
            r#"{{"id":"{id}","messages":[],"updated":{updated},"created":1,"isArchived":{}}}"#,
            id == "old"
        );
        server.post("/api/chats", &format!("{{\"conversation\":{text}}}")).expect(200);
    }
    let ids = |path: &str| {
        let list = server.get(path).expect(200).json();
        let ids =
            list["conversations"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), list["nextCursor"].as_str().map(str::to_owned))
    };
    assert_eq!(ids("/api/chats").0, ["new", "old", "none"]);
    let (first, next) = ids("/api/chats?view=summary&limit=2");
    assert_eq!(first, ["new", "old"]);
    assert_eq!(ids(&format!("/api/chats?view=summary&limit=2&cursor={}", next.unwrap())).0, ["none"]);
    assert_eq!(ids("/api/chats?view=summary&archived=true").0, ["old"]);
    assert_eq!(ids("/api/chats?view=summary&updated_since=5").0, ["new"]);
}

#[test]
fn a_write_of_a_chat_tells_what_it_did() {
    let server = TestServer::start();
    let (one, two) = (message("1", "a"), message("2", "b"));
    let first = server.put_chat("c", &chat("c", &[&one, &two])).expect(200).json();
    assert_eq!(first["messages"], json!({"inserted": 2, "updated": 0, "deleted": 0, "unchanged": 0}));
    let second = server.put_chat("c", &chat("c", &[&message("1", "changed")])).expect(200).json();
    assert_eq!(second["messages"], json!({"inserted": 0, "updated": 1, "deleted": 1, "unchanged": 0}));
    assert_eq!(second["message"], "Conversation 'c' updated successfully");
    assert!(second["epoch"].is_string() && second["revision"].as_i64() > first["revision"].as_i64());
}

#[test]
fn a_chat_is_refused_with_the_messages_clients_know() {
    let server = TestServer::start();
    for (path, body, error) in [
        ("/api/chats", "{}", "Conversation data is required"),
        ("/api/chats", r#"{"conversation":{"messages":[]}}"#, "Conversation ID is required"),
    ] {
        assert_eq!(server.post(path, body).expect_error(400, "invalid_body")["error"], error);
    }
    let error =
        server.put("/api/chats/a", r#"{"conversation":{"id":"b"}}"#).expect_error(400, "invalid_body");
    assert_eq!(error["error"], "Conversation ID mismatch");
}

#[test]
fn a_json_patch_can_set_null() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "a")])).expect(200);
    let headers = [("content-type", "application/json-patch+json")];
    let patch = r#"[{"op":"replace","path":"/updated","value":null}]"#;
    let head = server.send("PATCH", "/api/chats/c", &headers, Some(patch)).expect(200).json();
    assert!(head["conversation"]["updated"].is_null() && head["conversation"].get("updated").is_some());
    let bad = r#"[{"op":"test","path":"/updated","value":1}]"#;
    server.send("PATCH", "/api/chats/c", &headers, Some(bad)).expect_error(422, "patch_failed");
    server.patch("/api/chats/c", r#"{"messages":[]}"#).expect_error(400, "invalid_body");
    server.patch("/api/chats/c", r#"{"id":"d"}"#).expect_error(400, "invalid_body");
    server.patch("/api/chats/none", "{}").expect_error(404, "conversation_not_found");
}

#[test]
fn messages_are_written_one_by_one_where_they_belong() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "a"), &message("3", "c")])).expect(200);
    server.put("/api/chats/c/messages/2?after=1", &message("2", "b")).expect(200);
    server.put("/api/chats/c/messages/0?after=", &message("0", "first")).expect(200);
    server.put("/api/chats/c/messages/4", &message("4", "last")).expect(200);
    server.delete("/api/chats/c/messages/3").expect(200);
    let page = server.get("/api/chats/c/messages?limit=3").expect(200).json();
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&page), ["1", "2", "4"]);
    let before = page["nextCursor"].as_str().unwrap();
    let older = server.get(&format!("/api/chats/c/messages?before={before}")).expect(200).json();
    assert_eq!(ids(&older), ["0"]);
    server.put("/api/chats/c/messages/5", &message("6", "x")).expect_error(400, "invalid_body");
    server.put("/api/chats/none/messages/5", &message("5", "x")).expect_error(404, "conversation_not_found");
    server.delete("/api/chats/c/messages/3").expect_error(404, "message_not_found");
}

#[test]
fn a_message_id_that_stands_twice_is_409() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "a"), &message("1", "b")])).expect(200);
    server.get("/api/chats/c/messages/1").expect_error(409, "ambiguous_message_id");
    server.put("/api/chats/c/messages/1", &message("1", "x")).expect_error(409, "ambiguous_message_id");
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let server = TestServer::start();
    let operations = json!({"operations": [
        {"method": "PUT", "path": "/api/chats/a", "body": {"conversation": {"id": "a", "messages": []}}},
        {"method": "PUT", "path": "/api/chats/a/messages/1", "body": {"id": "1"}},
        {"method": "PUT", "path": "/api/stores/app-ui", "body": {"data": {"x": 1}}},
        {"method": "DELETE", "path": "/api/chats/none"},
    ]});
    let answer = server.post("/api/batch", &operations.to_string()).expect(200).json();
    let statuses: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|r| r["status"].as_i64()).collect();
    assert_eq!(statuses, [Some(200), Some(200), Some(200), Some(404)]);
    let failing = json!({"operations": [
        {"method": "DELETE", "path": "/api/chats/a"},
        {"method": "PUT", "path": "/api/chats/none/messages/1", "body": {"id": "1"}},
    ]});
    let error = server.post("/api/batch", &failing.to_string()).expect_error(404, "conversation_not_found");
    assert_eq!(error["index"], 1);
    server.get("/api/chats/a").expect(200);
    let unknown = json!({"operations": [{"method": "POST", "path": "/api/llms"}]});
    assert_eq!(server.post("/api/batch", &unknown.to_string()).expect_error(400, "invalid_body")["index"], 0);
}
