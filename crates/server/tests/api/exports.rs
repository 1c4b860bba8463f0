//! The data as files, and an archive back in.

use std::io::Cursor;

use serde_json::{Value, json};

use crate::server::{TestServer, chat, message};

fn filled() -> TestServer {
    let server = TestServer::start();
    server.put_chat("c%2F1", &chat("c/1", &[&message("1", "first")])).expect(200);
    server.put_chat("d", &chat("d", &[&message("1", "second"), &message("2", "third")])).expect(200);
    let service =
        r#"{"sources":[{"id":"s","label":"S","vId":"openai","setup":{"oaiKey":"sk-secret"}}],"llms":[]}"#;
    server.put("/api/stores/app-models", &format!("{{\"data\":{service},\"version\":5}}")).expect(200);
    server
}

#[test]
fn each_format_has_its_media_type_and_its_name() {
    let server = filled();
    for (format, kind, name) in [
        ("all-chats", "application/json", "holdfast-all-chats.agi.json"),
        ("markdown", "application/zip", "holdfast-markdown.zip"),
        ("archive", "application/x-ndjson", "holdfast-archive.jsonl"),
    ] {
        let reply = server.get(&format!("/api/export?format={format}")).expect(200);
        assert_eq!(reply.header("content-type"), kind);
        assert!(reply.header("content-disposition").contains(name), "{format}");
        assert!(!reply.body.is_empty());
    }
    let flash = server.get("/api/export").expect(200);
    assert_eq!(flash.header("content-type"), "application/json");
    assert_eq!(flash.json()["schema"], "vnd.agi.flash-backup");
    assert_eq!(server.get("/api/export?format=flash").expect(200).json()["storage"], flash.json()["storage"]);
}

#[test]
fn an_unknown_format_is_refused_with_the_known_ones() {
    let error = TestServer::start().get("/api/export?format=pdf").expect_error(400, "invalid_query");
    let message = error["error"].as_str().unwrap();
    assert!(
        message.contains("'pdf'") && message.contains("flash, all-chats, markdown, archive"),
        "{message}"
    );
}

#[test]
fn the_zip_opens_and_has_a_file_per_chat() {
    let server = filled();
    let zip = server.get("/api/export?format=markdown").expect(200).body;
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    assert_eq!(zip.len(), 2);
    let texts: Vec<String> =
        (0..2).map(|i| std::io::read_to_string(zip.by_index(i).unwrap()).unwrap()).collect();
    assert!(texts.iter().any(|text| text.contains("second") && text.contains("third")), "{texts:?}");
}

#[test]
fn a_zip_is_not_compressed_again_and_other_formats_are() {
    let server = filled();
    let encoding = |format: &str| {
        let path = format!("/api/export?format={format}");
        let reply = server.send("GET", &path, &[("accept-encoding", "zstd")], None).expect(200);
        reply.header("content-encoding").to_owned()
    };
    assert_eq!(encoding("markdown"), "");
    assert_eq!(encoding("archive"), "zstd");
}

#[test]
fn secrets_are_masked_where_they_may_not_be_read() {
    let server = filled();
    for format in ["flash", "all-chats", "archive"] {
        let path = format!("/api/export?format={format}");
        assert!(server.get(&path).text().contains("sk-secret"), "{format}");
        assert!(!server.get(&format!("{path}&secrets=masked")).text().contains("sk-secret"), "{format}");
    }
    let header = |path: &str| -> Value {
        let reply = server.get(path).expect(200);
        serde_json::from_str(reply.text().lines().next().unwrap()).unwrap()
    };
    assert_eq!(header("/api/export?format=archive")["secrets"], "clear");
    assert_eq!(header("/api/export?format=archive&secrets=masked")["secrets"], "masked");
}

#[test]
fn an_archive_is_taken_as_its_lines_and_as_an_array() {
    let server = filled();
    let archive = server.get("/api/export?format=archive").expect(200);
    let lines = archive.text();
    let array = format!("[{}]", lines.lines().collect::<Vec<_>>().join(","));
    let several = format!("[{array},{}]", json!({"id": "more", "messages": []}));
    let counts = |report: &Value, noun: &str| {
        let rows = report["totals"].as_array().unwrap();
        rows.iter().find(|row| row["noun"] == noun).unwrap()["imported"].clone()
    };
    for (kind, body, chats) in [
        ("application/x-ndjson", lines, 2),
        ("application/json", &array, 2),
        ("application/json", &several, 3),
    ] {
        let other = TestServer::start();
        let reply = other.send("POST", "/api/imports", &[("content-type", kind)], Some(body)).expect(200);
        let report = &reply.json()["report"];
        assert_eq!(counts(report, "conversations"), chats, "{report}");
        assert_eq!(counts(report, "model services"), 1);
        let text =
            |server: &TestServer| server.get("/api/chats/c%2F1").expect(200).json()["conversation"].clone();
        assert_eq!(text(&other), text(&server));
        assert!(other.get("/api/export").text().contains("sk-secret"));
    }
}

#[test]
fn lines_that_are_no_archive_are_refused() {
    let server = TestServer::start();
    let reply = server.send(
        "POST",
        "/api/imports",
        &[("content-type", "application/x-ndjson")],
        Some("{\"a\":1}\n{}"),
    );
    reply.expect_error(400, "invalid_json");
    let newer = "{\"format\":\"holdfast-archive\",\"version\":99}\n";
    let reply = server.send("POST", "/api/imports", &[("content-type", "application/x-ndjson")], Some(newer));
    assert!(reply.expect_error(400, "invalid_body")["error"].as_str().unwrap().contains("99"));
}
