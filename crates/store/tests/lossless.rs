//! `get(put(x)) == x`, for generated conversations.

#![allow(clippy::unwrap_used)]

use holdfast_store::contract::{id, json, put_chat};
use holdfast_store::{OpenOptions, Owner, Writer, open};
use proptest::prelude::*;

/// Scalars as clients may write them, whether or not JavaScript could.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        prop::sample::select(vec!["0.10", "1e21", "9007199254740993", "1e400", "-0", "-0.0e-7", "1E+2"])
            .prop_map(str::to_owned),
        prop::sample::select(vec![
            r#""\u0000""#,
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""\/\b\f""#,
            r#""\u00e9é🚀""#
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|n| n.to_string()),
        ".{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "id2",
            "fragments",
            "role",
            "created",
            "generator",
            "userFlags",
            "ft",
            "a"
        ])
        .prop_map(|k| format!("\"{k}\"")),
        Just(r#""\ud800""#.to_owned()),
        "[a-z\\\\\"]{0,6}"
            .prop_map(|text| serde_json::to_string(&text).unwrap())
            .prop_filter("keys of the envelope are made elsewhere", |k| k != "\"id\"" && k != "\"messages\""),
    ]
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((key(), inner), 0..4).prop_map(|fields| object(&fields)),
        ]
    })
}

fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key} : {value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// A message: usually an object with an id, now and then something else.
fn message() -> impl Strategy<Value = String> {
    let with_id = (
        prop::sample::select(vec!["\"a\"", "\"b\"", "\"c\"", "7", "null"]),
        prop::collection::vec((key(), value()), 0..4),
    )
        .prop_map(|(id, mut fields)| {
            fields.insert(0, ("\"id\"".to_owned(), id.to_owned()));
            object(&fields)
        });
    prop_oneof![8 => with_id, 1 => value()]
}

fn conversation() -> impl Strategy<Value = String> {
    let messages = prop_oneof![
        8 => prop::collection::vec(message(), 0..8).prop_map(|m| Some(format!("[{}]", m.join(",")))),
        1 => Just(None),
        1 => Just(Some("null".to_owned())),
    ];
    (messages, prop::collection::vec((key(), value()), 0..5), 0_usize..6).prop_map(
        |(messages, mut fields, at)| {
            fields.insert(0, ("\"id\"".to_owned(), "\"c\"".to_owned()));
            if let Some(messages) = messages {
                fields.insert(at.min(fields.len()), ("\"messages\"".to_owned(), messages));
            }
            object(&fields)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn a_conversation_comes_back_as_it_was_put_however_often(versions in prop::collection::vec(conversation(), 1..4)) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&OpenOptions::sqlite(&directory.path().join("holdfast.db"))).unwrap();
        let writer = Writer::new(Owner::local());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for version in &versions {
                store.apply(&writer, vec![put_chat("c", json(version).as_str())]).await.unwrap();
                let back = store.conversation(&writer.owner, &id("c")).await.unwrap().unwrap();
                assert_eq!(&back.text, version);
            }
            for check in store.verify().await.unwrap() {
                assert!(check.problems.is_empty(), "{}: {:?}", check.name, check.problems);
            }
        });
    }
}
