//! Import sessions.

use super::{Fixture, chat_with, id, json, put_chat};
use crate::import::LedgerEdge;
use crate::store::Write;
use crate::{Owner, Precondition, StoreError};

fn put(import: &str, state: &str, body: &str) -> Write {
    Write::PutImport { id: id(import), state: state.to_owned(), body: json(body) }
}

pub async fn an_import_session_is_kept_until_it_is_forgotten(t: Fixture) {
    t.apply(put("one", "staged", r#"{"n":1.0}"#)).await.unwrap();
    let began = t.clock.now();
    t.clock.advance(5);
    t.apply(put("two", "staged", "{}")).await.unwrap();
    let undo = Write::PutImportUndo { id: id("one"), undo: Some(json(r#"[{"apiKey":"sk-1"}]"#)) };
    t.store.apply(&t.writer, vec![put("one", "applied", r#"{"n":2}"#), undo]).await.unwrap();
    let all = t.store.imports(t.owner()).await.unwrap();
    assert_eq!(all.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    let one = t.store.import(t.owner(), &id("one")).await.unwrap().unwrap();
    assert_eq!((one.state.as_str(), one.body.as_str()), ("applied", r#"{"n":2}"#));
    assert_eq!((one.created_at, one.updated_at), (began, t.clock.now()));
    let kept = t.store.import_undo(t.owner(), &id("one")).await.unwrap().unwrap();
    assert_eq!(kept.as_str(), r#"[{"apiKey":"sk-1"}]"#);
    assert_eq!(t.store.import_undo(t.owner(), &id("two")).await.unwrap(), None);
    let other = Owner::parse("other").unwrap();
    assert_eq!(t.store.import(&other, &id("one")).await.unwrap(), None);
    t.apply(Write::DeleteImport { id: id("one") }).await.unwrap();
    assert_eq!(t.store.import(t.owner(), &id("one")).await.unwrap(), None);
    let late = t.apply(Write::PutImportUndo { id: id("one"), undo: None }).await;
    assert!(matches!(late, Err(StoreError::NotFound(_))), "{late:?}");
    t.expect_sound().await;
}

fn answer(chat: &str, created: i64) -> Write {
    let metrics = r#"{"$c":0.5,"TIn":10,"TOut":20}"#;
    put_chat(
        chat,
        &format!(
            r#"{{"id":"{chat}","messages":[{{"id":"m","role":"assistant","created":{created},"fragments":[],
                "generator":{{"mgt":"aix","name":"x","aix":{{"vId":"v","mId":"m"}},"metrics":{metrics}}}}}]}}"#
        ),
    )
}

pub async fn the_ledger_of_an_import_counts_no_more_when_it_is_void(t: Fixture) {
    t.apply(answer("before", 1)).await.unwrap();
    let mark = |edge| Write::MarkImport { id: id("one"), edge };
    let session = vec![
        put("one", "applied", "{}"),
        mark(LedgerEdge::Begin),
        answer("brought", 2),
        mark(LedgerEdge::End),
    ];
    t.store.apply(&t.writer, session).await.unwrap();
    t.apply(answer("after", 3)).await.unwrap();
    t.apply(Write::VoidImport { id: id("one") }).await.unwrap();
    let sources = |rows: Vec<crate::usage::UsageRow>| -> Vec<(String, String)> {
        rows.into_iter().map(|r| (r.conversation_id.unwrap_or_default(), r.source)).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let rows = sources(t.store.usage(t.owner(), None, 10).await.unwrap().items);
    assert_eq!(rows, [pair("after", "message"), pair("brought", "void"), pair("before", "message")]);
    // The same answer may come once more, and counts then.
    t.apply(Write::DeleteConversation { id: id("brought"), precondition: Precondition::None }).await.unwrap();
    t.apply(answer("brought", 2)).await.unwrap();
    let rows = sources(t.store.usage(t.owner(), None, 1).await.unwrap().items);
    assert_eq!(rows, [pair("brought", "message")]);
    t.expect_sound().await;
}

pub async fn a_shell_goes_without_its_entities(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("m", "text")])).await;
    let hash = t.store.content_hash().await.unwrap();
    let document = crate::document::NewDocument {
        name: id("app-chats"),
        device: String::new(),
        data: json(r#"{"conversations":[],"more":1}"#),
        version: Some(json("4")),
        bare: false,
        beside: None,
    };
    let put = Write::PutDocument {
        document,
        mode: crate::document::Mode::Merge,
        confirm: None,
        precondition: Precondition::None,
    };
    let revision = t.apply(put).await.unwrap().revision;
    let at = |revision| Precondition::At { epoch: t.store.epoch(), revision };
    let shell = |precondition| Write::DeleteShell { name: id("app-chats"), precondition };
    let stale = t.apply(shell(at(revision - 1))).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    t.apply(shell(at(revision))).await.unwrap();
    assert!(t.chat("c").await.is_some());
    assert_eq!(t.store.content_hash().await.unwrap(), hash);
    t.expect_sound().await;
}
