//! Whatever JSON the app may have stored, an export of an import is the same text, value for value.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::Database;
use holdfast::export::{self, Format};
use holdfast::import::Options;
use holdfast_store::Json;
use proptest::prelude::*;

/// JSON as text: numbers, strings and keys that a parsed value would not keep.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "0",
            "-0",
            "0.1",
            "1.0",
            "1e21",
            "1e400",
            "9007199254740993",
            "\"\"",
            "[]",
            "{}",
        ])
        .prop_map(str::to_owned),
        any_string(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,\n"))),
            prop::collection::vec((any_string(), inner), 0..4).prop_map(|fields| {
                let fields: Vec<String> = fields.into_iter().map(|(k, v)| format!("{k}: {v}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn any_string() -> impl Strategy<Value = String> {
    let pieces =
        prop::sample::select(vec!["a", "é", "🚀", "\\u0000", "\\ud800", "\\/", "\\n", "\\\"", "apiKey", " "]);
    prop::collection::vec(pieces, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn flash(values: &[String], chats: &[String]) -> String {
    let local: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(n, value)| format!("\"app-any-{n}\":{{\"state\":{value},\"version\":{n}}}"))
        .collect();
    let chats: Vec<String> = chats
        .iter()
        .enumerate()
        .map(|(n, value)| {
            format!("{{\"id\":\"c{n}\",\"x\":{value},\"messages\":[{{\"id\":\"m\",\"y\":{value}}},{value}]}}")
        })
        .collect();
    let inner = format!("{{\"state\":{{\"conversations\":[{}]}},\"version\":4}}", chats.join(","));
    format!(
        "{{\"schema\":\"vnd.agi.flash-backup\",\"storage\":{{\"localStorage\":{{{}}},\"indexedDB\":{{\"keyval-store\":{{\"keyval\":[{{\"key\":\"app-chats\",\"value\":{}}}]}}}}}}}}",
        local.join(","),
        Json::string(&inner).as_str()
    )
}

async fn check(values: &[String], chats: &[String]) {
    let database = Database::new();
    let file = flash(values, chats);
    let report = database.import_texts(std::slice::from_ref(&file), &Options::default()).await;
    assert!(!report.has_problems(), "{:?}", report.files);
    let options = export::Options { device: String::new(), images: false, secrets: true, now: 0 };
    let text = fixtures::exported(database.store.as_ref(), Format::Flash, &options).await;
    let (file, export) = (Json::parse(&file).unwrap(), Json::parse(&text).unwrap());
    let storage = |json: &Json| Json::parse(json.get("storage").unwrap()).unwrap();
    let (file, export) = (storage(&file), storage(&export));
    for part in ["localStorage", "indexedDB"] {
        let (stored, sent) = (export.get(part).unwrap(), file.get(part).unwrap());
        assert_eq!(stored.len(), sent.len(), "{stored}\n{sent}");
        for member in holdfast_store::json::members(sent).unwrap() {
            assert_eq!(holdfast_store::json::member(stored, &member.key()), Some(member.value));
        }
    }
    let archive = fixtures::exported(database.store.as_ref(), Format::Archive, &options).await;
    let key_file = database.directory.path().join("holdfast.key");
    let copy = Database::with_key(tempfile::tempdir().unwrap(), &key_file);
    copy.import_texts(&[archive], &Options::default()).await;
    assert_eq!(copy.hash().await, database.hash().await, "an archive makes an equal database");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_export_of_an_import_is_the_same_text(
        values in prop::collection::vec(any_json(), 0..5),
        chats in prop::collection::vec(any_json(), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&values, &chats));
    }
}
