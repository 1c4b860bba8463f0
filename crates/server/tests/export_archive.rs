//! An archive of a database makes the same database again, and tells what of it was lost.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{Database, id};
use holdfast::export::{self, Format};
use holdfast::import::{self, Options, Report, Verdict};
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::store::Place;
use holdfast_store::{Json, Kind, Owner, Precondition, Write, Writer};
use serde_json::Value;

fn all(secrets: bool) -> export::Options {
    export::Options { device: String::new(), images: true, secrets, now: 0 }
}

async fn archive(database: &Database) -> String {
    fixtures::exported(database.store.as_ref(), Format::Archive, &all(true)).await
}

async fn write(database: &Database, writes: Vec<Write>) {
    database.store.apply(&Writer::new(Owner::local()), writes).await.unwrap();
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn document(name: &str, device: &str, data: &str, bare: bool) -> Write {
    let document = NewDocument {
        name: id(name),
        device: device.to_owned(),
        data: json(data),
        version: (!bare).then(|| json("3")),
        bare,
        beside: (!bare).then(|| json("{\"more\":[1.50,\n2]}")),
    };
    Write::PutDocument { document, mode: Mode::Replace, confirm: None, precondition: Precondition::None }
}

fn item(kind: Kind, name: &str, body: &str) -> Write {
    let (id, body) = (id(name), json(body));
    Write::PutItem { kind, id, body, place: Place::Usual, precondition: Precondition::None }
}

fn chat(name: &str, body: &str) -> Write {
    let (id, body) = (id(name), json(body));
    Write::PutConversation { id, body: body.into(), place: Place::Usual, precondition: Precondition::None }
}

/// A database beside another one with the same key: hashes of secrets are keyed.
fn beside(database: &Database) -> Database {
    Database::with_key(tempfile::tempdir().unwrap(), &database.directory.path().join("holdfast.key"))
}

/// What only an archive carries: devices, prompts, odd JSON in odd places.
async fn odd(database: &Database) {
    let deep = ["[".repeat(990), "]".repeat(990)].concat();
    write(
        database,
        vec![
            document("joy-mode", "laptop", "\"dark\"", true),
            document("joy-mode", "phone/…", "\"light\"", true),
            document("app-models", "phone/…", r#"{"sources":[{"id":"x","setup":{"oaiKey":"sk-2"}}]}"#, false),
            document("app-odd", "", "{ \"b\" : 1.0,\r\n \"b\" : 1e400, \"\\u0061\" : \"\\ud800\" }", false),
            document("app-deep", "", &deep, false),
            item(Kind::ConversationPrompt, "a chat/../x", "\"Be brief.\""),
            item(Kind::WorkspaceFiles, "w", "[\"f1\", \"f2\"]"),
            chat("first", "{\n  \"id\": \"first\",\n  \"messages\": [ {\"id\":\"m\",\"n\":1e400}, 7 ]\n}"),
            chat("../../odd", r#"{"id":"..\/..\/odd","messages":null,"x":{"a":1,"a":2}}"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_archive_makes_an_equal_database() {
    for file in ["flash-with-images.json", "capture-all.json"] {
        let database = Database::new();
        database.import(&[file]).await;
        odd(&database).await;
        let text = archive(&database).await;
        let copy = beside(&database);
        let report = copy.import_texts(std::slice::from_ref(&text), &Options::default()).await;
        assert!(!report.has_problems(), "{:?}", report.files);
        assert_eq!(report.files[0].format, "archive");
        assert_eq!(copy.hash().await, database.hash().await);
        let records = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        let (mut before, mut after) = (records(&text), records(&archive(&copy).await));
        // The cursors in the last lines differ, and the ledger's numbers may.
        for lines in [&mut before, &mut after] {
            lines.retain(|line| {
                !line.starts_with(r#"{"kind":"usage""#) && !line.starts_with(r#"{"kind":"end""#)
            });
        }
        assert_eq!(before, after);
    }
}

#[tokio::test]
async fn entities_that_were_stored_one_by_one_come_back_one_by_one() {
    let database = Database::new();
    write(
        &database,
        vec![
            chat("a", r#"{"id":"a","messages":[]}"#),
            chat("b", r#"{"id":"b","messages":[{"id":"1"}]}"#),
            chat("c", r#"{"id":"c"}"#),
            item(Kind::LlmService, "s", r#"{"id":"s","setup":{"oaiKey":"sk-1"}}"#),
            item(Kind::LlmModel, "m2", r#"{"id":"m2","sId":"s"}"#),
            item(Kind::LlmModel, "m1", r#"{"id":"m1","sId":"s"}"#),
            item(Kind::Folder, "f", r#"{"id":"f","conversationIds":["a"]}"#),
        ],
    )
    .await;
    let copy = beside(&database);
    let report = copy.import_texts(&[archive(&database).await], &Options::default()).await;
    assert!(!report.has_problems(), "{:?}", report.files);
    assert_eq!(copy.hash().await, database.hash().await);

    // With others in one command: a poorer file that has some of the same, and one with a store around them.
    let both = beside(&database);
    let more = r#"{"conversations":[{"id":"b","messages":[{"id":"1"}]},{"id":"x","messages":[]}],"models":{"sources":[{"id":"s2"}]}}"#;
    let texts = [archive(&database).await, more.to_owned(), archive(&database).await];
    let report = both.import_texts(&texts, &Options::default()).await;
    assert!(!report.has_problems(), "{:?}", report.files);
    assert_eq!(report.total("conversations").imported, 4);
    let models = both.browser_value("app-models").await;
    let ids = |member: &str| -> Vec<&str> {
        let list = models["state"][member].as_array().unwrap();
        list.iter().map(|held| held["id"].as_str().unwrap()).collect()
    };
    assert_eq!((ids("sources"), ids("llms")), (vec!["s", "s2"], vec!["m2", "m1"]));
}

#[tokio::test]
async fn an_empty_database_has_an_archive_too() {
    let database = Database::new();
    let text = archive(&database).await;
    assert_eq!(text.lines().count(), 2);
    let report = beside(&database).import_texts(&[text], &Options::default()).await;
    assert!(!report.has_problems() && report.totals.is_empty());
}

#[tokio::test]
async fn importing_an_archive_where_it_came_from_changes_nothing() {
    let database = Database::new();
    database.import(&["flash-with-images.json"]).await;
    odd(&database).await;
    let before = (database.hash().await, database.store.cursor(&Owner::local()).await.unwrap());
    let report = database.import_texts(&[archive(&database).await], &Options::default()).await;
    for row in &report.totals {
        assert_eq!(row.counts.unchanged, row.counts.found, "{}: {:?}", row.noun, report.files);
    }
    assert_eq!(before, (database.hash().await, database.store.cursor(&Owner::local()).await.unwrap()));
}

#[tokio::test]
async fn an_archive_is_merged_into_what_is_there() {
    let database = Database::new();
    database.import(&["flash-with-images.json"]).await;
    let text = archive(&database).await;
    let other = Database::new();
    write(&other, vec![chat("mine", r#"{"id":"mine","messages":[]}"#)]).await;
    let report = other.import_texts(&[text], &Options::default()).await;
    assert_eq!(report.total("conversations").imported, 6);
    assert_eq!(other.store.conversation_count(&Owner::local()).await.unwrap(), 7);
}

/// The archive of the fixture and its lines.
async fn fixture() -> (Database, Vec<String>) {
    let database = Database::new();
    database.import(&["flash-with-images.json"]).await;
    let lines = archive(&database).await.lines().map(str::to_owned).collect();
    (database, lines)
}

async fn import_lines(lines: &[String]) -> Report {
    Database::new().import_texts(&[lines.join("\n")], &Options::default()).await
}

fn rejections(report: &Report) -> Vec<String> {
    let notes = report.files.iter().flat_map(|f| &f.notes).filter(|n| n.verdict == Verdict::Rejected);
    notes.map(|n| format!("{} {}: {}", n.noun, n.id, n.reason)).collect()
}

fn at(lines: &[String], kind: &str) -> usize {
    lines.iter().position(|l| l.starts_with(&format!("{{\"kind\":\"{kind}\""))).unwrap()
}

#[tokio::test]
async fn a_cut_archive_gives_what_is_there_and_says_that_it_was_cut() {
    let (_, lines) = fixture().await;
    let first = at(&lines, "conversation");
    let mut cut = lines[..first + 3].to_vec();
    let half = cut[first + 2].len() / 2;
    cut[first + 2].truncate(half);
    let report = import_lines(&cut).await;
    let notes = rejections(&report);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains(&format!("line {}", first + 3)) && notes[0].contains("cut"), "{notes:?}");
    assert!(notes[1].contains("last line is missing"), "{notes:?}");
    assert_eq!(report.total("conversations").imported, 2);
    assert_eq!(report.total("models").imported, 9);
}

#[tokio::test]
async fn a_record_that_was_changed_is_left_out_and_named() {
    let (_, mut lines) = fixture().await;
    let place = at(&lines, "conversation");
    lines[place] = lines[place].replacen("\"role\":\"user\"", "\"role\":\"system\"", 1);
    let report = import_lines(&lines).await;
    let notes = rejections(&report);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("conversations ") && notes[0].contains("hash does not match"), "{notes:?}");
    assert_eq!(report.total("conversations").imported, 5);
}

#[tokio::test]
async fn lines_that_are_gone_are_counted() {
    let (_, mut lines) = fixture().await;
    let place = at(&lines, "conversation");
    lines.drain(place..place + 2);
    let notes = rejections(&import_lines(&lines).await);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("4 of 6 conversation"), "{notes:?}");
}

#[tokio::test]
async fn a_lost_document_costs_its_settings_and_not_its_entities() {
    let (_, mut lines) = fixture().await;
    let place = lines.iter().position(|l| l.starts_with(r#"{"kind":"document","id":"app-models""#)).unwrap();
    lines.remove(place);
    let report = import_lines(&lines).await;
    assert_eq!(rejections(&report).len(), 1);
    assert_eq!(report.total("models").imported, 9);
}

#[tokio::test]
async fn records_of_a_newer_holdfast_are_skipped_and_a_newer_format_is_refused() {
    let (_, mut lines) = fixture().await;
    let content = r#"{"kind":"hologram","id":"x","body":{}"#;
    let hash = blake3::hash(content.as_bytes()).to_hex();
    let end = lines.len() - 1;
    lines.insert(end, format!("{content},\"hash\":\"{hash}\"}}"));
    let report = import_lines(&lines).await;
    let skipped: Vec<_> = report.files[0].notes.iter().filter(|n| n.verdict == Verdict::Skipped).collect();
    assert!(skipped[0].reason.contains("hologram"), "{skipped:?}");
    assert_eq!(report.total("conversations").imported, 6);

    let newer = lines.join("\n").replacen("\"version\":1", "\"version\":2", 1);
    let error = import::read(newer.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("version is 2") && error.contains("newest"), "{error}");
}

#[tokio::test]
async fn a_masked_archive_says_so_and_takes_no_key_away() {
    let (database, _) = fixture().await;
    let text = fixtures::exported(database.store.as_ref(), Format::Archive, &all(false)).await;
    assert!(!text.contains("sk-mock") && text.contains("\"secrets\":\"masked\""));
    let models = database.browser_value("app-models").await;
    let overwrite = Options { overwrite: true, ..Options::default() };
    let report = database.import_texts(std::slice::from_ref(&text), &overwrite).await;
    assert_eq!(database.browser_value("app-models").await, models, "masks keep what is stored");
    assert!(archive(&database).await.contains("AIza-fake"));
    assert!(report.files[0].notes.iter().any(|n| n.id == "secrets" && n.reason.contains("masked")));
    let report = Database::new().import_texts(&[text], &Options::default()).await;
    assert!(!report.has_problems());
}

#[test]
fn every_kind_of_entity_is_documented_for_the_archive() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/archive-format.md");
    let documentation = std::fs::read_to_string(path).unwrap();
    for kind in Kind::ALL {
        assert!(documentation.contains(&format!("`{}`", kind.name())), "{}", kind.name());
    }
}

#[tokio::test]
async fn hashes_are_as_the_documentation_says() {
    let (_, lines) = fixture().await;
    let mut chain = blake3::Hasher::new();
    for (index, line) in lines.iter().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        let content = &line[..line.len() - 75];
        assert_eq!(record["hash"], blake3::hash(content.as_bytes()).to_hex().as_str());
        if index == lines.len() - 1 {
            assert_eq!(record["records"], chain.finalize().to_hex().as_str());
            assert_eq!(record["counts"]["conversation"], 6);
        }
        chain.update(record["hash"].as_str().unwrap().as_bytes());
    }
}
