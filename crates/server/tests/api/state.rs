//! What a browser asks for when it starts.

use serde_json::{Value, json};

use crate::server::{TestServer, chat, message};

fn state(server: &TestServer, query: &str) -> Value {
    server.get(&format!("/api/state{query}")).expect(200).json()
}

fn names(answer: &Value) -> Vec<&str> {
    answer["stores"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect()
}

fn data<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let stores = answer["stores"].as_array().unwrap();
    &stores.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("no {name}: {answer}"))["data"]
}

fn put_of(server: &TestServer, device: &str, name: &str, data: &str) {
    server.put(&format!("/api/stores/{name}?device={device}"), &format!("{{\"data\":{data}}}")).expect(200);
}

#[test]
fn without_a_cursor_every_store_is_told_and_the_rest_is_counted() {
    let server = TestServer::start();
    server.put("/api/stores/app-ui", r#"{"data":{"a":1.0},"version":3,"beside":{"x":1}}"#).expect(200);
    server.put("/api/folders", r#"{"folders":[{"id":"f","title":"F","conversationIds":[]}]}"#).expect(200);
    server.put_chat("c", &chat("c", &[])).expect(200);
    let reply = server.get("/api/state").expect(200);
    let answer = reply.json();
    assert_eq!((&answer["success"], &answer["reset"]), (&json!(true), &json!(true)));
    assert_eq!(names(&answer), ["app-folders", "app-ui"], "conversations are listed elsewhere");
    assert_eq!(data(&answer, "app-folders")["folders"][0]["title"], "F");
    assert!(reply.text().contains(
        r#"{"name":"app-ui","data":{"a":1.0},"version":3,"bare":false,"beside":{"x":1},"device":"","#
    ));
    assert_eq!((&answer["conversationCount"], &answer["assetCount"]), (&json!(1), &json!(0)));
    assert_eq!(answer["conversations"], json!({"changed": [], "removed": []}));
    assert_eq!(reply.header("holdfast-cursor"), answer["cursor"].as_str().unwrap());
}

#[test]
fn after_a_cursor_only_what_changed_is_told() {
    let server = TestServer::start();
    for chat_id in ["edited", "deleted", "left"] {
        server.put_chat(chat_id, &chat(chat_id, &[&message("m", "1")])).expect(200);
    }
    server.put("/api/stores/app-ui", r#"{"data":1}"#).expect(200);
    server.put("/api/stores/app-gone", r#"{"data":1}"#).expect(200);
    server
        .put("/api/assets/old", r#"{"id":"old","data":{"mimeType":"image/png","base64":"AAAA"}}"#)
        .expect(200);
    let cursor = state(&server, "")["cursor"].as_str().unwrap().to_owned();
    let nothing = state(&server, &format!("?after={cursor}"));
    assert_eq!((&nothing["reset"], names(&nothing).len()), (&json!(false), 0));
    assert_eq!((&nothing["cursor"], &nothing["conversationCount"]), (&json!(cursor), &json!(3)));

    server.put("/api/chats/edited/messages/m", &message("m", "2")).expect(200);
    server.put_chat("new", &chat("new", &[])).expect(200);
    server.delete("/api/chats/deleted").expect(200);
    server.put("/api/folders/f", r#"{"id":"f","title":"F","conversationIds":[]}"#).expect(200);
    server.delete("/api/stores/app-gone").expect(200);
    server.delete("/api/assets/old").expect(200);
    server.put("/api/assets/a", r#"{"id":"a","data":{"mimeType":"image/png","base64":"AAAA"}}"#).expect(200);
    let answer = state(&server, &format!("?after={cursor}"));
    assert_eq!(names(&answer), ["app-folders"]);
    assert_eq!(answer["removedStores"], json!(["app-gone"]));
    assert_eq!(answer["conversations"], json!({"changed": ["edited", "new"], "removed": ["deleted"]}));
    assert_eq!(answer["assets"], json!({"changed": ["a"], "removed": ["old"]}));
}

#[test]
fn a_cursor_that_cannot_be_followed_is_a_reset() {
    let server = TestServer::start();
    server.put("/api/stores/app-ui", r#"{"data":1}"#).expect(200);
    let cursor = state(&server, "")["cursor"].as_str().unwrap().to_owned();
    for after in ["elsewhere-1".to_owned(), format!("{cursor}9")] {
        let answer = state(&server, &format!("?after={after}"));
        assert_eq!((&answer["reset"], names(&answer)), (&json!(true), vec!["app-ui"]));
    }
    server.get("/api/state?after=nonsense").expect_error(400, "invalid_query");
}

#[test]
fn a_new_device_is_lent_the_look_of_the_last_one_and_nothing_private() {
    let server = TestServer::start();
    put_of(&server, "old", "joy-mode", "\"old\"");
    for (name, value) in
        [("joy-mode", "\"dark\""), ("app-app-chat-panes-2", "{}"), ("app-device", "{}"), ("app-state", "{}")]
    {
        put_of(&server, "laptop", name, value);
    }
    server.put("/api/stores/app-device", r#"{"data":"imported"}"#).expect(200);
    let fresh = state(&server, "?device=phone");
    assert_eq!(names(&fresh), ["app-app-chat-panes-2", "joy-mode"]);
    assert_eq!((data(&fresh, "joy-mode"), &fresh["stores"][1]["device"]), (&json!("dark"), &json!("laptop")));
    let own = state(&server, "?device=laptop");
    assert_eq!(names(&own), ["app-app-chat-panes-2", "app-device", "app-state", "joy-mode"]);
    put_of(&server, "phone", "joy-mode", "\"light\"");
    let known = state(&server, "?device=phone");
    assert_eq!(names(&known), ["joy-mode"], "a device that has its own is lent nothing");
    let reset = state(&server, "?device=tablet&after=elsewhere-1");
    assert_eq!(names(&reset), Vec::<&str>::new(), "a device that was here before is lent nothing");
}

#[test]
fn a_device_hears_of_its_own_stores_and_of_shared_ones() {
    let server = TestServer::start();
    let cursor = state(&server, "")["cursor"].as_str().unwrap().to_owned();
    put_of(&server, "laptop", "joy-mode", "\"dark\"");
    put_of(&server, "", "joy-mode", "\"shared\"");
    server.put("/api/stores/app-device", r#"{"data":"imported"}"#).expect(200);
    let query = |device: &str| format!("?after={cursor}&device={device}");
    assert_eq!(data(&state(&server, &query("laptop")), "joy-mode"), "dark");
    let phone = state(&server, &query("phone"));
    assert_eq!((names(&phone), data(&phone, "joy-mode")), (vec!["joy-mode"], &json!("shared")));
    server.delete("/api/stores/joy-mode").expect(200);
    assert_eq!(state(&server, &query("phone"))["removedStores"], json!(["joy-mode"]));
    let by_header =
        server.send("GET", &format!("/api/state?after={cursor}"), &[("holdfast-client", "laptop")], None);
    assert_eq!(names(&by_header.expect(200).json()), ["joy-mode"]);
    server.get("/api/state?device=..").expect_error(422, "invalid_id");
}

#[test]
fn secrets_are_told_as_the_store_itself_tells_them() {
    let server = TestServer::start();
    server.put("/api/stores/app-module-browse", r#"{"data":{"apiKey":"sk-1"}}"#).expect(200);
    assert_eq!(data(&state(&server, ""), "app-module-browse")["apiKey"], "sk-1");
    let masked = server.get("/api/state?secrets=masked").expect(200);
    assert!(!masked.text().contains("sk-1"), "{}", masked.text());
}
