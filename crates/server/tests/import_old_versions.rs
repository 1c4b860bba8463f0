//! Files of big-AGI 1 and of the first versions of big-AGI 2 become what the current app makes of them.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::Database;
use holdfast::import::Options;
use holdfast_store::Owner;
use serde_json::{Value, json};

/// A chat as version 1.16 exported it.
fn old_chat() -> Value {
    json!({
        "id": "9f0a", "systemPurposeId": "Generic", "userTitle": "Old", "created": 1700000000000_i64,
        "updated": 1700000009000_i64, "tokenCount": 30,
        "messages": [
            {"id": "s", "text": "You are an assistant.", "sender": "Bot", "avatar": null, "typing": false,
                "role": "system", "purposeId": "Generic", "tokenCount": 5, "created": 1700000000000_i64,
                "updated": null},
            {"id": "u", "text": "Hello \"there\"\n🏯", "sender": "You", "avatar": null, "typing": false,
                "role": "user", "tokenCount": 0, "created": 1700000001000_i64, "updated": 0,
                "metadata": {"inReplyToText": "before"}, "userFlags": ["starred"]},
            {"id": "a", "text": "Hi.", "sender": "Bot", "avatar": "https://x.test/a.png", "typing": false,
                "role": "assistant", "purposeId": "", "originLLM": "gpt-4-0613", "created": 1700000002000_i64,
                "updated": 1700000003000_i64, "own": {"kept": 1.50}}
        ]
    })
}

fn without_fragment_ids(mut chat: Value) -> Value {
    for message in chat["messages"].as_array_mut().unwrap() {
        for fragment in message["fragments"].as_array_mut().unwrap() {
            let id = fragment.as_object_mut().unwrap().remove("fId").unwrap();
            assert_eq!(id.as_str().unwrap().len(), 8);
        }
    }
    chat
}

fn expected() -> Value {
    let text = |text: &str| json!([{"ft": "content", "part": {"pt": "text", "text": text}}]);
    json!({
        "id": "9f0a", "systemPurposeId": "Generic", "userTitle": "Old", "created": 1700000000000_i64,
        "updated": 1700000009000_i64, "tokenCount": 30,
        "messages": [
            {"id": "s", "fragments": text("You are an assistant."), "role": "system", "purposeId": "Generic",
                "tokenCount": 5, "created": 1700000000000_i64, "updated": null},
            {"id": "u", "fragments": text("Hello \"there\"\n🏯"), "role": "user", "tokenCount": 0,
                "created": 1700000001000_i64, "updated": null, "userFlags": ["starred"],
                "metadata": {"inReferenceTo": [{"mrt": "dmsg", "mText": "before", "mRole": "assistant"}]}},
            {"id": "a", "fragments": text("Hi."), "role": "assistant", "created": 1700000002000_i64,
                "generator": {"mgt": "named", "name": "gpt-4-0613"}, "tokenCount": 0,
                "updated": 1700000003000_i64, "own": {"kept": 1.50}}
        ]
    })
}

async fn stored(database: &Database) -> Value {
    let found = database.store.conversation(&Owner::local(), &fixtures::id("9f0a")).await.unwrap().unwrap();
    serde_json::from_str(&found.text).unwrap()
}

fn flash(chats: &Value, version: u32) -> String {
    let value = json!({"state": {"conversations": chats}, "version": version}).to_string();
    json!({"schema": "vnd.agi.flash-backup", "storage": {"localStorage": {},
        "indexedDB": {"keyval-store": {"keyval": [{"key": "app-chats", "value": value}]}}}})
    .to_string()
}

fn capture(chats: &Value) -> String {
    let value = json!({"state": {"conversations": chats}, "version": 3}).to_string();
    json!({"localStorage": {}, "indexedDB": [{"name": "keyval-store", "stores": [{"name": "keyval",
        "records": [{"key": "app-chats", "value": value}]}]}]})
    .to_string()
}

#[tokio::test]
async fn messages_of_version_1_get_fragments_in_every_kind_of_file() {
    let chats = json!([old_chat()]);
    let files = [
        old_chat().to_string(),
        json!({"conversations": chats, "models": {"sources": []}}).to_string(),
        flash(&chats, 3),
        capture(&chats),
    ];
    for file in files {
        let database = Database::new();
        let report = database.import_texts(std::slice::from_ref(&file), &Options::default()).await;
        assert_eq!(report.total("conversations").imported, 1);
        assert!(report.files[0].lost[0].contains("3 messages of big-AGI 1"), "{:?}", report.files[0].lost);
        assert_eq!(without_fragment_ids(stored(&database).await), expected());
        let hash = database.hash().await;
        let again = database.import_texts(&[file], &Options::default()).await;
        assert_eq!(again.total("conversations").unchanged, 1);
        assert_eq!(database.hash().await, hash);
    }
}

#[tokio::test]
async fn a_store_with_converted_chats_is_not_converted_again_by_the_app() {
    let database = Database::new();
    database.import_texts(&[flash(&json!([old_chat()]), 3)], &Options::default()).await;
    assert_eq!(database.browser_value("app-chats").await["version"], 4);
}

#[tokio::test]
async fn chats_of_version_2_stay_as_they_are_beside_old_ones() {
    let mut mixed = expected();
    for message in mixed["messages"].as_array_mut().unwrap() {
        message["fragments"][0]["fId"] = json!("f");
    }
    let new = mixed["messages"].clone();
    mixed["messages"].as_array_mut().unwrap().push(old_chat()["messages"][2].clone());
    let database = Database::new();
    let report = database.import_texts(&[flash(&json!([mixed]), 4)], &Options::default()).await;
    assert!(report.files[0].lost[0].contains("1 message of big-AGI 1"), "{:?}", report.files[0].lost);
    let messages = stored(&database).await["messages"].clone();
    assert_eq!(messages.as_array().unwrap()[..3], new.as_array().unwrap()[..]);
    assert_eq!(messages[3]["fragments"][0]["part"]["text"], "Hi.");
}

#[tokio::test]
async fn a_text_beside_fragments_or_no_text_at_all_is_no_old_message() {
    let chat =
        json!({"id": "9f0a", "messages": [{"id": "a", "text": "t", "fragments": []}, {"text": 7}, "x"]});
    let database = Database::new();
    let report = database.import_texts(&[chat.to_string()], &Options::default()).await;
    assert!(report.files[0].lost.is_empty());
    assert_eq!(stored(&database).await, chat);
}

#[tokio::test]
async fn odd_text_of_an_old_message_is_kept_to_the_letter() {
    let chat = r#"{"id":"9f0a","messages":[{"id":"a","text":"\ud800 \u0000 \/","n":1e400}]}"#;
    let database = Database::new();
    database.import_texts(&[chat.to_owned()], &Options::default()).await;
    let found = database.store.conversation(&Owner::local(), &fixtures::id("9f0a")).await.unwrap().unwrap();
    assert!(found.text.contains(r#"{"pt":"text","text":"\ud800 \u0000 \/"}"#), "{}", found.text);
    assert!(found.text.contains(r#""n":1e400"#), "{}", found.text);
}
