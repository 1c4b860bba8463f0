//! History: what is kept, and that it comes back.

use super::{Fixture, chat_with, id, json, message};
use crate::history::VersionFilter;
use crate::store::{Order, Place, Write, Writer};
use crate::{Kind, Precondition};

pub async fn overwritten_versions_are_kept_but_for_one_clients_run_of_edits(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("m", "0")])).await;
    let kept =
        async || t.store.versions(t.owner(), &VersionFilter::default(), None, 100).await.unwrap().items.len();
    let put = async |client: Option<&str>, body: String| {
        let writer = Writer { client: client.map(str::to_owned), ..t.writer.clone() };
        let write = Write::PutMessage {
            conversation: id("c"),
            id: id("m"),
            body: json(&body),
            place: Place::Usual,
            precondition: Precondition::None,
        };
        t.store.apply(&writer, vec![write]).await.unwrap();
    };
    put(None, message("m", "1")).await;
    put(None, message("m", "2")).await;
    assert_eq!(kept().await, 2, "without a client every version is kept");
    put(Some("a"), message("m", "3")).await;
    assert_eq!(kept().await, 3, "another's version is kept");
    put(Some("a"), message("m", "4")).await;
    assert_eq!(kept().await, 3, "one's own of a moment ago is not");
    t.clock.advance(6_000);
    put(Some("a"), message("m", "5")).await;
    assert_eq!(kept().await, 4, "one's own of a while ago is");
    put(Some("b"), message("m", "6").replace("\"role\"", "\"pendingIncomplete\":true,\"role\"")).await;
    assert_eq!(kept().await, 5);
    put(Some("a"), message("m", "7")).await;
    assert_eq!(kept().await, 5, "an unfinished answer is not kept");
    t.expect_sound().await;
}

fn restore(kind: Kind, parent: Option<&str>, entity: &str, revision: i64) -> Write {
    Write::Restore {
        kind,
        parent: parent.map(str::to_owned),
        id: entity.to_owned(),
        revision,
        precondition: Precondition::None,
    }
}

pub async fn a_deleted_conversation_comes_back_whole_and_to_its_place(t: Fixture) {
    for chat in ["c", "b", "a"] {
        t.put_chat(chat, &chat_with(chat, &[("m", chat), ("n", "2")])).await;
    }
    let before = t.store.content_hash().await.unwrap();
    let gone =
        t.apply(Write::DeleteConversation { id: id("b"), precondition: Precondition::None }).await.unwrap();
    let kept = t.store.versions(t.owner(), &VersionFilter::default(), None, 10).await.unwrap().items;
    assert_eq!((kept.len(), kept[0].op.as_str()), (1, "delete"));
    let back = t.apply(restore(Kind::Conversation, None, "b", kept[0].revision)).await.unwrap();
    assert!(back.revision > gone.revision);
    assert_eq!(t.store.content_hash().await.unwrap(), before);
    assert_eq!(t.store.conversation_keys(t.owner(), Order::List, 0).await.unwrap().len(), 3);
    assert!(t.apply(restore(Kind::Conversation, None, "b", 999)).await.is_err());
    t.expect_sound().await;
}

pub async fn a_deleted_message_comes_back_to_its_place(t: Fixture) {
    let text = chat_with("c", &[("a", "1"), ("b", "2"), ("c", "3")]);
    t.put_chat("c", &text).await;
    t.apply(Write::DeleteMessage { conversation: id("c"), id: id("b"), precondition: Precondition::None })
        .await
        .unwrap();
    let filter = VersionFilter { kind: Some("message".to_owned()), parent: Some("c".to_owned()), id: None };
    let kept = t.store.versions(t.owner(), &filter, None, 10).await.unwrap().items;
    t.apply(restore(Kind::Message, Some("c"), "b", kept[0].revision)).await.unwrap();
    assert_eq!(t.chat("c").await.unwrap(), text);
    t.expect_sound().await;
}

pub async fn a_message_without_an_id_comes_back_beside_its_twin(t: Fixture) {
    let text = r#"{"id":"c","messages":[{"text":"x"},{"id":"d","n":1},{"id":"d","n":2}]}"#;
    t.put_chat("c", text).await;
    t.put_chat("c", r#"{"id":"c","messages":[{"id":"d","n":1}]}"#).await;
    let filter = VersionFilter { kind: Some("message".to_owned()), ..VersionFilter::default() };
    let kept = t.store.versions(t.owner(), &filter, None, 10).await.unwrap().items;
    assert_eq!(kept.len(), 2);
    for version in kept {
        t.apply(restore(Kind::Message, Some("c"), &version.id, version.revision)).await.unwrap();
    }
    assert_eq!(t.chat("c").await.unwrap(), text);
    t.expect_sound().await;
}

pub async fn a_head_alone_does_not_come_back_as_an_empty_chat(t: Fixture) {
    let text = chat_with("c", &[("m", "1")]);
    let first = t.put_chat("c", &text).await.revision - 1;
    t.put_chat("c", &text.replace("Generic", "Designer")).await;
    t.apply(Write::DeleteConversation { id: id("c"), precondition: Precondition::None }).await.unwrap();
    let refused = t.apply(restore(Kind::Conversation, None, "c", first)).await;
    assert!(matches!(refused, Err(crate::StoreError::NotFound(_))), "{refused:?}");
    assert_eq!(t.chat("c").await, None);
}
