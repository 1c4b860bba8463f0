//! Reports of clients.

use super::{Fixture, json, put_chat};
use crate::report::KEPT;
use crate::store::{Write, Writer};
use crate::{Owner, StoreError};

fn add(kind: &str, body: &str) -> Write {
    Write::AddReport { kind: kind.to_owned(), body: json(body) }
}

pub async fn reports_come_back_whole_and_newest_first(t: Fixture) {
    let odd = r#"{"kind":"shadow", "n":1e400,"n":0.10}"#;
    let first = t.apply(add("shadow", odd)).await.unwrap();
    let writer = t.writer.clone().client("laptop");
    t.store.apply(&writer, vec![add("move", "{}"), add("shadow", "[2]")]).await.unwrap();
    let page = t.store.reports(t.owner(), None, None, 2).await.unwrap();
    let bodies = |items: &[crate::report::Report]| -> Vec<String> {
        items.iter().map(|r| r.body.as_str().to_owned()).collect()
    };
    assert_eq!(bodies(&page.items), ["[2]", "{}"]);
    assert_eq!((page.items[0].client.as_deref(), page.items[0].at), (Some("laptop"), t.clock.now()));
    let rest = t.store.reports(t.owner(), None, page.next.as_deref(), 2).await.unwrap();
    assert_eq!((bodies(&rest.items), rest.next), (vec![odd.to_owned()], None));
    assert_eq!(rest.items[0].revision, first.revision);
    let shadow = t.store.reports(t.owner(), Some("shadow"), None, 10).await.unwrap();
    assert_eq!(bodies(&shadow.items), ["[2]", odd]);
    let other = Owner::parse("other").unwrap();
    t.store.apply(&Writer::new(other.clone()), vec![put_chat("c", r#"{"id":"c"}"#)]).await.unwrap();
    assert!(t.store.reports(&other, None, None, 10).await.unwrap().items.is_empty());
    let bad = t.store.reports(t.owner(), None, Some("x"), 10).await;
    assert!(matches!(bad, Err(StoreError::InvalidBody(_))));
    t.expect_sound().await;
}

pub async fn only_the_newest_reports_are_kept_and_no_credentials(t: Fixture) {
    let writes = (0..=KEPT).map(|n| add("shadow", &format!("[{n}]"))).collect();
    t.store.apply(&t.writer, writes).await.unwrap();
    let all = t.store.reports(t.owner(), None, None, KEPT * 2).await.unwrap();
    assert_eq!((all.items.len(), all.items[KEPT - 1].body.as_str()), (KEPT, "[1]"));
    t.apply(add("move", r#"{"apiKey":"sk-1"}"#)).await.unwrap();
    let newest = t.store.reports(t.owner(), Some("move"), None, 1).await.unwrap();
    assert!(!newest.items[0].body.as_str().contains("sk-1"));
}
