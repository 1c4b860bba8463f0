//! Databases of the first SQLite system, and their rows as they stand there.

#![allow(dead_code)]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const FILES: [&str; 6] = [
    "big-agi-data.db",
    "big-agi-chats.db",
    "big-agi-llms.db",
    "big-agi-metrics.db",
    "big-agi-personas.db",
    "big-agi-workspace.db",
];

/// Rows by the names of their columns.
pub type Rows = Vec<Value>;

pub fn bytes(name: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/first-system").join(format!("{name}.gz"));
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A database on disk, in a directory of its own that goes with this value.
pub struct Unpacked {
    directory: TempDir,
    path: PathBuf,
}

impl std::ops::Deref for Unpacked {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

pub fn unpacked(name: &str) -> Unpacked {
    written(name, &bytes(name))
}

pub fn written(name: &str, bytes: &[u8]) -> Unpacked {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Unpacked { directory, path }
}

/// A database after some SQL.
pub fn changed(name: &str, sql: &str) -> Unpacked {
    let file = unpacked(name);
    Connection::open(&*file).unwrap().execute_batch(sql).unwrap();
    file
}

pub fn rows(file: &Connection, sql: &str) -> Rows {
    let mut statement = file.prepare(sql).unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let found = statement.query_map([], |row| {
        let value = |at| -> rusqlite::Result<Value> {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => json!(n),
                ValueRef::Real(n) => json!(n),
                ValueRef::Text(text) => json!(std::str::from_utf8(text).unwrap()),
                ValueRef::Blob(_) => panic!("a blob"),
            })
        };
        columns.iter().enumerate().map(|(at, name)| Ok((name.clone(), value(at)?))).collect()
    });
    found.unwrap().collect::<Result<_, _>>().unwrap()
}

/// A database with these conversations, as that system saved them: the columns it had, `x || null` for many.
pub fn saved(conversations: &[Value]) -> Unpacked {
    let unpacked = unpacked("big-agi-chats.db");
    let file = Connection::open(&*unpacked).unwrap();
    file.execute_batch(
        "DELETE FROM conversations; DELETE FROM messages; DELETE FROM message_fragments;
        DELETE FROM message_generators; DELETE FROM message_metadata; DELETE FROM message_user_flags",
    )
    .unwrap();
    let or_null = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => Some(value.to_string()),
        Value::Number(number) if number.as_f64() != Some(0.0) => Some(number.to_string()),
        _ => None,
    };
    for chat in conversations {
        let columns = [
            or_null(&chat["id"]),
            or_null(&chat["userTitle"]),
            or_null(&chat["autoTitle"]),
            Some(if chat["isArchived"] == true { "1" } else { "0" }.to_owned()),
            or_null(&chat["userSymbol"]),
            or_null(&chat["systemPurposeId"]),
            Some(chat["created"].to_string()),
            or_null(&chat["updated"]),
            Some(chat["tokenCount"].to_string()),
        ];
        file.execute(
            "INSERT INTO conversations (id, user_title, auto_title, is_archived, user_symbol, system_purpose_id,
             created, updated, token_count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            rusqlite::params_from_iter(columns),
        )
        .unwrap();
        for message in chat["messages"].as_array().unwrap() {
            save_message(&file, &chat["id"], message, or_null);
        }
    }
    unpacked
}

fn save_message(
    file: &Connection,
    chat: &Value,
    message: &Value,
    or_null: impl Fn(&Value) -> Option<String>,
) {
    let run = |sql: &str, columns: &[Option<String>]| {
        file.execute(sql, rusqlite::params_from_iter(columns)).unwrap();
    };
    let id = or_null(&message["id"]);
    run(
        "INSERT INTO messages (id, conversation_id, role, purpose_id, token_count, created, updated)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            id.clone(),
            or_null(chat),
            or_null(&message["role"]),
            or_null(&message["purposeId"]),
            Some(message["tokenCount"].to_string()),
            Some(message["created"].to_string()),
            or_null(&message["updated"]),
        ],
    );
    if let Some(metadata) = message.get("metadata") {
        run(
            "INSERT INTO message_metadata (message_id, in_reference_to, entangled) VALUES (?1, ?2, ?3)",
            &[id.clone(), or_null(&metadata["inReferenceTo"]), or_null(&metadata["entangled"])],
        );
    }
    if let Some(generator) = message.get("generator") {
        run(
            "INSERT INTO message_generators (message_id, metrics) VALUES (?1, ?2)",
            &[id.clone(), or_null(&generator["metrics"])],
        );
    }
    for (place, fragment) in message["fragments"].as_array().unwrap().iter().enumerate() {
        run(
            "INSERT INTO message_fragments (id, message_id, fragment_type, fragment_order, title, part_type, part_data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                or_null(&fragment["fId"]),
                id.clone(),
                or_null(&fragment["ft"]),
                Some(place.to_string()),
                or_null(&fragment["title"]),
                or_null(&fragment["part"]["pt"]),
                or_null(&fragment["part"]),
            ],
        );
    }
}
