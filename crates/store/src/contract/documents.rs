//! Stores as documents, and as entities beneath.

use super::{Fixture, chat_with, id, json};
use crate::document::{Mode, NewDocument};
use crate::store::{Effect, Place, Write};
use crate::{Kind, Precondition, StoreError};

fn new(name: &str, data: &str) -> NewDocument {
    NewDocument {
        name: id(name),
        device: String::new(),
        data: json(data),
        version: None,
        bare: false,
        beside: None,
    }
}

fn put(name: &str, data: &str) -> Write {
    Write::PutDocument {
        document: new(name, data),
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::None,
    }
}

fn merge(name: &str, data: &str) -> Write {
    Write::PutDocument {
        document: new(name, data),
        mode: Mode::Merge,
        confirm: None,
        precondition: Precondition::None,
    }
}

async fn data(t: &Fixture, name: &str) -> String {
    t.document(name).await.unwrap().data.unwrap().as_str().to_owned()
}

pub async fn any_json_is_a_document(t: Fixture) {
    for text in ["0", "false", "\"\"", "null", "[]", r#"{"a":1e400,"a":"\ud800"}"#] {
        t.apply(put("app-x", text)).await.unwrap();
        assert_eq!(data(&t, "app-x").await, text);
        assert_eq!(t.apply(put("app-x", text)).await.unwrap().effect, Effect::Unchanged);
    }
    let delete = Write::DeleteDocument {
        name: id("app-x"),
        device: String::new(),
        confirm: None,
        precondition: Precondition::None,
    };
    assert_eq!(t.apply(delete.clone()).await.unwrap().effect, Effect::Deleted);
    assert_eq!(t.apply(delete).await.unwrap().effect, Effect::Absent);
    assert!(t.document("app-x").await.is_none());
    t.expect_sound().await;
}

pub async fn a_missing_version_keeps_the_stored_one(t: Fixture) {
    let mut versioned = new("app-ui", "{}");
    versioned.version = Some(json("3"));
    t.apply(Write::PutDocument {
        document: versioned,
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::None,
    })
    .await
    .unwrap();
    t.apply(put("app-ui", r#"{"a":1}"#)).await.unwrap();
    assert_eq!(t.document("app-ui").await.unwrap().version, Some(json("3")));
}

pub async fn what_stands_beside_a_state_is_kept(t: Fixture) {
    let mut odd = new("joy-mode", "\"dark\"");
    odd.bare = true;
    odd.beside = Some(json(r#"{"extra":[1]}"#));
    t.apply(Write::PutDocument {
        document: odd,
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::None,
    })
    .await
    .unwrap();
    let document = t.document("joy-mode").await.unwrap();
    assert!(document.bare && document.version.is_none());
    assert_eq!(document.beside.unwrap().as_str(), r#"{"extra":[1]}"#);
}

pub async fn the_chats_document_and_the_chats_are_the_same_rows(t: Fixture) {
    let one = chat_with("one", &[("a", "1")]);
    let two = chat_with("two", &[("a", "2")]);
    let state = format!(r#"{{"x":1,"conversations":[{one},{two}],"y":null}}"#);
    let outcome = t.apply(put("app-chats", &state)).await.unwrap();
    assert_eq!((outcome.items.inserted, outcome.messages.inserted), (2, 2));
    assert_eq!(data(&t, "app-chats").await, state);
    assert_eq!(t.chat("two").await.unwrap(), two);
    let changed = chat_with("two", &[("a", "changed")]);
    t.put_chat("two", &changed).await;
    assert_eq!(data(&t, "app-chats").await, state.replace(&two, &changed));
    let swapped = format!(r#"{{"x":1,"conversations":[{changed},{one}],"y":null}}"#);
    t.apply(put("app-chats", &swapped)).await.unwrap();
    assert_eq!(data(&t, "app-chats").await, swapped);
    assert_eq!(t.apply(put("app-chats", &swapped)).await.unwrap().effect, Effect::Unchanged);
    let shell = t.store.document(t.owner(), &id("app-chats"), "", true).await.unwrap().unwrap();
    assert_eq!(shell.data.unwrap().as_str(), r#"{"x":1,"conversations":[],"y":null}"#);
    t.expect_sound().await;
}

pub async fn replacing_the_chats_document_deletes_what_it_leaves_out(t: Fixture) {
    for chat in ["a", "b", "c"] {
        t.put_chat(chat, &chat_with(chat, &[("m", "1")])).await;
    }
    let keep = chat_with("b", &[("m", "1")]);
    let private = r#"{"id":"p","_isIncognito":true,"messages":[]}"#;
    let outcome =
        t.apply(put("app-chats", &format!(r#"{{"conversations":[{private},{keep}]}}"#))).await.unwrap();
    assert_eq!((outcome.items.deleted, outcome.items.unchanged, outcome.skipped), (2, 1, 1));
    assert_eq!(data(&t, "app-chats").await, format!(r#"{{"conversations":[{keep}]}}"#));
    assert_eq!(t.store.versions(t.owner(), &Default::default(), None, 10).await.unwrap().items.len(), 2);
    t.expect_sound().await;
}

pub async fn deleting_most_chats_at_once_must_be_confirmed(t: Fixture) {
    for number in 0..12 {
        let chat = format!("c{number}");
        t.put_chat(&chat, &chat_with(&chat, &[])).await;
    }
    let empty = |confirm, precondition| Write::PutDocument {
        document: new("app-chats", r#"{"conversations":[]}"#),
        mode: Mode::Replace,
        confirm,
        precondition,
    };
    let refused = StoreError::MassDelete { deletes: 12, of: 12 };
    assert_eq!(t.apply(empty(None, Precondition::None)).await, Err(refused.clone()));
    assert_eq!(t.apply(empty(Some(11), Precondition::None)).await, Err(refused.clone()));
    let delete = Write::DeleteDocument {
        name: id("app-chats"),
        device: String::new(),
        confirm: None,
        precondition: Precondition::None,
    };
    assert_eq!(t.apply(delete).await, Err(refused));
    assert!(t.chat("c0").await.is_some());
    assert_eq!(t.apply(empty(Some(12), Precondition::None)).await.unwrap().items.deleted, 12);
}

pub async fn a_merge_keeps_what_it_does_not_name(t: Fixture) {
    for chat in ["c", "b", "a"] {
        t.put_chat(chat, &chat_with(chat, &[])).await;
    }
    let state = |ids: &[&str]| {
        let chats: Vec<String> = ids.iter().map(|c| chat_with(c, &[])).collect();
        format!(r#"{{"conversations":[{}]}}"#, chats.join(","))
    };
    let outcome = t.apply(merge("app-chats", &state(&["x", "b", "y"]))).await.unwrap();
    assert_eq!((outcome.items.inserted, outcome.items.unchanged, outcome.items.deleted), (2, 1, 0));
    assert_eq!(data(&t, "app-chats").await, state(&["x", "a", "b", "y", "c"]));
    t.expect_sound().await;
}

pub async fn rows_show_in_a_document_whose_own_json_lacks_them(t: Fixture) {
    let chat = chat_with("c", &[("m", "1")]);
    t.put_chat("c", &chat).await;
    for (state, expected) in [
        (r#"{"x":1}"#, format!(r#"{{"x":1,"conversations":[{chat}]}}"#)),
        (r#"{"conversations":null,"x":1}"#, format!(r#"{{"conversations":[{chat}],"x":1}}"#)),
        ("7", format!(r#"{{"conversations":[{chat}]}}"#)),
    ] {
        t.apply(merge("app-chats", state)).await.unwrap();
        assert_eq!(data(&t, "app-chats").await, expected);
    }
    t.apply(put("app-purpose", "{}")).await.unwrap();
    assert_eq!(data(&t, "app-purpose").await, "{}");
    t.apply(Write::TogglePersona { id: id("Developer") }).await.unwrap();
    assert_eq!(data(&t, "app-purpose").await, r#"{"hiddenPurposeIDs":["Developer"]}"#);
}

pub async fn a_stale_write_of_a_document_gives_the_current_one(t: Fixture) {
    let first = t.apply(put("app-ui", r#"{"a":1}"#)).await.unwrap().revision;
    let second = t.apply(put("app-ui", r#"{"a":2}"#)).await.unwrap().revision;
    let stale = Write::PutDocument {
        document: new("app-ui", r#"{"a":3}"#),
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::At { epoch: t.store.epoch(), revision: first },
    };
    let conflict = StoreError::Conflict { current_revision: Some(second), current: Some(json(r#"{"a":2}"#)) };
    assert_eq!(t.apply(stale).await, Err(conflict));
    assert_eq!(data(&t, "app-ui").await, r#"{"a":2}"#);
}

pub async fn the_models_document_and_its_entities_are_the_same_rows(t: Fixture) {
    let state = r#"{"modelAssignments":{"primaryChat":{"mct":"model-parametric","modelId":null}},"llms":[{"id":"s-a","sId":"s","n":1.50},{"id":"s-b","sId":"s"}],"sources":[{"id":"s","label":"S","vId":"openai","setup":{"oaiKey":"sk-secret"}}],"confServiceId":"s"}"#;
    t.apply(put("app-models", state)).await.unwrap();
    assert_eq!(data(&t, "app-models").await, state);
    let model = t.store.item(t.owner(), Kind::LlmModel, &id("s-a")).await.unwrap().unwrap();
    assert_eq!(model.body.as_str(), r#"{"id":"s-a","sId":"s","n":1.50}"#);
    t.apply(Write::PutItem {
        kind: Kind::LlmModel,
        id: id("s-c"),
        body: json(r#"{"id":"s-c"}"#),
        place: Place::After("s-a".to_owned()),
        precondition: Precondition::None,
    })
    .await
    .unwrap();
    assert!(data(&t, "app-models").await.contains(r#"{"id":"s-c"},{"id":"s-b","sId":"s"}"#));
    for odd in
        [r#"{"llms":null,"sources":{"a":1},"x":[1]}"#, "[]", r#"{"sources":[{},7,{"id":"d"},{"id":"d"}]}"#]
    {
        t.apply(put("app-models", odd)).await.unwrap();
        assert_eq!(data(&t, "app-models").await, odd);
    }
    t.expect_sound().await;
}

pub async fn documents_with_secrets_come_back_and_masks_keep_them(t: Fixture) {
    let state = r#"{"googleCloudApiKey":"AIza-1","googleCSEId":"c"}"#;
    t.apply(put("app-module-google-search", state)).await.unwrap();
    assert_eq!(data(&t, "app-module-google-search").await, state);
    let masked = crate::seal::mask(&json(state));
    let edited = masked.as_str().replace("\"c\"", "\"d\"");
    t.apply(put("app-module-google-search", &edited)).await.unwrap();
    assert_eq!(data(&t, "app-module-google-search").await, state.replace("\"c\"", "\"d\""));
    assert_eq!(t.apply(put("app-module-google-search", &edited)).await.unwrap().effect, Effect::Unchanged);
    t.expect_sound().await;
}

pub async fn a_store_revision_covers_deletes(t: Fixture) {
    t.put_chat("a", &chat_with("a", &[])).await;
    t.put_chat("b", &chat_with("b", &[])).await;
    let before = t.document("app-chats").await.unwrap().revision;
    let gone =
        t.apply(Write::DeleteConversation { id: id("a"), precondition: Precondition::None }).await.unwrap();
    assert_eq!(t.document("app-chats").await.unwrap().revision, gone.revision);
    let stale = Write::PutDocument {
        document: new("app-chats", r#"{"conversations":[]}"#),
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::At { epoch: t.store.epoch(), revision: before },
    };
    assert!(matches!(t.apply(stale).await, Err(StoreError::Conflict { .. })));
    assert!(t.chat("b").await.is_some());
}

pub async fn device_documents_are_apart(t: Fixture) {
    for device in ["", "phone", "desk"] {
        let mut document = new("app-state", &format!("\"{device}\""));
        document.device = device.to_owned();
        t.apply(Write::PutDocument {
            document,
            mode: Mode::Replace,
            confirm: None,
            precondition: Precondition::None,
        })
        .await
        .unwrap();
    }
    let phone = t.store.document(t.owner(), &id("app-state"), "phone", false).await.unwrap().unwrap();
    assert_eq!(phone.data.unwrap().as_str(), "\"phone\"");
    assert_eq!(data(&t, "app-state").await, "\"\"");
    assert_eq!(t.store.documents(t.owner(), false).await.unwrap().len(), 3);
}
