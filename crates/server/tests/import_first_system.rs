//! The first SQLite system's databases: every row, read straight from them, is compared with what the store gives.

#![allow(clippy::unwrap_used, clippy::disallowed_types)] // Helpers of tests; they read other programs' databases.

#[path = "support/first_system.rs"]
mod first_system;
#[path = "support/fixtures.rs"]
mod fixtures;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use first_system::{FILES, Rows, changed, rows, unpacked};
use fixtures::{Database, id};
use holdfast::import::{self, Format, Options, Report};
use holdfast_store::{Kind, Owner};
use rusqlite::Connection;
use serde_json::{Value, json};

/// A value without the members that are null or absent there and here alike.
fn object(members: &[(&str, Value)]) -> Value {
    members.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
}

fn parsed(row: &Value, column: &str) -> Value {
    row[column].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

fn by_message(rows: &Rows) -> HashMap<String, Vec<Value>> {
    let mut found: HashMap<String, Vec<Value>> = HashMap::new();
    for row in rows {
        found.entry(row["message_id"].as_str().unwrap().to_owned()).or_default().push(row.clone());
    }
    found
}

async fn import(database: &Database, name: &str) -> Report {
    let report = database.import_paths(&[&unpacked(name)], &Options::default()).await;
    assert!(!report.has_problems(), "{name}: {:?}", report.files);
    report
}

async fn items(database: &Database, kind: Kind) -> Vec<(String, Value)> {
    let found = database.store.items(&Owner::local(), kind).await.unwrap();
    found.into_iter().map(|i| (i.id, serde_json::from_str(i.body.as_str()).unwrap())).collect()
}

#[tokio::test]
async fn every_row_of_the_chats_is_stored_or_accounted_for() {
    let file = Connection::open(&*unpacked("big-agi-chats.db")).unwrap();
    let conversations = rows(&file, "SELECT * FROM conversations");
    let messages = rows(&file, "SELECT * FROM messages ORDER BY rowid");
    let fragments = rows(&file, "SELECT * FROM message_fragments ORDER BY message_id, fragment_order");
    let generators = rows(&file, "SELECT * FROM message_generators");
    assert_eq!((conversations.len(), messages.len()), (227, 4470));
    assert_eq!((fragments.len(), generators.len()), (4517, 2253));
    let (fragments, generators) = (by_message(&fragments), by_message(&generators));
    let metadata = by_message(&rows(&file, "SELECT * FROM message_metadata"));
    let flags = by_message(&rows(&file, "SELECT * FROM message_user_flags ORDER BY id"));

    let database = Database::new();
    let report = import(&database, "big-agi-chats.db").await;
    let counts = report.total("conversations");
    assert_eq!((counts.found, counts.imported, counts.skipped), (227, 226, 1), "one is incognito");
    let (mut seen_fragments, mut seen_generators, mut seen_messages) = (0, 0, 0);
    for row in &conversations {
        let chat = row["id"].as_str().unwrap();
        let found = database.store.conversation(&Owner::local(), &id(chat)).await.unwrap();
        let own: Vec<&Value> = messages.iter().filter(|m| m["conversation_id"] == chat).collect();
        seen_messages += own.len();
        for message in &own {
            let key = message["id"].as_str().unwrap();
            seen_fragments += fragments.get(key).map_or(0, Vec::len);
            seen_generators += generators.get(key).map_or(0, Vec::len);
        }
        if row["is_incognito"] == 1 {
            assert!(found.is_none(), "{chat}");
            continue;
        }
        let stored: Value = serde_json::from_str(&found.unwrap().text).unwrap();
        let mut expected = object(&[
            ("id", row["id"].clone()),
            ("userTitle", row["user_title"].clone()),
            ("autoTitle", row["auto_title"].clone()),
            ("userSymbol", row["user_symbol"].clone()),
            ("systemPurposeId", row["system_purpose_id"].clone()),
            ("created", row["created"].clone()),
            ("tokenCount", row["token_count"].clone()),
        ]);
        expected["updated"] = row["updated"].clone();
        expected["messages"] = Value::Array(
            own.iter()
                .map(|m| {
                    let key = m["id"].as_str().unwrap();
                    expected_message(m, &fragments, generators.get(key), metadata.get(key), flags.get(key))
                })
                .collect(),
        );
        assert_eq!(stored, expected, "{chat}");
    }
    assert_eq!((seen_messages, seen_fragments, seen_generators), (4470, 4517 - 38, 2253 - 19));
    let lost = report.files[0].lost.join("\n");
    for left_over in ["38 fragments", "19 generators", "without messages there: 1 (DEL)", "originId"] {
        assert!(lost.contains(left_over), "{left_over}: {lost}");
    }
    assert_eq!(report.missing_assets, ["asset-0001", "asset-0002"]);
}

fn expected_message(
    row: &Value,
    fragments: &HashMap<String, Vec<Value>>,
    generator: Option<&Vec<Value>>,
    metadata: Option<&Vec<Value>>,
    flags: Option<&Vec<Value>>,
) -> Value {
    let own = fragments.get(row["id"].as_str().unwrap()).cloned().unwrap_or_default();
    let own = own.iter().map(|f| {
        object(&[
            ("ft", f["fragment_type"].clone()),
            ("fId", f["id"].clone()),
            ("title", f["title"].clone()),
            ("part", parsed(f, "part_data")),
        ])
    });
    let generator = generator.map_or(Value::Null, |g| {
        let name = if g[0]["llm_label"].is_null() { json!("unknown") } else { g[0]["llm_label"].clone() };
        object(&[
            ("mgt", json!("named")),
            ("name", name),
            ("llmId", g[0]["llm_id"].clone()),
            ("llmLabel", g[0]["llm_label"].clone()),
            ("metrics", parsed(&g[0], "metrics")),
        ])
    });
    let metadata = metadata.map_or(Value::Null, |m| {
        object(&[
            ("inReferenceTo", parsed(&m[0], "in_reference_to")),
            ("entangled", parsed(&m[0], "entangled")),
        ])
    });
    let flags = flags.map_or(Value::Null, |f| f.iter().map(|f| f["flag_type"].clone()).collect());
    let mut message = object(&[
        ("id", row["id"].clone()),
        ("role", row["role"].clone()),
        ("fragments", own.collect()),
        ("purposeId", row["purpose_id"].clone()),
        ("metadata", metadata),
        ("generator", generator),
        ("userFlags", flags),
        ("tokenCount", row["token_count"].clone()),
        ("created", row["created"].clone()),
    ]);
    message["updated"] = row["updated"].clone();
    message
}

#[tokio::test]
async fn every_service_model_and_assignment_is_stored() {
    let file = Connection::open(&*unpacked("big-agi-llms.db")).unwrap();
    let database = Database::new();
    import(&database, "big-agi-llms.db").await;
    let services = rows(&file, "SELECT * FROM llm_services ORDER BY rowid");
    let expected: Vec<_> = services
        .iter()
        .map(|s| json!({"id": s["id"], "label": s["label"], "vId": s["vendor_id"], "setup": parsed(s, "setup")}))
        .collect();
    let bodies = |found: Vec<(String, Value)>| found.into_iter().map(|(_, body)| body).collect::<Vec<_>>();
    assert_eq!(bodies(items(&database, Kind::LlmService).await), expected);
    let models = rows(&file, "SELECT * FROM llm_models ORDER BY rowid");
    assert_eq!((services.len(), models.len()), (2, 20));
    let number = |text: &Value| text.as_str().map_or(Value::Null, |t| t.parse::<i64>().unwrap().into());
    let expected: Vec<_> = models
        .iter()
        .map(|m| {
            let mut body = object(&[
                ("id", m["id"].clone()),
                ("label", m["label"].clone()),
                ("created", number(&m["created"])),
                ("updated", number(&m["updated"])),
                ("description", m["description"].clone()),
                ("trainingDataCutoff", m["training_data_cutoff"].clone()),
                ("interfaces", parsed(m, "interfaces")),
                ("inputTypes", parsed(m, "input_types")),
                ("benchmark", parsed(m, "benchmark")),
                ("pricing", parsed(m, "pricing")),
                ("parameterSpecs", json!([])),
                ("initialParameters", parsed(m, "initial_parameters")),
                ("sId", m["service_id"].clone()),
                ("vId", m["vendor_id"].clone()),
                ("userLabel", m["user_label"].clone()),
                ("userParameters", parsed(m, "user_parameters")),
                ("userStarred", if m["user_starred"] == 1 { json!(true) } else { Value::Null }),
            ]);
            body["contextTokens"] = m["context_tokens"].clone();
            body["maxOutputTokens"] = m["max_output_tokens"].clone();
            body
        })
        .collect();
    assert_eq!(bodies(items(&database, Kind::LlmModel).await), expected);
    let expected: Vec<_> = rows(&file, "SELECT * FROM llm_assignments ORDER BY rowid")
        .iter()
        .map(|a| {
            let body =
                json!({"mct": "model-parametric", "domainId": a["domain_id"], "modelId": a["model_id"]});
            (a["domain_id"].as_str().unwrap().to_owned(), body)
        })
        .collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(items(&database, Kind::LlmAssignment).await, expected);
    assert_eq!(database.browser_value("app-models").await["state"]["confServiceId"], "openai");
}

#[tokio::test]
async fn every_cost_entry_is_in_the_ledger_at_its_time_and_price() {
    let file = Connection::open(&*unpacked("big-agi-metrics.db")).unwrap();
    let database = Database::new();
    let report = import(&database, "big-agi-metrics.db").await;
    assert_eq!(report.total("usage rows").imported, 411);
    let sql = "SELECT *, unixepoch(created_at) * 1000 AS at FROM metrics_entries ORDER BY id DESC";
    let expected = rows(&file, sql);
    assert_eq!(expected.len(), 411);
    let stored = database.store.usage(&Owner::local(), None, 1_000).await.unwrap().items;
    let told: Vec<_> = stored
        .iter()
        .map(|u| {
            let hundredths = |nano: Option<i64>| nano.map(|n| n / 100_000);
            json!([
                u.service_id,
                u.at,
                hundredths(u.cost_nano),
                hundredths(u.savings_nano),
                u.tokens.input,
                u.tokens.output
            ])
        })
        .collect();
    let columns = ["service_id", "at", "costs_cents", "savings_cents", "input_tokens", "output_tokens"];
    let expected: Vec<Value> =
        expected.iter().map(|row| columns.iter().map(|c| row[*c].clone()).collect()).collect();
    assert_eq!(told, expected);
    let metrics: BTreeMap<_, _> = database
        .store
        .metrics(&Owner::local())
        .await
        .unwrap()
        .into_iter()
        .map(|m| (m.service_id, serde_json::from_str::<Value>(m.metrics.as_str()).unwrap()))
        .collect();
    // 12.5 cents, which that system showed as 12.5 dollars; 400 raced uses at a cent, of which it counted 38.
    assert_eq!(metrics["m2"]["totalCosts"], 0.125);
    assert_eq!((&metrics["race"]["usageCount"], &metrics["race"]["totalCosts"]), (&json!(400), &json!(4)));
    assert!(
        report.files[0].lost.iter().any(|l| l.contains("'race' had 38 uses; the 400")),
        "{:?}",
        report.files
    );
}

#[tokio::test]
async fn every_persona_and_workspace_is_stored() {
    let file = Connection::open(&*unpacked("big-agi-personas.db")).unwrap();
    let database = Database::new();
    import(&database, "big-agi-personas.db").await;
    let sql = "SELECT * FROM custom_personas ORDER BY creation_date DESC";
    let expected: Vec<_> = rows(&file, sql)
        .iter()
        .map(|p| {
            json!({"id": p["id"], "systemPrompt": p["system_prompt"], "creationDate": p["creation_date"],
                "inputText": p["input_text"]})
        })
        .collect();
    assert_eq!(expected.len(), 100);
    assert_eq!(database.browser_value("app-app-personas").await["state"]["simplePersonas"], json!(expected));
    let hidden = json!(["a49", "b49", "TOG"]);
    assert_eq!(database.browser_value("app-purpose").await["state"]["hiddenPurposeIDs"], hidden);

    import(&database, "big-agi-workspace.db").await;
    let expected = json!({"liveFilesByWorkspace": {"ok": ["1"]}});
    assert_eq!(database.browser_value("agi-client-workspace").await["state"], expected);
}

#[tokio::test]
async fn tables_that_are_empty_in_the_fixtures_are_read_too() {
    let database = Database::new();
    let stores = changed(
        "big-agi-data.db",
        r#"INSERT INTO stores (name, data, version) VALUES
            ('app-ui', '{"centerMode":"full","n":0.10}', 3), ('app-folders', '{"folders":[{"id":"f"}]}', 1),
            ('app-ux-labs', 'no json', 1)"#,
    );
    let metrics = changed(
        "big-agi-metrics.db",
        r#"INSERT INTO metrics_store (key, data, updated_at)
            VALUES ('metrics', '{"serviceMetrics":{"race":{"usageCount":7}}}', '2026-11-23 03:05:21')"#,
    );
    let personas = changed(
        "big-agi-personas.db",
        r#"INSERT INTO conversation_custom_prompts (conversation_id, system_prompt) VALUES ('R', 'Be "brief".');
        INSERT INTO custom_personas (id, name, system_prompt, creation_date, input_provenance_type,
            input_provenance_data) VALUES ('yt', 'Tube', 's', '2030-01-01', 'youtube', '{"url":"u","title":"t"}')"#,
    );
    let paths: [&Path; 3] = [&stores, &metrics, &personas];
    let report = database.import_paths(&paths, &Options::default()).await;
    let notes: Vec<_> = report.files.iter().flat_map(|f| &f.notes).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(notes[0].id, "stores row 3");
    assert!(notes[0].reason.contains("'data' is no JSON"), "{}", notes[0].reason);
    assert_eq!(
        database.browser_value("app-ui").await,
        json!({"state": {"centerMode": "full", "n": 0.1}, "version": 3})
    );
    assert_eq!(database.browser_value("app-folders").await["state"]["folders"][0]["id"], "f");
    assert_eq!(items(&database, Kind::ConversationPrompt).await, [("R".to_owned(), json!("Be \"brief\"."))]);
    let persona = &database.browser_value("app-app-personas").await["state"]["simplePersonas"][0];
    assert_eq!(persona["inputProvenance"], json!({"type": "youtube", "url": "u", "title": "t"}));
    // What the app had saved counts; of the entries only those after it.
    let after = "SELECT count(*) AS n FROM metrics_entries WHERE service_id = 'race' AND created_at > '2026-11-23 03:05:21'";
    let after = rows(&Connection::open(paths[1]).unwrap(), after)[0]["n"].as_i64().unwrap();
    let state = &database.browser_value("app-metrics").await["state"]["serviceMetrics"];
    assert_eq!(state["race"]["usageCount"], json!(7 + after));
    assert_eq!(state.get("m2"), None, "it came before, and what was saved does not have it");
    let again = database.import_paths(&paths, &Options::default()).await;
    assert_eq!(again.total("stores").conflict, 0, "{:?}", again.files);
    assert_eq!(again.total("usage rows").unchanged, 411);
}

#[tokio::test]
async fn a_second_import_changes_nothing() {
    let database = Database::new();
    let files = FILES.map(unpacked);
    let paths: Vec<&Path> = files.iter().map(|file| &**file).collect();
    database.import_paths(&paths, &Options::default()).await;
    let (hash, cursor) = (database.hash().await, database.store.cursor(&Owner::local()).await.unwrap());
    let again = database.import_paths(&paths, &Options::default()).await;
    for row in &again.totals {
        assert_eq!(row.counts.unchanged + row.counts.skipped, row.counts.found, "{}", row.noun);
    }
    assert_eq!(database.hash().await, hash);
    assert_eq!(database.store.cursor(&Owner::local()).await.unwrap(), cursor, "nothing was written");
    let checks = database.store.verify().await.unwrap();
    assert!(checks.iter().all(|check| check.problems.is_empty()), "{checks:?}");
}

#[tokio::test]
async fn the_full_chats_of_the_app_replace_what_that_system_kept_of_them() {
    // What it kept of the app's chats: by its own rules, written as its own tables.
    let flash = fixtures::value("flash.json");
    let chats = &fixtures::storage(&flash)["indexedDB"]["keyval-store"]["keyval"][0]["value"]["state"];
    let path = first_system::saved(chats["conversations"].as_array().unwrap());
    let database = Database::new();
    assert_eq!(database.import_paths(&[&path], &Options::default()).await.total("conversations").imported, 6);
    let report = database.import(&["flash.json"]).await;
    assert_eq!(report.total("conversations").replaced, 6, "{:?}", report.files);
    let poorer = database.import_paths(&[&path], &Options::default()).await;
    assert_eq!(poorer.total("conversations").unchanged, 6, "{:?}", poorer.files);
    assert_eq!(&database.browser_value("app-chats").await["state"]["conversations"], &chats["conversations"]);
}

#[test]
fn a_database_in_memory_is_read_as_one_on_disk() {
    for name in FILES {
        let path = unpacked(name);
        let by_bytes = import::read(&std::fs::read(&*path).unwrap()).unwrap();
        let by_path = import::read_path(&path).unwrap();
        assert_eq!(by_bytes.format, Format::FirstSystem);
        assert_eq!(format!("{by_bytes:?}"), format!("{by_path:?}"), "{name}");
    }
}

#[test]
fn other_databases_and_unsettled_ones_are_refused_with_the_reason() {
    let other = changed("big-agi-data.db", "DROP TABLE stores; CREATE TABLE moz_places (id)");
    let error = import::read_path(&other).unwrap_err().to_string();
    assert!(error.contains("'moz_places'") && error.contains("big-agi-*.db"), "{error}");

    let unsettled = unpacked("big-agi-data.db");
    std::fs::write(unsettled.with_file_name("big-agi-data.db-wal"), b"frames").unwrap();
    let error = import::read_path(&unsettled).unwrap_err().to_string();
    assert!(error.contains("-wal holds changes"), "{error}");
    assert!(
        import::read_path(&unsettled.with_file_name("none.db"))
            .unwrap_err()
            .to_string()
            .contains("cannot read it")
    );
}
