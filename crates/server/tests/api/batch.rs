//! Several writes in one request.

use serde_json::json;

use crate::server::{TestServer, chat};

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
    for (member, value) in
        [("ifMatch", json!(7)), ("ifMatch", json!({})), ("path", json!("/api/stores/x?mode=merge"))]
    {
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
