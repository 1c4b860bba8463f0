//! Files that are cut, damaged, of someone else or very large: a precise report, the rest where that is safe, never
//! a panic and never half of a file.

#![allow(clippy::unwrap_used, clippy::disallowed_types)] // Helpers of tests; they make databases to damage.

#[path = "support/damage.rs"]
mod damage;
#[path = "support/first_system.rs"]
mod first_system;
#[path = "support/fixtures.rs"]
mod fixtures;

use damage::{flips, small_databases, try_import};
use fixtures::{Database, FILES, text, value};
use holdfast::import::{self, ImportError, Options, Verdict};
use holdfast_store::{Kind, Owner};
use serde_json::{Value, json};

const PAGE: usize = 4_096;

#[test]
fn a_file_cut_anywhere_is_refused_with_the_place() {
    for name in FILES.into_iter().chain(["firefox/capture-all.json"]) {
        let whole = text(name);
        for end in (0..whole.len()).step_by(PAGE) {
            let error = import::read(&whole.as_bytes()[..end]).unwrap_err();
            assert!(matches!(error, ImportError::Json(_)), "{name} cut at {end}: {error}");
            let told = error.to_string();
            let place = told.contains("line") || told.contains("invalid UTF-8 at byte");
            assert!(place && told.contains("export or copy it again"), "{name} cut at {end}: {told}");
        }
    }
}

#[test]
fn a_database_cut_anywhere_is_refused_or_whole() {
    for (name, whole) in small_databases() {
        let intact = format!("{:?}", import::read(&whole).unwrap());
        for end in (PAGE..whole.len()).step_by(PAGE) {
            match import::read(&whole[..end]) {
                Ok(bundle) => assert_eq!(format!("{bundle:?}"), intact, "{name} cut at {end}"),
                Err(error) => {
                    assert!(matches!(error, ImportError::Database { .. }), "{name} cut at {end}: {error}");
                    assert!(error.to_string().contains(".recover"), "{error}");
                }
            }
        }
        assert!(import::read(&whole[..100]).is_err(), "{name} without its first page");
    }
}

/// Imports each damaged copy over the last one, so that a refused one would show what it left.
async fn assert_flips_are_survived(whole: &[u8], seed: u64) -> (usize, usize) {
    let database = Database::new();
    let overwrite = Options { overwrite: true, ..Options::default() };
    let (mut taken, mut refused) = (0, 0);
    for (at, damaged) in flips(whole, seed, 200) {
        let Ok(bundle) = import::read(&damaged) else {
            refused += 1;
            continue;
        };
        let before = database.hash().await;
        match try_import(&database, bundle, &overwrite).await {
            Ok(report) => {
                taken += 1;
                let notes: Vec<_> = report.files.iter().flat_map(|f| &f.notes).collect();
                assert!(notes.iter().all(|n| !n.reason.is_empty()), "bit {at}: {notes:?}");
            }
            Err(error) => {
                refused += 1;
                assert!(matches!(error, ImportError::Store(_)), "bit {at}: {error}");
                assert_eq!(database.hash().await, before, "bit {at}: half of the file is stored");
            }
        }
    }
    let checks = database.store.verify().await.unwrap();
    assert!(checks.iter().all(|check| check.problems.is_empty()), "{checks:?}");
    (taken, refused)
}

#[tokio::test]
async fn two_hundred_flipped_bits_of_a_backup_are_survived() {
    let (taken, refused) = assert_flips_are_survived(text("flash.json").as_bytes(), 7).await;
    assert_eq!(taken + refused, 200);
    assert!(
        taken > 50 && refused > 10,
        "{taken} taken, {refused} refused: the flips hit all kinds of places"
    );
}

#[tokio::test]
async fn two_hundred_flipped_bits_of_each_database_are_survived() {
    for (number, (name, whole)) in small_databases().into_iter().enumerate() {
        let (taken, refused) = assert_flips_are_survived(&whole, 11 + number as u64).await;
        assert_eq!(taken + refused, 200, "{name}");
    }
}

#[test]
fn what_is_no_file_of_the_app_is_named() {
    let named = |bytes: &[u8], expected: &[&str]| {
        let told = import::read(bytes).unwrap_err().to_string();
        assert!(expected.iter().all(|part| told.contains(part)), "{told}");
    };
    named(b"[{\"id\":\"a\",\"messages\":[]}]", &["an array", "export a flash backup"]);
    named(b"PK\x03\x04\x14\x00rest", &["a zip archive", "unpack it"]);
    named(b"\x1f\x8b\x08rest", &["a gzip file", "unpack it"]);
    named(b"", &["not a whole JSON file", "line 1"]);
    named(b"\xff\xfe{\x00", &["invalid UTF-8 at byte 0"]);
    named(b"# Chat\n\ntext", &["line 1"]);
    named(b"SQLite format 3\0", &["the file", "not a database"]);
    named(br#"{"schema":"holdfast.file","base64":"?"}"#, &["base64"]);
    named(br#"{"schema":"holdfast.file","base64":"e30="}"#, &["no SQLite database"]);
}

#[tokio::test]
async fn the_first_of_two_chats_with_one_id_is_kept_and_the_other_reported() {
    let database = Database::new();
    let chat = |title: &str| json!({"id": "twice", "userTitle": title, "messages": []});
    let file = json!({"conversations": [chat("a"), {"id": "other", "messages": []}, chat("b"), chat("a")]});
    let report = database.import_texts(&[file.to_string()], &Options::default()).await;
    let counts = report.total("conversations");
    assert_eq!((counts.found, counts.imported, counts.conflict, counts.unchanged), (4, 2, 1, 1));
    let note = &report.files[0].notes[0];
    assert_eq!((note.id.as_str(), note.verdict), ("twice", Verdict::Conflict));
    let chats = database.browser_value("app-chats").await["state"]["conversations"].clone();
    assert_eq!(chats, json!([chat("a"), {"id": "other", "messages": []}]));
}

#[tokio::test]
async fn other_apps_databases_and_records_of_unknown_shape_leave_the_rest_alone() {
    let mut capture = value("capture-all.json");
    let databases = capture["indexedDB"].as_array_mut().unwrap();
    let assets = databases.iter_mut().find(|d| d["name"] == "Big-AGI").unwrap();
    let records = assets["stores"][0]["records"].as_array_mut().unwrap();
    let known = records.len() as u64;
    let odd = [
        json!({"key": "no-data", "value": {"id": "no-data", "label": "x"}}),
        json!({"key": "other", "value": {"id": "own", "data": {"mimeType": "image/png", "base64": "AA=="}}}),
        json!({"key": 7, "value": {"id": "no base64", "data": {"mimeType": "image/png", "base64": "?"}}}),
        json!({"key": "text", "value": "a text"}),
        json!({"key": "none"}),
        json!(3),
    ];
    records.extend(odd);
    databases.push(
        json!({"name": "firebaseLocalStorage", "version": 1, "stores": [{"name": "a", "records": [1]}]}),
    );
    databases
        .push(json!({"name": "keyval-store", "stores": [{"name": "another", "records": [{"key": "x"}]}]}));
    databases.push(json!("no database"));
    let database = Database::new();
    let report = database.import_texts(&[capture.to_string()], &Options::default()).await;
    let counts = report.total("images and sounds");
    // Two are odd and have their own id: they are kept as they are.
    assert_eq!((counts.imported, counts.rejected), (known + 2, 4), "{:?}", report.files);
    assert_eq!(report.total("stores").skipped, 2);
    assert_eq!(report.total("conversations").imported, 6);
    let notes = &report.files[0].notes;
    assert_eq!(notes.len(), 4 + 2);
    assert!(notes.iter().all(|note| !note.reason.is_empty()), "{notes:?}");
    assert!(notes.iter().any(|n| n.id == "firebaseLocalStorage/a" && n.verdict == Verdict::Skipped));
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_named_by_table_and_number() {
    let file = first_system::changed(
        "big-agi-llms.db",
        "PRAGMA foreign_keys = 0; UPDATE llm_services SET setup = '{' WHERE id = 'openai'; UPDATE llm_models SET interfaces = x'00' WHERE rowid = 3;
         UPDATE llm_models SET label = 7.5 WHERE rowid = 4; 
         INSERT INTO llm_assignments (domain_id, model_id, temperature) VALUES ('odd', 'm', 'hot')",
    );
    let database = Database::new();
    let report = database.import_paths(&[&file], &Options::default()).await;
    let notes: Vec<_> = report.files[0].notes.iter().map(|n| (n.id.as_str(), n.reason.as_str())).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert_eq!(notes[0].0, "llm_services row 1");
    assert!(notes[0].1.starts_with("the column 'setup' is no JSON"), "{notes:?}");
    assert_eq!(notes[1], ("llm_models row 3", "the column 'interfaces' holds no text"));
    assert_eq!(notes[2], ("llm_assignments row 3", "the column 'temperature' holds no whole number"));
    assert_eq!(database.store.items(&Owner::local(), Kind::LlmModel).await.unwrap().len(), 19);
}

#[tokio::test]
async fn a_column_that_is_missing_is_no_empty_one() {
    let file = first_system::changed(
        "big-agi-llms.db",
        "ALTER TABLE llm_services RENAME COLUMN setup TO \"settings\"",
    );
    let report = Database::new().import_paths(&[&file], &Options::default()).await;
    assert_eq!(report.total("model services").rejected, 2);
    assert_eq!(report.total("models").imported, 20);
    assert_eq!(report.files[0].notes[0].reason, "the table has no column 'setup'");
}

#[tokio::test]
#[ignore = "40 s without optimisation: script/fuzz-import runs it"]
async fn a_hundred_thousand_small_chats_are_one_import() {
    let chats: Vec<String> = (0..100_000)
        .map(|n| {
            format!(r#"{{"id":"c{n}","messages":[{{"id":"m","role":"user","fragments":[]}}],"created":{n}}}"#)
        })
        .collect();
    let file = format!(r#"{{"conversations":[{}]}}"#, chats.join(","));
    let database = Database::new();
    let report =
        try_import(&database, import::read(file.as_bytes()).unwrap(), &Options::default()).await.unwrap();
    assert_eq!(report.total("conversations").imported, 100_000);
    assert_eq!(database.store.conversation_count(&Owner::local()).await.unwrap(), 100_000);
    let last = database.store.conversation(&Owner::local(), &fixtures::id("c99999")).await.unwrap().unwrap();
    assert_eq!(last.text, chats[99_999]);
}

#[tokio::test]
#[ignore = "75 s and 800 MB without optimisation: script/fuzz-import runs it"]
async fn a_message_of_two_hundred_megabytes_comes_back_whole() {
    let text = "ab\\n".repeat(50_000_000);
    let chat = format!(
        r#"{{"id":"c","messages":[{{"id":"m","fragments":[{{"ft":"content","part":{{"pt":"text","text":"{text}"}}}}]}}]}}"#
    );
    drop(text);
    let database = Database::new();
    let report =
        try_import(&database, import::read(chat.as_bytes()).unwrap(), &Options::default()).await.unwrap();
    assert_eq!(report.total("conversations").imported, 1);
    let stored = database.store.conversation(&Owner::local(), &fixtures::id("c")).await.unwrap().unwrap();
    assert!(stored.text == chat, "{} bytes of {}", stored.text.len(), chat.len());
    let value: Value = serde_json::from_str(&stored.text).unwrap();
    assert_eq!(value["messages"][0]["fragments"][0]["part"]["text"].as_str().unwrap().len(), 150_000_000);
}
