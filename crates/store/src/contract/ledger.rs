//! Costs.

use super::{Fixture, id, json};
use crate::document::{Mode, NewDocument};
use crate::store::{Effect, Write};
use crate::usage::CostEntry;
use crate::{Json, Precondition};

fn entry(service: &str, nano: i64) -> Write {
    Write::AddCost(CostEntry {
        service_id: service.to_owned(),
        cost_nano: Some(nano),
        savings_nano: Some(1),
        code: Some("free".to_owned()),
        input_tokens: 10,
        output_tokens: 2,
        debug_source: None,
        at: None,
        ledger_key: None,
    })
}

async fn metrics(t: &Fixture, service: &str) -> Option<Json> {
    let all = t.store.metrics(t.owner()).await.unwrap();
    all.into_iter().find(|m| m.service_id == service).map(|m| m.metrics)
}

pub async fn cost_entries_are_all_counted_once(t: Fixture) {
    let (store, writer) = (std::sync::Arc::clone(&t.store), t.writer.clone());
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let (store, writer) = (std::sync::Arc::clone(&store), writer.clone());
            tokio::spawn(async move { store.apply(&writer, vec![entry("openai", 40_000)]).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let metrics = metrics(&t, "openai").await.unwrap();
    let expected =
        [("usageCount", "200"), ("totalCosts", "0.008"), ("totalInputTokens", "2000"), ("freeUsages", "200")];
    for (name, value) in expected {
        assert_eq!(metrics.get(name), Some(value), "{name}");
    }
}

pub async fn clearing_a_service_leaves_the_others(t: Fixture) {
    t.apply(entry("a", 1_000)).await.unwrap();
    t.apply(entry("b", 1_000)).await.unwrap();
    t.apply(Write::ClearMetrics { service: Some("a".to_owned()) }).await.unwrap();
    assert_eq!(metrics(&t, "a").await, None);
    assert!(metrics(&t, "b").await.is_some());
    t.apply(entry("a", 1_000)).await.unwrap();
    assert_eq!(metrics(&t, "a").await.unwrap().get("usageCount"), Some("1"));
    t.apply(Write::ClearMetrics { service: None }).await.unwrap();
    assert!(t.store.metrics(t.owner()).await.unwrap().is_empty());
    assert_eq!(t.store.usage(t.owner(), None, 10).await.unwrap().items.len(), 3, "the ledger only grows");
}

pub async fn an_entry_with_a_ledger_key_counts_once_and_when_it_happened(t: Fixture) {
    let keyed = |at| match entry("a", 1_000) {
        Write::AddCost(entry) => {
            Write::AddCost(CostEntry { at: Some(at), ledger_key: Some([7; 16]), ..entry })
        }
        other => other,
    };
    t.apply(entry("a", 1_000)).await.unwrap();
    assert_eq!(t.apply(keyed(5)).await.unwrap().effect, Effect::Created);
    assert_eq!(t.apply(keyed(6)).await.unwrap().effect, Effect::Unchanged);
    let known = t.store.known_usage(t.owner(), vec![[7; 16], [8; 16]]).await.unwrap();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [[7; 16]]);
    let metrics = metrics(&t, "a").await.unwrap();
    assert_eq!((metrics.get("usageCount"), metrics.get("firstUsageDate")), (Some("2"), Some("5")));
}

pub async fn copies_of_an_answer_are_one_row_of_the_ledger(t: Fixture) {
    let chat = |id: &str, metrics: &str| {
        format!(
            r#"{{"id":"{id}","messages":[{{"id":"m","created":7,"generator":{{"mgt":"aix","name":"n","aix":{{"vId":"openai","mId":"x"}},"metrics":{metrics}}}}}]}}"#
        )
    };
    t.put_chat("a", &chat("a", r#"{"$c":0.164,"TIn":208}"#)).await;
    t.put_chat("b", &chat("b", r#"{"$c":0.164,"TIn":208}"#)).await;
    let rows = t.store.usage(t.owner(), None, 10).await.unwrap().items;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].cost_nano, rows[0].tokens.input, rows[0].at), (Some(1_640_000), Some(208), 7));
    t.put_chat("b", &chat("b", r#"{"$c":0.2}"#)).await;
    assert_eq!(t.store.usage(t.owner(), None, 10).await.unwrap().items.len(), 2, "a retry counts again");
    t.apply(Write::DeleteConversation { id: id("a"), precondition: Precondition::None }).await.unwrap();
    assert_eq!(t.store.usage(t.owner(), None, 10).await.unwrap().items.len(), 2);
}

pub async fn the_saved_metrics_are_a_baseline(t: Fixture) {
    let state =
        r#"{"serviceMetrics":{"openai":{"totalCosts":0.029437999999999995,"usageCount":21,"x":1}},"y":2}"#;
    let save = Write::PutDocument {
        document: NewDocument {
            name: id("app-metrics"),
            device: String::new(),
            data: json(state),
            version: Some(json("0")),
            bare: false,
            beside: None,
        },
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::None,
    };
    t.apply(entry("openai", 5)).await.unwrap();
    t.apply(save.clone()).await.unwrap();
    assert_eq!(t.document("app-metrics").await.unwrap().data.unwrap().as_str(), state, "verbatim");
    t.apply(entry("openai", 1_000_000_000)).await.unwrap();
    let with = metrics(&t, "openai").await.unwrap();
    assert_eq!(
        (with.get("totalCosts"), with.get("usageCount"), with.get("x")),
        (Some("1.029438"), Some("22"), Some("1"))
    );
    t.apply(save).await.unwrap();
    assert_eq!(t.document("app-metrics").await.unwrap().data.unwrap().as_str(), state);
}
