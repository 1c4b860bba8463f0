//! ETags, `If-Match`, `If-None-Match`, `Idempotency-Key`.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::server::{TestServer, chat, message};

#[test]
fn a_stale_write_is_refused_with_what_is_current() {
    let server = TestServer::start();
    let first = server.put_chat("c", &chat("c", &[])).expect(200).header("etag").to_owned();
    let second =
        server.put_at("/api/chats/c", &first, r#"{"conversation":{"id":"c","n":2}}"#).expect(200).json();
    let error = server
        .put_at("/api/chats/c", &first, r#"{"conversation":{"id":"c","n":3}}"#)
        .expect_error(412, "revision_conflict");
    assert_eq!(error["currentRevision"], second["revision"]);
    assert!(server.get("/api/chats/c").expect(200).text().contains("\"n\":2"));
    let error = server
        .put_at("/api/chats/absent", &first, r#"{"conversation":{"id":"absent"}}"#)
        .expect_error(412, "revision_conflict");
    assert!(error["currentRevision"].is_null() && error["current"].is_null(), "{error}");
}

#[test]
fn a_retry_of_a_write_that_was_made_is_unchanged() {
    let server = TestServer::start();
    let tag = server.put("/api/stores/x", r#"{"data":1}"#).expect(200).header("etag").to_owned();
    server.put_at("/api/stores/x", &tag, r#"{"data":2}"#).expect(200);
    let again = server.put_at("/api/stores/x", &tag, r#"{"data":2}"#).expect(200).json();
    assert_eq!(again["unchanged"], true);
}

#[test]
fn a_conversations_etag_serves_its_head_and_messages() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "a"), &message("2", "b")])).expect(200);
    let tag = server.get("/api/chats/c").expect(200).header("etag").to_owned();
    let reply = server.put_at("/api/chats/c/messages/1", &tag, &message("1", "changed")).expect(200).json();
    assert_eq!(reply["revision"], reply["conversationRevision"]);
    server.put_at("/api/chats/c/messages/2", &tag, &message("2", "changed")).expect(200);
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", tag.as_str())];
    let head =
        server.send("PATCH", "/api/chats/c", &headers, Some(r#"{"userTitle":"T"}"#)).expect(200).json();
    assert_eq!(head["conversation"]["userTitle"], "T");
    assert!(head["conversation"].get("messages").is_none());
    server
        .put_at("/api/chats/c/messages/1", &tag, &message("1", "again"))
        .expect_error(412, "revision_conflict");
}

#[test]
fn weakened_and_suffixed_tags_are_accepted_in_if_match() {
    let server = TestServer::start();
    let tag = server.put("/api/stores/x", r#"{"data":1}"#).expect(200).header("etag").to_owned();
    let weak = format!("W/{}-gzip\"", tag.trim_end_matches('"'));
    server.put_at("/api/stores/x", &weak, r#"{"data":2}"#).expect(200);
}

#[test]
fn if_none_match_star_only_creates() {
    let server = TestServer::start();
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    server.send("PUT", "/api/stores/x", &headers, Some(r#"{"data":1}"#)).expect(200);
    let error = server.send("PUT", "/api/stores/x", &headers, Some(r#"{"data":2}"#));
    error.expect_error(412, "revision_conflict");
}

#[test]
fn a_read_of_what_the_client_has_is_304() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", &"long ".repeat(500))])).expect(200);
    for path in ["/api/chats/c", "/api/chats/c/messages/1", "/api/chats", "/api/stores/app-chats"] {
        let tag = server.get(path).expect(200).header("etag").to_owned();
        assert!(tag.starts_with('"'), "{path} has the ETag {tag}");
        let reply = server.send("GET", path, &[("if-none-match", &tag)], None).expect(304);
        assert_eq!((reply.body.len(), reply.header("etag")), (0, tag.as_str()));
    }
    let tag = server.get("/api/chats/c").expect(200).header("etag").to_owned();
    server.put("/api/chats/c/messages/1", &message("1", "short")).expect(200);
    server.send("GET", "/api/chats/c", &[("if-none-match", &tag)], None).expect(200);
}

#[test]
fn an_encoded_body_has_an_etag_of_its_own() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", &"long ".repeat(500))])).expect(200);
    let plain = server.get("/api/chats/c").expect(200);
    let gzip = server.send("GET", "/api/chats/c", &[("accept-encoding", "gzip")], None).expect(200);
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(gzip.header("etag"), format!("{}-gzip\"", plain.header("etag").trim_end_matches('"')));
    assert!(gzip.body.len() < plain.body.len() / 4);
    assert!(gzip.header("vary").contains("accept"));
    let tag = gzip.header("etag").to_owned();
    let headers = [("accept-encoding", "gzip"), ("if-none-match", tag.as_str())];
    server.send("GET", "/api/chats/c", &headers, None).expect(304);
}

#[test]
fn a_compressed_list_ends_where_it_should() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", &"long ".repeat(500))])).expect(200);
    for coding in ["gzip", "br", "zstd"] {
        for path in ["/api/chats", "/api/stores/app-chats"] {
            let list = server.send("GET", path, &[("accept-encoding", coding)], None).expect(200);
            assert_eq!(list.header("content-encoding"), coding);
            assert!(list.header("etag").ends_with(&format!("-{coding}\"")));
        }
    }
}

#[test]
fn a_repeated_request_with_an_idempotency_key_counts_once() {
    let server = TestServer::start();
    let entry = r#"{"operation":"addCostEntry","serviceId":"s","costs":{"$c":1}}"#;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k1")];
    server.send("POST", "/api/metrics", &headers, Some(entry)).expect(200);
    let again = server.send("POST", "/api/metrics", &headers, Some(entry)).expect(200).json();
    assert_eq!(again["replayed"], true);
    assert_eq!(server.get("/api/metrics/s").expect(200).json()["data"]["usageCount"], 1);
    let other = entry.replace(":1}", ":2}");
    server.send("POST", "/api/metrics", &headers, Some(&other)).expect_error(422, "idempotency_mismatch");
}

#[test]
fn an_append_needs_a_base_and_never_appends_twice() {
    let server = TestServer::start();
    let tag = server.put_chat("c", &chat("c", &[&message("1", "Hel")])).expect(200).header("etag").to_owned();
    let body = r#"{"fragment":0,"text":"lo"}"#;
    let path = "/api/chats/c/messages/1/append";
    server.post(path, body).expect_error(428, "precondition_required");
    let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
    server.send("POST", path, &headers, Some(body)).expect(200);
    server.send("POST", path, &headers, Some(body)).expect_error(412, "revision_conflict");
    assert!(server.get("/api/chats/c").expect(200).text().contains("\"Hello\""));
}

#[test]
fn a_mass_delete_asks_for_its_number() {
    let server = TestServer::start();
    for n in 0..12 {
        server.put_chat(&format!("c{n}"), &chat(&format!("c{n}"), &[])).expect(200);
    }
    let empty = r#"{"data":{"conversations":[]}}"#;
    let error = server.put("/api/stores/app-chats", empty).expect_error(409, "mass_delete_unconfirmed");
    assert_eq!(error["deletes"], 12);
    server.put("/api/stores/app-chats?mode=merge", empty).expect(200);
    assert_eq!(server.get("/api/chats").expect(200).json()["count"], 12);
    let answer = server.put("/api/stores/app-chats?confirm=12", empty).expect(200).json();
    assert_eq!(answer["items"]["deleted"], 12);
}

#[test]
fn a_client_that_leaves_early_hurts_nobody() {
    let server = TestServer::start();
    let text = "x".repeat(200_000);
    for n in 0..40 {
        server.put_chat(&format!("c{n}"), &chat(&format!("c{n}"), &[&message("1", &text)])).expect(200);
    }
    let mut stream = server.connect("GET /api/chats HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut first = [0; 1_000];
    stream.read_exact(&mut first).unwrap();
    drop(stream);
    assert_eq!(server.get("/api/chats").expect(200).json()["count"], 40);
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
