//! Defects that a review found: one test for each.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::server::{TestServer, chat, message};

const ASSET: &str =
    r#"{"id":"a","assetType":"image","data":{"mimeType":"image/png","base64":"AAECAwQF"},"label":"L"}"#;

fn put_data(server: &TestServer, more: &[(&str, &str)], bytes: &str) -> crate::server::Reply {
    let mut headers = vec![("content-type", "image/webp")];
    headers.extend(more);
    server.send("PUT", "/api/assets/a/data", &headers, Some(bytes))
}

#[test]
fn bytes_of_an_asset_that_is_absent_are_404() {
    let server = TestServer::start();
    put_data(&server, &[], "new").expect_error(404, "not_found");
    server.get("/api/assets/a").expect_error(404, "not_found");
}

#[test]
fn the_etag_of_an_assets_bytes_is_a_base_for_writes() {
    let server = TestServer::start();
    server.post("/api/assets", ASSET).expect(200);
    let tag = server.get("/api/assets/a/data").expect(200).header("etag").to_owned();
    put_data(&server, &[("if-match", &tag)], "second").expect(200);
    put_data(&server, &[("if-match", &tag)], "third").expect_error(412, "revision_conflict");
    let range = [("range", "bytes=0-1"), ("if-range", tag.as_str())];
    server.send("GET", "/api/assets/a/data", &range, None).expect(200);
    assert_eq!(server.get("/api/assets/a/data").expect(200).body, b"second");
}

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

#[test]
fn a_backup_is_for_this_user_only_and_leaves_nothing_beside_it() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "kept")])).expect(200);
    let made = server.post("/api/backups", "{}").expect(200).json();
    let id = made["backup"]["id"].as_str().unwrap();
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(server.directory().join("backups")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), [format!("{id}.db"), format!("{id}.db.json")]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = server.directory().join("backups").join(format!("{id}.db"));
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_backup_is_finished_when_its_client_has_left() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", &"x".repeat(2_000_000))])).expect(200);
    let request = "POST /api/backups HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
    let directory = server.directory().join("backups");
    let stream = server.connect(request);
    wait_for(|| directory.exists());
    drop(stream);
    wait_for(|| !server.get("/api/backups").expect(200).json()["backups"].as_array().unwrap().is_empty());
    let left = std::fs::read_dir(directory).unwrap().count();
    assert_eq!(left, 2, "the copy and its note");
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "it did not come");
        std::thread::yield_now();
    }
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
fn a_conflict_with_a_store_of_tables_says_that_it_left_it_out() {
    let server = TestServer::start();
    let first = server.put_chat("c", &chat("c", &[])).expect(200).header("etag").to_owned();
    server.put_chat("d", &chat("d", &[])).expect(200);
    let whole = r#"{"data":{"conversations":[]}}"#;
    let error = server.put_at("/api/stores/app-chats", &first, whole).expect_error(412, "revision_conflict");
    assert_eq!((&error["current"], &error["currentOmitted"]), (&Value::Null, &json!(true)));
    let error =
        server.put_at("/api/stores/none", &first, r#"{"data":1}"#).expect_error(412, "revision_conflict");
    assert!(error["currentRevision"].is_null() && error.get("currentOmitted").is_none(), "{error}");
}

#[test]
fn a_copy_of_several_files_has_one_base() {
    let server = TestServer::start();
    for file in ["f", "g", "h"] {
        let body = format!(r#"{{"operation":"assign","fileId":"{file}"}}"#);
        server.post("/api/workspace/w", &body).expect(200);
    }
    server.post("/api/workspace/v", r#"{"operation":"assign","fileId":"z"}"#).expect(200);
    let tag = server.get("/api/workspace/v").expect(200).header("etag").to_owned();
    let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
    let copy = Some(r#"{"operation":"copy","sourceWorkspaceId":"w"}"#);
    server.send("POST", "/api/workspace/v", &headers, copy).expect(200);
    let files = server.get("/api/workspace/v").expect(200).json()["data"]["files"].clone();
    assert_eq!(files, json!(["z", "f", "g", "h"]));
    let other = Some(r#"{"operation":"assign","fileId":"late"}"#);
    server.send("POST", "/api/workspace/v", &headers, other).expect_error(412, "revision_conflict");
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
fn a_body_with_a_hundred_thousand_keys_is_read_at_once() {
    let server = TestServer::start();
    let keys: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":0")).collect();
    let began = std::time::Instant::now();
    server.put("/api/stores/x", &format!("{{\"data\":1,{}}}", keys.join(","))).expect(200);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
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

/// Another process with an open write transaction, until its input is closed.
fn lock_database(server: &TestServer) -> Child {
    let program = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
        c.execute('BEGIN IMMEDIATE')\n\
        print('locked', flush=True)\n\
        sys.stdin.read()\n";
    let mut child = Command::new("python3")
        .args(["-c", program])
        .arg(server.db())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs python3: install it, such as with `apt-get install python3`");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "locked\n");
    child
}

#[test]
fn a_database_that_another_process_has_locked_is_read_and_later_written() {
    let server = TestServer::start();
    server.put("/api/stores/x", r#"{"data":1}"#).expect(200);
    let mut other = lock_database(&server);
    std::thread::scope(|scope| {
        let write = scope.spawn(|| server.put("/api/stores/x", r#"{"data":2}"#));
        while !write.is_finished() {
            assert_eq!(server.get("/api/stores/x").expect(200).json()["data"], 1, "reads go on");
        }
        let refused = write.join().unwrap();
        assert!(!refused.header("retry-after").is_empty());
        refused.expect_error(503, "database_busy");
    });
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    server.put("/api/stores/x", r#"{"data":3}"#).expect(200);
    assert_eq!(server.get("/api/stores/x").expect(200).json()["data"], 3);
}
