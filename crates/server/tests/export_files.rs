//! Every format, read back: what was put in is in it, whatever its names and shapes.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _};

use async_trait::async_trait;
use fixtures::{Database, exported, exported_bytes, id, storage, value};
use holdfast::export::out::Sink;
use holdfast::export::{self, ExportError, Format, Job};
use holdfast::import::Options;
use holdfast_store::json::canonical;
use holdfast_store::store::Place;
use holdfast_store::{Json, Owner, Precondition, Write, Writer};
use serde_json::{Value, json};

fn whole() -> export::Options {
    export::Options { device: String::new(), images: true, secrets: true, now: 0 }
}

async fn filled() -> Database {
    let database = Database::new();
    database.import(&["flash-with-images.json"]).await;
    database
}

async fn put(database: &Database, chats: &[Value]) {
    let mut writes = Vec::new();
    for chat in chats {
        writes.push(Write::PutConversation {
            id: id(chat["id"].as_str().unwrap()),
            body: Json::parse(&chat.to_string()).unwrap().into(),
            place: Place::Usual,
            precondition: Precondition::None,
        });
    }
    database.store.apply(&Writer::new(Owner::local()), writes).await.unwrap();
}

async fn put_image(database: &Database, name: &str, label: &str, base64: &str) {
    let record = json!({"id": name, "label": label, "data": {"mimeType": "image/png", "base64": base64}});
    let write = Write::PutAsset {
        id: id(name),
        record: Json::parse(&record.to_string()).unwrap(),
        precondition: Precondition::None,
    };
    database.store.apply(&Writer::new(Owner::local()), vec![write]).await.unwrap();
}

/// The files of the Markdown export, by name.
async fn markdown(database: &Database) -> BTreeMap<String, Vec<u8>> {
    let bytes = exported_bytes(database.store.as_ref(), Format::Markdown, &whole()).await;
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let name = file.name().unwrap().into_owned();
        assert!(files.insert(name.clone(), content).is_none(), "{name} stands twice");
    }
    files
}

/// The only file whose name contains `part`.
fn find(files: &BTreeMap<String, Vec<u8>>, part: &str) -> (String, String) {
    let mut found = files.iter().filter(|(name, _)| name.contains(part));
    let (name, content) = found.next().unwrap_or_else(|| panic!("{part} is not in {:?}", files.keys()));
    assert!(found.next().is_none(), "{part} stands in several names");
    (name.clone(), String::from_utf8(content.clone()).unwrap())
}

fn text(part: &str) -> Value {
    json!({"ft": "content", "fId": "f", "part": {"pt": "text", "text": part}})
}

fn image(asset: &str) -> Value {
    json!({"ft": "attachment", "title": format!("see {asset}"), "part": {"pt": "reference", "rt": "zync",
        "_legacyImageRefPart": {"pt": "image_ref", "dataRef": {"reftype": "dblob", "dblobAssetId": asset}}}})
}

fn chat(name: &str, title: &str, fragments: &[Value]) -> Value {
    json!({"id": name, "userTitle": title, "created": 0, "messages": [
        {"id": "m1", "role": "user", "created": 0, "fragments": fragments}]})
}

#[tokio::test]
async fn all_chats_are_as_the_app_exports_them() {
    let database = filled().await;
    let file = exported(database.store.as_ref(), Format::AllChats, &whole()).await;
    let original = value("all-chats.json");
    let made: Value = serde_json::from_str(&file).unwrap();
    // Keys in another order and `userFlags: []`, which the app adds on load, make no difference.
    assert_eq!(canonical(&file), canonical(&fixtures::text("all-chats.json")));
    let keys = |file: &Value| file.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&made), keys(&original));

    let again = database.import_texts(std::slice::from_ref(&file), &Options::default()).await;
    for row in &again.totals {
        assert_eq!(row.counts.unchanged, row.counts.found, "{}", row.noun);
    }
    let copy = Database::new();
    let report = copy.import_texts(std::slice::from_ref(&file), &Options::default()).await;
    assert!(!report.has_problems() && report.files[0].format == "all chats", "{:?}", report.files);
    assert_eq!(exported(copy.store.as_ref(), Format::AllChats, &whole()).await, file);
}

#[tokio::test]
async fn all_chats_show_keys_only_where_they_may_be_shown() {
    let database = filled().await;
    assert!(exported(database.store.as_ref(), Format::AllChats, &whole()).await.contains("sk-mock"));
    let masked = export::Options { secrets: false, ..whole() };
    assert!(!exported(database.store.as_ref(), Format::AllChats, &masked).await.contains("sk-mock"));
}

#[tokio::test]
async fn an_empty_database_is_exported_in_every_format() {
    let database = Database::new();
    for format in Format::ALL {
        assert!(!exported_bytes(database.store.as_ref(), format, &whole()).await.is_empty());
    }
    assert!(markdown(&database).await.is_empty());
    let copy = Database::new();
    for format in [Format::Flash, Format::AllChats, Format::Archive] {
        let file = exported(database.store.as_ref(), format, &whole()).await;
        assert!(!copy.import_texts(&[file], &Options::default()).await.has_problems(), "{format:?}");
    }
}

#[tokio::test]
async fn markdown_has_every_message_and_every_image() {
    let database = filled().await;
    let files = markdown(&database).await;
    let chats = &storage(&value("flash-with-images.json"))["indexedDB"]["keyval-store"]["keyval"][0]["value"];
    let chats = chats["state"]["conversations"].as_array().unwrap();
    assert_eq!(files.keys().filter(|name| name.ends_with(".md")).count(), chats.len());
    for chat in chats {
        let key = format!("id: {}\n", chat["id"]);
        let mut found = files.values().map(|f| String::from_utf8_lossy(f)).filter(|f| f.contains(&key));
        let page = found.next().unwrap().into_owned();
        let messages = chat["messages"].as_array().unwrap();
        assert_eq!(page.matches("\n<!-- message ").count(), messages.len());
        assert!(page.contains(&format!("\nmessages: {}\n", messages.len())));
        assert!(page.contains(&format!("\ntokens: {}\n", chat["tokenCount"])));
        for message in messages {
            for fragment in message["fragments"].as_array().unwrap() {
                let part = &fragment["part"];
                for said in [&part["text"], &part["data"]["text"]].into_iter().filter_map(Value::as_str) {
                    assert!(page.contains(said), "{said} is not in {page}");
                }
            }
        }
    }
    let (_, page) = find(&files, "Notes & picture (renamed)");
    let folders = &value("all-chats.json")["folders"]["folders"];
    for folder in folders.as_array().unwrap() {
        let listed = format!("\nfolders: [{}]\n", folder["title"]);
        let count = files.values().filter(|f| String::from_utf8_lossy(f).contains(&listed)).count();
        assert_eq!(count, folder["conversationIds"].as_array().unwrap().len(), "{listed}");
    }
    let link = page.split("](images/").nth(1).unwrap().split(')').next().unwrap();
    let stored = database.store.assets(&Owner::local(), None, 10).await.unwrap();
    let data = database.store.asset_data(&Owner::local(), &id(&stored.items[0].id)).await.unwrap().unwrap();
    assert_eq!(files[&format!("images/{link}")], data.bytes);
    assert_eq!(files.len(), chats.len() + 1);
}

#[tokio::test]
async fn chats_with_odd_names_have_files_of_their_own() {
    let database = Database::new();
    let long = "long ".repeat(300);
    let titles = ["a/b\\c:*?", "same", "same", "🚀 日本語", &long, "", "CON", "../../x", "dots...", "SAME"];
    let ids = ["1", "../../etc/passwd", "3", "é/..", "5", "6", "C:\\x", "8", "9", "10"];
    let chats: Vec<Value> =
        titles.iter().zip(ids).map(|(title, name)| chat(name, title, &[text("said")])).collect();
    put(&database, &chats).await;
    let files = markdown(&database).await;
    assert_eq!(files.len(), chats.len());
    let lower: BTreeSet<String> = files.keys().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), chats.len(), "also where upper and lower case are one");
    for name in files.keys() {
        assert!(name.len() < 200 && !name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']), "{name}");
        assert!(!name.starts_with(['.', '-', ' ']) && !name.to_uppercase().starts_with("CON "), "{name}");
    }
    assert!(files.keys().any(|name| name.starts_with("🚀 日本語 ")));
    for chat in &chats {
        let title = format!("title: {}\n", chat["userTitle"]);
        assert!(files.values().any(|f| String::from_utf8_lossy(f).contains(&title)), "{title}");
    }
    let again = markdown(&database).await;
    assert_eq!(again, files, "names and contents are the same in each export");
}

#[tokio::test]
async fn odd_chats_lose_nothing_in_markdown() {
    let database = Database::new();
    for (name, label, bytes) in [("i1", "one.png", "AAEC"), ("i/2", "", "AwQ="), ("i3", "../three", "BQ==")] {
        put_image(&database, name, label, bytes).await;
    }
    let code = "```rust\nfn main() {\n    // --- <!-- message -->\n}\n```\n\n---\n# no heading of ours";
    let unknown = json!({"ft": "content", "part": {"pt": "hologram", "deep": {"x": [1, "```"]}}});
    put(
        &database,
        &[
            chat("full", "full", &[text(code), unknown.clone(), image("i1"), image("i/2"), image("i3")]),
            chat("gone", "gone", &[image("nowhere")]),
            chat("empty", "empty", &[]),
            json!({"id": "none", "userTitle": "none", "messages": []}),
            json!({"id": "bare", "userTitle": "bare"}),
            json!({"id": "odd", "userTitle": "odd", "messages": {"no": "array"}}),
        ],
    )
    .await;
    let files = markdown(&database).await;
    let (_, full) = find(&files, "full ");
    assert!(full.contains(code), "{full}");
    assert!(full.contains(&unknown.to_string()), "{full}");
    for (label, bytes) in [("see i1", vec![0, 1, 2]), ("see i/2", vec![3, 4]), ("see i3", vec![5])] {
        let link = full.split(&format!("![{label}](")).nth(1).unwrap().split(')').next().unwrap();
        assert_eq!(files[link], bytes);
    }
    let (_, gone) = find(&files, "gone ");
    assert!(gone.contains("Image missing: see nowhere (`nowhere`)"), "{gone}");
    for name in ["empty ", "none ", "bare "] {
        assert!(find(&files, name).1.contains("\nmessages: "));
    }
    assert!(find(&files, "odd ").1.contains(r#"{"no":"array"}"#));

    let left_out = export::Options { images: false, ..whole() };
    let bytes = exported_bytes(database.store.as_ref(), Format::Markdown, &left_out).await;
    let zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert!(zip.file_names().all(|name| name.unwrap().ends_with(".md")));
}

#[tokio::test]
async fn odd_chats_come_back_from_every_other_format() {
    let database = Database::new();
    put_image(&database, "i/1", "one", "AAEC").await;
    put(
        &database,
        &[
            chat("../../etc/passwd", "a/b 🚀", &[text("said"), image("i/1"), image("nowhere")]),
            chat("é\u{1F680}", "", &[json!({"ft": "void", "part": {"pt": "hologram", "n": 1}})]),
            json!({"id": "none", "messages": []}),
        ],
    )
    .await;
    for format in [Format::Flash, Format::AllChats, Format::Archive] {
        let copy = Database::new();
        let file = exported(database.store.as_ref(), format, &whole()).await;
        let report = copy.import_texts(&[file], &Options::default()).await;
        assert!(!report.has_problems(), "{format:?}: {:?}", report.files);
        for name in ["../../etc/passwd", "é\u{1F680}", "none"] {
            let read = async |from: &Database| {
                from.store.conversation(&Owner::local(), &id(name)).await.unwrap().unwrap().text
            };
            assert_eq!(read(&copy).await, read(&database).await, "{format:?}");
        }
        if format != Format::AllChats {
            assert_eq!(copy.asset("i/1").await, database.asset("i/1").await);
        }
        assert!(report.missing_assets.contains(&"nowhere".to_owned()));
    }
}

#[tokio::test]
async fn an_incognito_chat_is_in_no_format() {
    let database = Database::new();
    let hidden = json!({"conversations": [
        {"id": "seen", "messages": [], "userTitle": "seen"},
        {"id": "hidden", "messages": [], "userTitle": "unseen", "_isIncognito": true}]});
    database.import_texts(&[hidden.to_string()], &Options::default()).await;
    for format in Format::ALL {
        let bytes = exported_bytes(database.store.as_ref(), format, &whole()).await;
        assert!(!String::from_utf8_lossy(&bytes).contains("hidden"), "{format:?}");
    }
    assert_eq!(markdown(&database).await.len(), 1);
}

/// Remembers the largest piece.
#[derive(Default)]
struct Largest {
    piece: usize,
    total: usize,
}

#[async_trait]
impl Sink for Largest {
    async fn take(&mut self, piece: Vec<u8>) -> Result<(), ExportError> {
        self.piece = self.piece.max(piece.len());
        self.total += piece.len();
        Ok(())
    }
}

#[tokio::test]
async fn an_export_is_handed_over_in_pieces() {
    let database = Database::new();
    // No pattern that a zip would make small.
    let noise = |seed: u32| -> String {
        let mut bytes = vec![0; 100_000];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes.into_iter().map(|b| char::from(b'0' + b % 64)).collect()
    };
    let chats: Vec<Value> = (0..60).map(|n| chat(&format!("c{n}"), "big", &[text(&noise(n))])).collect();
    put(&database, &chats).await;
    let options = whole();
    for format in Format::ALL {
        let mut sink = Largest::default();
        let done = std::sync::atomic::AtomicU64::new(0);
        let progress = |count| done.store(count, std::sync::atomic::Ordering::Relaxed);
        let owner = Owner::local();
        let job =
            Job { store: database.store.as_ref(), owner: &owner, options: &options, progress: &progress };
        let (counts, size) = export::write(format, &job, &mut sink).await.unwrap();
        assert_eq!((counts["conversation"], size), (60, sink.total as u64), "{format:?}");
        assert_eq!(done.into_inner(), 60);
        assert!(
            sink.total > 4_000_000 && sink.piece < 600_000,
            "{format:?}: {} of {}",
            sink.piece,
            sink.total
        );
    }
}
