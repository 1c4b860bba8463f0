//! Stores of one device, and names that no store has.

use serde_json::json;

use crate::server::TestServer;

#[test]
fn only_device_local_stores_have_a_device() {
    let server = TestServer::start();
    for path in ["/api/stores/app-ui?device=laptop", "/api/stores/app-chats?device=laptop"] {
        server.get(path).expect_error(400, "invalid_query");
        server.put(path, r#"{"data":{}}"#).expect_error(400, "invalid_query");
        server.delete(path).expect_error(400, "invalid_query");
    }
    server.put("/api/stores/app-ui?device=", r#"{"data":{}}"#).expect(200);
    let long = "x".repeat(513);
    for device in ["..", "a%00b", long.as_str()] {
        let path = format!("/api/stores/app-device?device={device}");
        server.get(&path).expect_error(422, "invalid_id");
        server.put(&path, r#"{"data":{}}"#).expect_error(422, "invalid_id");
    }
    server.post("/api/imports?device=..", "[]").expect_error(422, "invalid_id");
}

#[test]
fn a_device_local_store_is_that_of_the_calling_client() {
    let server = TestServer::start();
    let of = |client: &'static str| [("content-type", "application/json"), ("holdfast-client", client)];
    let get = |client| server.send("GET", "/api/stores/joy-mode", &of(client), None);
    let put = |client, data: &str| {
        server
            .send("PUT", "/api/stores/joy-mode", &of(client), Some(&format!("{{\"data\":{data}}}")))
            .expect(200)
    };
    put("laptop", "\"dark\"");
    get("phone").expect_error(404, "store_not_found");
    server.put("/api/stores/joy-mode", r#"{"data":"shared"}"#).expect(200);
    let borrowed = get("phone").expect(200);
    assert_eq!((borrowed.header("etag"), &borrowed.json()["device"]), ("", &json!("")));
    assert_eq!(borrowed.json()["data"], "shared");
    let own = get("laptop").expect(200);
    assert_eq!((&own.json()["data"], &own.json()["device"]), (&json!("dark"), &json!("laptop")));
    assert!(own.header("etag").contains("-r"));
    server.send("DELETE", "/api/stores/joy-mode", &of("laptop"), None).expect(200);
    assert_eq!(get("laptop").expect(200).json()["data"], "shared");
    let batch = r#"{"operations":[{"method":"PUT","path":"/api/stores/joy-mode","body":{"data":"light"}}]}"#;
    server.send("POST", "/api/batch", &of("phone"), Some(batch)).expect(200);
    assert_eq!(get("phone").expect(200).json()["data"], "light");
    assert_eq!(server.get("/api/stores/joy-mode").expect(200).json()["data"], "shared");
}

#[test]
fn no_store_has_the_name_of_a_route() {
    let server = TestServer::start();
    server.post("/api/stores", r#"{"name":"init","data":1}"#).expect_error(422, "invalid_id");
    server.put("/api/stores/in%69t", r#"{"data":1}"#).expect_error(422, "invalid_id");
    let batch = r#"{"operations":[{"method":"PUT","path":"/api/stores/in%69t","body":{"data":1}}]}"#;
    assert_eq!(server.post("/api/batch", batch).expect_error(422, "invalid_id")["index"], 0);
}

#[test]
fn init_with_an_idempotency_key_creates_every_store_and_names_the_revision() {
    let server = TestServer::start();
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let done = server.send("POST", "/api/stores/init", &headers, Some("{}")).expect(200).json();
    assert_eq!((&done["success"], &done["summary"]["created"]), (&json!(true), &json!(4)));
    let last = server.get("/api/stores/app-device").expect(200).json();
    assert_eq!((&done["revision"], &done["epoch"]), (&last["revision"], &last["epoch"]));
    let again = server.send("POST", "/api/stores/init", &headers, Some("{}")).expect(200).json();
    assert_eq!((&again["summary"]["existing"], &again["revision"]), (&json!(4), &done["revision"]));
}
