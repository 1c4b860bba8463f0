//! Full lists that go on from a cursor, and stores as the browser keeps them.

use crate::server::{TestServer, chat, message};

const LINES: [(&str, &str); 1] = [("accept", "application/x-ndjson")];

fn ids(text: &str) -> Vec<String> {
    let list: serde_json::Value = serde_json::from_str(text).unwrap();
    list["conversations"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_list_goes_on_from_the_cursor_of_the_last_one() {
    let server = TestServer::start();
    for id in ["a", "b"] {
        server.put_chat(id, &chat(id, &[&message("m", "1")])).expect(200);
    }
    let first = server.get("/api/chats").expect(200);
    let cursor = first.header("holdfast-cursor").to_owned();
    let since = format!("/api/chats?changed_since={cursor}");
    assert_eq!(ids(server.get(&since).expect(200).text()), Vec::<String>::new());
    server.put("/api/chats/a/messages/n", &message("n", "2")).expect(200);
    let next = server.get(&since).expect(200);
    assert_eq!(ids(next.text()), ["a"]);
    assert_ne!(next.header("holdfast-cursor"), cursor);
    let lines = server.send("GET", &since, &LINES, None).expect(200);
    assert_eq!(lines.text().lines().count(), 2);
    assert!(lines.text().ends_with("{\"end\":true,\"count\":1}\n"), "{}", lines.text());
    assert_eq!(lines.header("holdfast-cursor"), next.header("holdfast-cursor"));
    let again = server.send("GET", "/api/chats", &[("if-none-match", "*")], None).expect(304);
    assert_eq!(again.header("holdfast-cursor"), next.header("holdfast-cursor"));
}

#[test]
fn a_list_cannot_go_on_from_another_line_of_history() {
    let server = TestServer::start();
    server.put_chat("a", &chat("a", &[])).expect(200);
    let cursor = server.get("/api/chats").expect(200).header("holdfast-cursor").to_owned();
    for since in ["elsewhere-1".to_owned(), format!("{cursor}9")] {
        server.get(&format!("/api/chats?changed_since={since}")).expect_error(410, "cursor_reset");
    }
    server.get("/api/chats?changed_since=nonsense").expect_error(400, "invalid_query");
    server.get("/api/chats?view=summary&order=list").expect_error(400, "invalid_query");
    server.get("/api/chats?order=title").expect_error(400, "invalid_query");
}

#[test]
fn a_full_list_comes_in_the_apps_own_order_when_asked() {
    let server = TestServer::start();
    for (id, updated) in [("first", 9), ("second", 1), ("third", 5)] {
        let text = format!(r#"{{"id":"{id}","messages":[],"created":1,"updated":{updated}}}"#);
        server.put_chat(id, &text).expect(200);
    }
    assert_eq!(ids(server.get("/api/chats").expect(200).text()), ["first", "third", "second"]);
    let list = server.get("/api/chats?order=list").expect(200);
    assert_eq!(ids(list.text()), ["third", "second", "first"], "a new one goes first");
    let lines = server.send("GET", "/api/chats?order=list", &LINES, None).expect(200);
    assert!(lines.text().starts_with(r#"{"id":"third""#), "{}", lines.text());
}

#[test]
fn a_value_is_the_text_that_the_browser_keeps() {
    let server = TestServer::start();
    server.put("/api/stores/app-ui", r#"{"data":{"a":1.0},"version":3,"beside":{"x":[1]}}"#).expect(200);
    server.put("/api/stores/joy-mode", r#"{"data":"dark","bare":true}"#).expect(200);
    server.put("/api/stores/app-from-v1-arrival", r#"{"data":17,"bare":true}"#).expect(200);
    server.put("/api/stores/plain", r#"{"data":"text"}"#).expect(200);
    for (name, text) in [
        ("app-ui", r#"{"state":{"a":1.0},"version":3,"x":[1]}"#),
        ("joy-mode", "dark"),
        ("app-from-v1-arrival", "17"),
        ("plain", r#"{"state":"text"}"#),
    ] {
        let reply = server.get(&format!("/api/stores/{name}?view=value")).expect(200);
        assert_eq!(reply.text(), text);
        assert!(reply.header("etag").ends_with("-value\""), "{}", reply.header("etag"));
        assert!(!reply.header("holdfast-cursor").is_empty());
    }
    assert!(
        server
            .get("/api/stores/joy-mode?view=value")
            .expect(200)
            .header("content-type")
            .starts_with("text/plain")
    );
    server.get("/api/stores/app-ui?view=nonsense").expect_error(400, "invalid_query");
}

#[test]
fn the_value_of_the_chats_is_streamed_and_its_tag_is_a_base() {
    let server = TestServer::start();
    let body = format!(r#"{{"data":{{"conversations":[{}],"x":1}},"version":4}}"#, chat("c", &[]));
    server.put("/api/stores/app-chats", &body).expect(200);
    let value = server.get("/api/stores/app-chats?view=value").expect(200);
    assert_eq!(
        value.text(),
        format!(r#"{{"state":{{"conversations":[{}],"x":1}},"version":4}}"#, chat("c", &[]))
    );
    let tag = value.header("etag").to_owned();
    let have = [("if-none-match", tag.as_str())];
    server.send("GET", "/api/stores/app-chats?view=value", &have, None).expect(304);
    server.put_at("/api/stores/app-chats", &tag, r#"{"data":{"conversations":[]}}"#).expect(200);
    server.put_at("/api/stores/app-chats", &tag, r#"{"data":{"conversations":[1]}}"#).expect(400);
}
