//! Files of the real app go in, and the same comes out.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{Database, FILES, storage, text, value};
use holdfast::export::{self, Format};
use holdfast::import::{self, ImportError, Options, Verdict};
use holdfast_store::Owner;
use serde_json::Value;

async fn exported(database: &Database, images: bool) -> Value {
    let options = export::Options { device: String::new(), images, secrets: true, now: 0 };
    let text = fixtures::exported(database.store.as_ref(), Format::Flash, &options).await;
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_flash_backup_with_images_is_stored_whole() {
    let database = Database::new();
    let report = database.import(&["flash-with-images.json"]).await;
    assert!(!report.has_problems(), "{:?}", report.files);
    let storage = storage(&value("flash-with-images.json"));
    let local = storage["localStorage"].as_object().unwrap();
    assert_eq!(local.len(), 17);
    for (key, expected) in local {
        assert_eq!(&database.browser_value(key).await, expected, "{key}");
    }
    let chats = &storage["indexedDB"]["keyval-store"]["keyval"][0];
    assert_eq!(chats["key"], "app-chats");
    assert_eq!(database.browser_value("app-chats").await, chats["value"]);
    let assets = storage["indexedDB"]["Big-AGI"]["largeAssets"].as_array().unwrap();
    assert_eq!(assets.len(), 1);
    for asset in assets {
        assert_eq!(database.asset(asset["key"].as_str().unwrap()).await, asset["value"]);
    }
    assert_eq!(report.total("conversations").imported, 6);
    assert_eq!(report.total("stores").imported, 18, "17 keys and app-chats");
    assert_eq!(report.total("models").imported, 9);
}

/// A `Date` of the capture is its ISO text.
fn without_dates(value: &mut Value) {
    if let Some(text) = value.get("$date").cloned() {
        *value = text;
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_dates),
        Value::Object(fields) => fields.values_mut().for_each(without_dates),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn assert_capture_is_stored(file: &str, keys: usize) {
    let database = Database::new();
    let report = database.import(&[file]).await;
    assert!(!report.has_problems(), "{:?}", report.files);
    let capture = value(file);
    let local = capture["localStorage"].as_object().unwrap();
    assert_eq!(local.len(), keys);
    for (key, entry) in local {
        let raw = entry["raw"].as_str().unwrap();
        let expected = serde_json::from_str(raw).unwrap_or_else(|_| Value::from(raw));
        assert_eq!(database.browser_value(key).await, expected, "{key}");
    }
    for found in capture["indexedDB"].as_array().unwrap() {
        for record in found["stores"][0]["records"].as_array().unwrap() {
            let key = record["key"].as_str().unwrap();
            if found["name"] == "keyval-store" {
                let expected: Value = serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
                assert_eq!(database.browser_value(key).await, expected);
            } else {
                let mut expected = record["value"].clone();
                without_dates(&mut expected);
                assert_eq!(database.asset(key).await, expected);
            }
        }
    }
}

#[tokio::test]
async fn a_capture_of_the_whole_storage_is_stored_whole() {
    assert_capture_is_stored("capture-all.json", 18).await;
}

#[tokio::test]
async fn a_capture_from_firefox_is_stored_whole() {
    assert_capture_is_stored("firefox/capture-all.json", 9).await;
}

#[tokio::test]
async fn an_exported_flash_backup_equals_the_imported_one() {
    let with_images = Database::new();
    with_images.import(&["flash-with-images.json"]).await;
    let original = value("flash-with-images.json");
    let export = exported(&with_images, true).await;
    assert_eq!(storage(&export), storage(&original));
    for field in ["schema", "schemaVersion", "tenantSlug"] {
        assert_eq!(export[field], original[field], "{field}");
    }
    let kinds = |backup: &Value| backup["metadata"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(kinds(&export), kinds(&original));

    let without = Database::new();
    without.import(&["flash.json"]).await;
    assert_eq!(storage(&exported(&without, false).await), storage(&value("flash.json")));
}

#[tokio::test]
async fn an_export_that_may_not_show_secrets_has_none() {
    let database = Database::new();
    database.import(&["flash-with-images.json"]).await;
    let options = export::Options { device: String::new(), images: false, secrets: false, now: 0 };
    let text = fixtures::exported(database.store.as_ref(), Format::Flash, &options).await;
    for secret in ["sk-mock", "AIza-fake", "wss://example.test"] {
        assert!(exported(&database, false).await.to_string().contains(secret));
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_order_of_files_does_not_matter() {
    let keys = tempfile::tempdir().unwrap();
    let key_file = keys.path().join("holdfast.key");
    let mut hashes = Vec::new();
    for turn in 0..FILES.len() {
        for reversed in [false, true] {
            let mut files = FILES;
            files.rotate_left(turn);
            if reversed {
                files.reverse();
            }
            let database = Database::with_key(tempfile::tempdir().unwrap(), &key_file);
            let report = database.import(&files).await;
            assert!(!report.has_problems(), "{files:?}: {:?}", report.files);
            hashes.push((database.hash().await, files));
        }
    }
    for (hash, files) in &hashes {
        assert_eq!(hash, &hashes[0].0, "{files:?} as {:?}", hashes[0].1);
    }
}

#[tokio::test]
async fn a_second_import_finds_everything_unchanged() {
    let database = Database::new();
    database.import(&FILES).await;
    let (hash, cursor) = (database.hash().await, database.store.cursor(&Owner::local()).await.unwrap());
    let again = database.import(&FILES).await;
    for row in &again.totals {
        assert_eq!(row.counts.unchanged, row.counts.found, "{}", row.noun);
    }
    assert_eq!(database.hash().await, hash);
    assert_eq!(database.store.cursor(&Owner::local()).await.unwrap(), cursor, "nothing was written");
}

#[tokio::test]
async fn a_fuller_file_replaces_what_a_poorer_one_left_out() {
    let database = Database::new();
    let first = database.import(&["conversation.json"]).await;
    assert_eq!(first.total("conversations").imported, 1);
    let second = database.import(&["all-chats.json"]).await;
    assert_eq!(second.total("conversations").imported, 5);
    assert_eq!(second.total("conversations").unchanged, 1);
    let third = database.import(&["flash-with-images.json"]).await;
    assert!(!third.has_problems(), "{:?}", third.files);
    assert_eq!(third.total("conversations").replaced, 6);
    assert_eq!(storage(&exported(&database, true).await), storage(&value("flash-with-images.json")));
}

#[tokio::test]
async fn a_poorer_file_takes_nothing_away() {
    let database = Database::new();
    database.import(&["flash-with-images.json"]).await;
    let report = database.import(&["all-chats.json"]).await;
    assert!(!report.has_problems(), "{:?}", report.files);
    assert_eq!(report.total("conversations").unchanged, 6);
    assert_eq!(report.total("model services").unchanged, 1);
    assert_eq!(storage(&exported(&database, true).await), storage(&value("flash-with-images.json")));
}

#[tokio::test]
async fn all_chats_bring_services_and_folders_but_no_models() {
    let database = Database::new();
    database.import(&["all-chats.json"]).await;
    let file = value("all-chats.json");
    assert_eq!(database.browser_value("app-chats").await["state"]["conversations"], file["conversations"]);
    assert_eq!(database.browser_value("app-folders").await["state"], file["folders"]);
    let models = database.browser_value("app-models").await;
    assert_eq!(models["state"]["sources"], file["models"]["sources"]);
    assert_eq!(models["state"].get("llms"), None);
}

/// The flash backup with its chats edited.
fn edited(edit: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut backup = value("flash.json");
    let entry = &mut backup["storage"]["indexedDB"]["keyval-store"]["keyval"][0]["value"];
    let mut chats: Value = serde_json::from_str(entry.as_str().unwrap()).unwrap();
    edit(chats["state"]["conversations"].as_array_mut().unwrap());
    *entry = Value::from(chats.to_string());
    backup.to_string()
}

#[tokio::test]
async fn another_version_of_a_chat_is_a_conflict_unless_it_may_overwrite() {
    let database = Database::new();
    database.import(&["flash.json"]).await;
    let before = database.hash().await;
    let other = [edited(|chats| chats[2]["userTitle"] = Value::from("Another title"))];
    let report = database.import_texts(&other, &Options::default()).await;
    assert_eq!(report.total("conversations").conflict, 1);
    assert_eq!(report.total("conversations").unchanged, 5);
    assert!(report.has_problems());
    let note = &report.files[0].notes[0];
    assert_eq!(note.verdict, Verdict::Conflict);
    assert!(note.reason.contains("--overwrite"), "{}", note.reason);
    assert_eq!(database.hash().await, before);

    let overwrite = Options { overwrite: true, ..Options::default() };
    let report = database.import_texts(&other, &overwrite).await;
    assert_eq!(report.total("conversations").replaced, 1);
    assert!(!report.has_problems());
    let chats = database.browser_value("app-chats").await;
    assert_eq!(chats["state"]["conversations"][2]["userTitle"], "Another title");
}

#[tokio::test]
async fn another_value_of_a_setting_is_a_conflict_unless_it_may_overwrite() {
    let database = Database::new();
    database.import(&["flash.json"]).await;
    let mut backup = value("flash.json");
    let local = &mut backup["storage"]["localStorage"];
    local["app-ui"]["state"]["centerMode"] = Value::from("full");
    local["app-models"]["state"]["llms"][1]["label"] = Value::from("mine");
    local["app-models"]["state"]["llms"][0]["id"] = Value::from("a new one");
    local["app-folders"]["state"]["enableFolders"] = Value::from(false);
    local["app-folders"]["version"] = Value::from(1);
    let changed = [backup.to_string()];
    let report = database.import_texts(&changed, &Options::default()).await;
    assert_eq!(report.total("stores").conflict, 2, "{:?}", report.files);
    assert_eq!(report.total("models").conflict, 1);
    assert_eq!(report.total("models").imported, 1);
    let models = database.browser_value("app-models").await;
    let original = value("flash.json")["storage"]["localStorage"]["app-models"].clone();
    let llms = original["state"]["llms"].as_array().unwrap();
    assert_eq!(models["state"]["llms"].as_array().unwrap()[..9], llms[..]);
    assert_eq!(models["state"]["llms"][9]["id"], "a new one");
    assert_eq!(models["state"]["sources"], original["state"]["sources"]);

    database.import_texts(&changed, &Options { overwrite: true, ..Options::default() }).await;
    let local = &backup["storage"]["localStorage"];
    assert_eq!(database.browser_value("app-ui").await, local["app-ui"]);
    assert_eq!(database.browser_value("app-folders").await, local["app-folders"]);
}

#[tokio::test]
async fn new_chats_take_the_places_they_have_in_their_file() {
    let database = Database::new();
    let some = [edited(|chats| {
        chats.remove(5);
        chats.remove(3);
        chats.remove(0);
    })];
    database.import_texts(&some, &Options::default()).await;
    let report = database.import(&["flash.json"]).await;
    assert_eq!(report.total("conversations").imported, 3);
    let expected = &storage(&value("flash.json"))["indexedDB"]["keyval-store"]["keyval"][0]["value"];
    assert_eq!(&database.browser_value("app-chats").await, expected);
}

#[tokio::test]
async fn incognito_chats_are_skipped_and_broken_ones_rejected_and_the_rest_is_imported() {
    let database = Database::new();
    let file = [edited(|chats| {
        chats[0]["_isIncognito"] = Value::from(true);
        chats[1]["id"] = Value::from(7);
        chats[2]["id"] = Value::from("");
        chats[3] = Value::from("no chat");
    })];
    let report = database.import_texts(&file, &Options::default()).await;
    let counts = report.total("conversations");
    assert_eq!((counts.found, counts.imported, counts.skipped, counts.rejected), (6, 2, 1, 3));
    assert_eq!(report.files[0].notes.len(), 4);
    assert!(report.files[0].notes.iter().all(|n| !n.reason.is_empty()));
    let chats = database.browser_value("app-chats").await;
    assert_eq!(chats["state"]["conversations"].as_array().unwrap().len(), 2);
    assert_eq!(chats["version"], 4);
}

#[tokio::test]
async fn a_plan_that_is_not_applied_writes_nothing() {
    let database = Database::new();
    let before = (database.hash().await, database.store.cursor(&Owner::local()).await.unwrap());
    let inputs = FILES.iter().map(|name| import::Input {
        name: (*name).to_owned(),
        bundle: import::read(text(name).as_bytes()).unwrap(),
    });
    let options = Options::default();
    let plan =
        import::plan(database.store.as_ref(), &Owner::local(), inputs.collect(), &options, &|_| ()).await;
    let preview = plan.unwrap().preview();
    assert_eq!(preview.total("conversations").imported, 6);
    assert!(preview.dry_run);
    let after = (database.hash().await, database.store.cursor(&Owner::local()).await.unwrap());
    assert_eq!(after, before);
}

#[test]
fn half_a_file_is_refused_with_the_place_where_it_ends() {
    for name in FILES {
        let whole = text(name);
        let half = &whole.as_bytes()[..whole.len() / 2];
        let error = import::read(half).unwrap_err();
        assert!(matches!(error, ImportError::Json(_)), "{name}: {error}");
        assert!(error.to_string().contains("line"), "{error}");
    }
}

#[tokio::test]
async fn old_chats_and_other_entries_of_keyval_go_back_where_they_were() {
    let database = Database::new();
    let mut backup = value("flash.json");
    let keyval = backup["storage"]["indexedDB"]["keyval-store"]["keyval"].as_array_mut().unwrap();
    keyval.push(serde_json::json!({"key": "app-chats-v3", "value": "{\"state\":{\"old\":1},\"version\":3}"}));
    keyval.push(serde_json::json!({"key": "else", "value": "{\"state\":[],\"version\":0,\"more\":null}"}));
    database.import_texts(&[backup.to_string()], &Options::default()).await;
    assert_eq!(storage(&exported(&database, false).await), storage(&backup));
}

#[tokio::test]
async fn odd_json_is_kept_to_the_letter() {
    let database = Database::new();
    let chat = r#"{"id":"odd","messages":[{"id":"m","n":[0.1,1e21,9007199254740993,1e400,-0],"t":"\u0000 \ud800 \/"},{"id":"m"},7],"x":{"a":1,"a":2},"y":null}"#;
    let inner = format!(r#"{{"state":{{"conversations":[{chat}],"more":[1.50]}},"version":4}}"#);
    let setting = r#"{ "b" : 1.0, "b" : 1e400, "\u0061" : "\ud800" }"#;
    let file = format!(
        r#"{{"schema":"vnd.agi.flash-backup","storage":{{"localStorage":{{"app-odd":{{"state":{setting},"version":1}}}},"indexedDB":{{"keyval-store":{{"keyval":[{{"key":"app-chats","value":{}}}]}}}}}}}}"#,
        serde_json::to_string(&inner).unwrap()
    );
    database.import_texts(&[file], &Options::default()).await;
    let owner = Owner::local();
    let stored = database.store.conversation(&owner, &fixtures::id("odd")).await.unwrap().unwrap();
    assert_eq!(stored.text, chat);
    let options = export::Options { device: String::new(), images: false, secrets: true, now: 0 };
    let text = fixtures::exported(database.store.as_ref(), Format::Flash, &options).await;
    assert!(text.contains(setting), "{text}");
    assert!(text.contains(&serde_json::to_string(&inner).unwrap()), "{text}");
}

#[tokio::test]
async fn images_that_no_file_brings_are_named() {
    let database = Database::new();
    let report = database.import(&["flash.json"]).await;
    assert_eq!(report.missing_assets, ["QdMKVCG9RvAPv6vIqBpoV"]);
    assert!(!report.has_problems());
    assert!(database.import(&["flash-with-images.json"]).await.missing_assets.is_empty());
    let both = Database::new().import(&["conversation.json", "flash-with-images.json"]).await;
    assert!(both.missing_assets.is_empty());
}

#[tokio::test]
async fn device_local_stores_belong_to_the_device_that_is_named() {
    let database = Database::new();
    let options = Options { device: "laptop".to_owned(), ..Options::default() };
    database.import_texts(&[text("flash.json")], &options).await;
    let store = &database.store;
    let owner = Owner::local();
    let mode = fixtures::id("joy-mode");
    assert!(store.document(&owner, &mode, "", false).await.unwrap().is_none());
    assert!(store.document(&owner, &mode, "laptop", false).await.unwrap().is_some());
    let of_laptop = export::Options { device: "laptop".to_owned(), images: false, secrets: true, now: 0 };
    let text = fixtures::exported(store.as_ref(), Format::Flash, &of_laptop).await;
    assert_eq!(storage(&serde_json::from_str(&text).unwrap()), storage(&value("flash.json")));
    assert_eq!(exported(&database, false).await["storage"]["localStorage"].get("joy-mode"), None);
}
