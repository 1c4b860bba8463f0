//! Changes, history, requests, health, backups.

use serde_json::json;

use crate::server::{TestServer, chat, message};

#[test]
fn changes_name_who_wrote_what() {
    let server = TestServer::start();
    let headers = [("content-type", "application/json"), ("holdfast-client", "tab-1")];
    server.send("PUT", "/api/stores/x", &headers, Some(r#"{"data":1}"#)).expect(200);
    let page = server.get("/api/changes").expect(200).json();
    let change = &page["changes"][0];
    assert_eq!(
        (&change["client"], &change["kind"], &change["id"]),
        (&json!("tab-1"), &json!("document"), &json!("x"))
    );
    let cursor = page["cursor"].as_str().unwrap();
    let after = server.get(&format!("/api/changes?after={cursor}")).expect(200).json();
    assert_eq!(after["changes"], json!([]));
    let other = server.get("/api/changes?after=another-epoch-5").expect(200).json();
    assert_eq!(other["reset"], true);
}

#[test]
fn the_stream_of_changes_goes_on_where_it_was_left() {
    let server = TestServer::start();
    server.put("/api/stores/a", r#"{"data":1}"#).expect(200);
    let cursor = server.get("/api/changes").expect(200).json()["cursor"].as_str().unwrap().to_owned();
    server.put("/api/stores/b", r#"{"data":1}"#).expect(200);
    let request =
        format!("GET /api/changes/stream HTTP/1.1\r\nhost: localhost\r\nlast-event-id: {cursor}\r\n\r\n");
    let text = server.raw(&request, "\"id\":\"b\"");
    assert!(text.contains("event: change") && !text.contains("\"id\":\"a\""), "{text}");
    let request = "GET /api/changes/stream?after=x-9 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert!(server.raw(request, "event: reset").contains("event: reset"));
}

#[test]
fn a_commit_wakes_the_stream_of_changes() {
    let server = TestServer::start();
    std::thread::scope(|scope| {
        let request = "GET /api/changes/stream HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut stream = server.connect(request);
        let reader = scope.spawn(move || {
            use std::io::Read as _;
            let (mut text, mut chunk) = (String::new(), [0; 4_096]);
            while !text.contains("\"id\":\"later\"") {
                let read = stream.read(&mut chunk).unwrap();
                assert!(read > 0, "the stream ended: {text}");
                text.push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
        });
        // Whether the stream is open already or not, a write must reach it sooner or later.
        let mut n = 0;
        while !reader.is_finished() {
            n += 1;
            server.put("/api/stores/later", &format!("{{\"data\":{n}}}")).expect(200);
        }
        reader.join().unwrap();
    });
}

#[test]
fn an_overwritten_version_can_be_read_and_restored() {
    let server = TestServer::start();
    server.put("/api/stores/x", r#"{"data":{"n":1}}"#).expect(200);
    server.put("/api/stores/x", r#"{"data":{"n":2}}"#).expect(200);
    let versions = server.get("/api/history?kind=document&id=x").expect(200).json();
    let revision = versions["versions"][0]["revision"].as_i64().unwrap();
    let body = server.get(&format!("/api/history/{revision}")).expect(200);
    assert!(body.text().contains("\"n\":1"), "{}", body.text());
    let restore = json!({"kind": "document", "id": "x", "revision": revision});
    server.post("/api/history/restore", &restore.to_string()).expect(200);
    assert_eq!(server.get("/api/stores/x").expect(200).json()["data"]["n"], 1);
    server.get("/api/history/999999").expect_error(404, "not_found");
    server.get("/api/history/x").expect_error(422, "invalid_id");
    let unknown = json!({"kind": "document", "id": "x", "revision": 999_999});
    server.post("/api/history/restore", &unknown.to_string()).expect_error(404, "not_found");
}

#[test]
fn requests_are_remembered_without_their_bodies() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "private words")])).expect(200);
    let requests = server.get("/api/requests").expect(200);
    assert!(!requests.text().contains("private words"));
    let entry = requests.json()["requests"][0].clone();
    assert_eq!((&entry["route"], &entry["status"]), (&json!("/api/chats/{id}"), &json!(200)));
    let text = server.get("/metrics").expect(200);
    assert!(text.text().contains("route=\"/api/chats/{id}\",status=\"200\""), "{}", text.text());
    assert!(text.text().contains("holdfast_database_bytes"));
}

#[test]
fn health_says_that_the_database_works() {
    let server = TestServer::start();
    let health = server.get("/api/health").expect(200).json();
    assert_eq!((&health["status"], &health["checks"][0]["name"]), (&json!("ok"), &json!("database")));
    server.get("/api/health/live").expect(200);
}

#[test]
fn a_backup_is_read_back_before_it_is_reported() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "kept")])).expect(200);
    let made = server.post("/api/backups", "{}").expect(200).json();
    assert_eq!(made["backup"]["verified"], true);
    let id = made["backup"]["id"].as_str().unwrap();
    let list = server.get("/api/backups").expect(200).json();
    assert_eq!(list["backups"][0]["contentHash"], made["backup"]["contentHash"]);
    let file = server.get(&format!("/api/backups/{id}")).expect(200);
    assert!(file.body.starts_with(b"SQLite format 3"));
    assert_eq!(file.body.len() as u64, made["backup"]["bytes"].as_u64().unwrap());
    server.post(&format!("/api/backups/{id}/verify"), "{}").expect(200);
    let path = server.directory().join("backups").join(format!("{id}.db"));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let verified = server.post(&format!("/api/backups/{id}/verify"), "{}");
    assert!(verified.status != 200 || verified.json()["backup"]["verified"] == false);
    server.get("/api/backups/..%2Fholdfast").expect_error(404, "not_found");
}

#[test]
fn a_stop_ends_open_event_streams() {
    let mut server = TestServer::start();
    let mut stream = server.connect("GET /api/changes/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut first = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut first).unwrap();
    let began = std::time::Instant::now();
    server.restart();
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "the stop waited for a stream");
}
