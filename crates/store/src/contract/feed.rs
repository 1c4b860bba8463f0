//! The changes feed and idempotent requests.

use std::sync::Arc;

use super::{Fixture, chat_with, id, put_chat};
use crate::revision::Cursor;
use crate::store::{Idempotency, Write, Writer};
use crate::usage::CostEntry;
use crate::{Epoch, Precondition, StoreError};

pub async fn every_change_is_in_the_feed_once_and_in_order(t: Fixture) {
    let shared = Arc::new((Arc::clone(&t.store), t.writer.clone()));
    let mut woken = t.store.committed();
    let reader = Arc::clone(&shared);
    let feed = tokio::spawn(async move {
        let mut cursor = None;
        let mut seen = Vec::new();
        while seen.len() < 100 {
            let page = reader.0.changes(&reader.1.owner, cursor.as_ref(), 7, &[]).await.unwrap();
            assert!(!page.reset);
            cursor = Some(page.cursor);
            if page.changes.is_empty() {
                woken.changed().await.unwrap();
            }
            seen.extend(page.changes.into_iter().map(|c| (c.seq, c.id)));
        }
        seen
    });
    let writers: Vec<_> = (0..10)
        .map(|w| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                for n in 0..10 {
                    let chat = format!("{w}-{n}");
                    shared.0.apply(&shared.1, vec![put_chat(&chat, &chat_with(&chat, &[]))]).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let seen = feed.await.unwrap();
    assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
    let ids: std::collections::HashSet<_> = seen.iter().map(|s| &s.1).collect();
    assert_eq!(ids.len(), 100);
}

pub async fn a_cursor_of_another_epoch_or_ahead_is_reset(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("m", "1")])).await;
    let now = t.store.cursor(t.owner()).await.unwrap();
    assert_eq!(now.seq, 2);
    let ahead = Cursor { seq: 3, ..now.clone() };
    let foreign = Cursor { epoch: Epoch("elsewhere".to_owned()), seq: 1 };
    for cursor in [ahead, foreign] {
        let page = t.store.changes(t.owner(), Some(&cursor), 10, &[]).await.unwrap();
        assert!(page.reset && page.changes.is_empty());
        assert_eq!(page.cursor, now);
    }
    let begun = t.store.begin_epoch().await.unwrap();
    assert_ne!(begun, now.epoch);
    assert!(t.store.changes(t.owner(), Some(&now), 10, &[]).await.unwrap().reset);
    let only = t.store.changes(t.owner(), None, 10, &["message".to_owned()]).await.unwrap();
    assert_eq!(only.changes.len(), 1);
}

pub async fn idempotent_requests_happen_once(t: Fixture) {
    let writer = |key: &str, request: u8| Writer {
        idempotency: Some(Idempotency { key: key.to_owned(), request: [request; 32] }),
        ..t.writer.clone()
    };
    let entry = || {
        vec![Write::AddCost(CostEntry {
            service_id: "openai".to_owned(),
            cost_nano: Some(5),
            savings_nano: None,
            code: None,
            input_tokens: 1,
            output_tokens: 1,
            debug_source: None,
            at: None,
            ledger_key: None,
        })]
    };
    let first = t.store.apply(&writer("k", 1), entry()).await.unwrap();
    let again = t.store.apply(&writer("k", 1), entry()).await.unwrap();
    assert!(!first[0].replayed && again[0].replayed);
    assert_eq!(first[0].revision, again[0].revision);
    let other = t.store.apply(&writer("k", 2), entry()).await.unwrap_err();
    assert_eq!(other, StoreError::IdempotencyMismatch.into());
    let usage = t.store.usage(t.owner(), None, 10).await.unwrap();
    assert_eq!(usage.items.len(), 1);
    t.clock.advance(25 * 60 * 60 * 1_000);
    t.store.apply(&writer("k", 2), entry()).await.expect("a day later the key is free");
    let part = |request: u8| Write::Once {
        idempotency: Idempotency { key: "part".to_owned(), request: [request; 32] },
        write: Box::new(entry().remove(0)),
    };
    let first = t.store.apply(&t.writer, vec![part(1), part(1)]).await.unwrap();
    assert!(!first[0].replayed && first[1].replayed, "a key counts inside a request too");
    let other = t.store.apply(&t.writer, vec![part(1), part(2)]).await.unwrap_err();
    assert_eq!((other.index, other.error), (Some(1), StoreError::IdempotencyMismatch));
    let delete = vec![Write::DeleteConversation { id: id("none"), precondition: Precondition::None }];
    t.store.apply(&t.writer, delete).await.unwrap();
}
