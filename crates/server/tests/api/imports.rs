//! Imports as sessions: looked at, applied, verified, taken back.

use serde_json::{Value, json};

use crate::server::{TestServer, chat, message};

fn flash(chats: &[&str], local: &Value) -> String {
    let list: Vec<Value> =
        chats.iter().map(|id| serde_json::from_str(&chat(id, &[&message("m", "hello")])).unwrap()).collect();
    let chats = json!({ "state": { "conversations": list }, "version": 4 });
    json!({
        "schema": "vnd.agi.flash-backup", "schemaVersion": 102_000, "metadata": {},
        "storage": {
            "localStorage": local,
            "indexedDB": { "keyval-store": { "keyval": [{ "key": "app-chats", "value": chats }] } },
        },
    })
    .to_string()
}

fn step(server: &TestServer, id: &str, step: &str) -> crate::server::Reply {
    server.send("POST", &format!("/api/imports/{id}{step}"), &[], None)
}

fn is_there(server: &TestServer, id: &str) -> bool {
    server.get(&format!("/api/chats/{id}")).status == 200
}

#[test]
fn a_file_is_looked_at_applied_verified_and_taken_back_over_restarts() {
    let mut server = TestServer::start();
    let secret = json!({ "app-module-t2i": { "state": { "openaiKey": "sk-not-to-be-read" } } });
    let looked =
        server.post("/api/imports?dry_run=true&name=mine", &flash(&["a", "b"], &secret)).expect(200).json();
    let id = looked["import"]["id"].as_str().unwrap().to_owned();
    assert_eq!(looked["import"]["state"], "previewed");
    assert_eq!(looked["report"]["files"][0]["name"], "mine");
    assert!(!is_there(&server, "a"));
    // What was uploaded waits beside the database, and nobody can read it there.
    let staged = server.directory().join("imports").join(format!("{id}.staged"));
    let raw = std::fs::read(&staged).unwrap();
    assert!(raw.len() > 300 && !raw.windows(9).any(|w| w == b"sk-not-to"));
    step(&server, &id, "/rollback").expect_error(409, "import_state");
    server.restart();
    let applied = step(&server, &id, "/apply").expect(200).json();
    assert_eq!((&applied["import"]["state"], is_there(&server, "a")), (&json!("applied"), true));
    step(&server, &id, "/apply").expect_error(409, "import_state");
    server.restart();
    let verified = step(&server, &id, "/verify").expect(200).json();
    let found = &verified["import"]["verification"];
    assert_eq!((&found["compared"], &found["missing"]), (&found["equal"], &json!(0)));
    assert!(found["equal"].as_u64() >= Some(3), "{found}");
    server.put_chat("b", &chat("b", &[&message("m", "changed")])).expect(200);
    let asked = step(&server, &id, "/rollback").expect_error(409, "import_changed");
    assert!(asked["error"].as_str().unwrap().contains("'b'"), "{asked}");
    let back = step(&server, &id, "/rollback?changed=keep").expect(200).json();
    assert_eq!(back["import"]["kept"][0]["id"], "b");
    assert!(!is_there(&server, "a") && is_there(&server, "b"));
    server.get("/api/stores/app-module-t2i").expect(404);
    let all = server.get("/api/imports").expect(200).json();
    assert_eq!(all["imports"][0]["state"], "rolledBack");
    server.delete(&format!("/api/imports/{id}")).expect(200);
    assert!(!staged.exists());
    server.get(&format!("/api/imports/{id}")).expect_error(404, "not_found");
}

#[test]
fn without_a_look_first_it_is_applied_at_once() {
    let server = TestServer::start();
    let made = server.post("/api/imports", &flash(&["a"], &json!({}))).expect(200).json();
    assert_eq!((&made["import"]["state"], &made["report"]["dryRun"]), (&json!("applied"), &json!(false)));
    assert!(is_there(&server, "a"));
}

#[test]
fn what_cannot_be_read_leaves_nothing_behind() {
    let server = TestServer::start();
    let whole = flash(&["a"], &json!({}));
    server.post("/api/imports", &whole[..whole.len() / 2]).expect_error(400, "invalid_json");
    server.post("/api/imports", r#"{"mapping":{}}"#).expect_error(400, "invalid_body");
    assert_eq!(server.get("/api/imports").expect(200).json()["imports"], json!([]));
    let left = std::fs::read_dir(server.directory().join("imports")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
    for (method, path) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/apply"),
        ("POST", "/verify"),
        ("POST", "/rollback"),
        ("GET", "/events"),
    ] {
        let path = format!("/api/imports/none{path}");
        server.send(method, &path, &[], None).expect_error(404, "not_found");
    }
    step(&server, "none", "/rollback?changed=what").expect_error(400, "invalid_query");
}

#[test]
fn an_import_that_is_done_is_told_to_who_follows_it() {
    let server = TestServer::start();
    let made = server.post("/api/imports", &flash(&["a"], &json!({}))).expect(200).json();
    let id = made["import"]["id"].as_str().unwrap();
    let events = server.get(&format!("/api/imports/{id}/events")).expect(200);
    let text = events.text();
    assert!(text.contains("event: import") && text.contains(r#""state":"applied""#), "{text}");
}

#[test]
fn other_devices_are_told_of_what_came_and_went() {
    let server = TestServer::start();
    let made = server.post("/api/imports", &flash(&["a"], &json!({}))).expect(200).json();
    let id = made["import"]["id"].as_str().unwrap();
    step(&server, id, "/rollback").expect(200);
    let changes = server.get("/api/changes?kinds=conversation").expect(200).json();
    let told: Vec<(&str, &str)> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["op"].as_str().unwrap(), c["client"].as_str().unwrap()))
        .collect();
    let client = format!("import-{id}");
    assert_eq!(told, [("put", client.as_str()), ("delete", client.as_str())]);
}
