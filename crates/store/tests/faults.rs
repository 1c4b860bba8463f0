//! What the store does when the disk, the file or the key is not as it should be.

#![allow(clippy::disallowed_types, reason = "faults are made behind the store's back")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use holdfast_store::contract::{chat_with, id, json, put_chat};
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::url::Access;
use holdfast_store::{OpenOptions, Owner, Precondition, Store, StoreError, Write, Writer, open};

fn writer() -> Writer {
    Writer::new(Owner::local())
}

async fn put(store: &Arc<dyn Store>, chat: &str, text: &str) -> Result<(), StoreError> {
    store
        .apply(&writer(), vec![put_chat(chat, &chat_with(chat, &[("m", text)]))])
        .await
        .map(drop)
        .map_err(Into::into)
}

async fn chats(store: &Arc<dyn Store>) -> usize {
    store.conversation_keys(&Owner::local(), holdfast_store::store::Order::List, 0).await.unwrap().len()
}

async fn expect_sound(store: &Arc<dyn Store>) {
    for check in store.verify().await.unwrap() {
        assert!(check.problems.is_empty(), "{}: {:?}", check.name, check.problems);
    }
}

/// A file system of a few megabytes, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "this test mounts a small tmpfs: run it as root");
        Self(directory)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|s| s.success()), "{} stays mounted", self.0.path().display());
    }
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_service_resumes_when_there_is_room() {
    let disk = SmallDisk::mount();
    let store = open(&OpenOptions::sqlite(&disk.0.path().join("holdfast.db"))).unwrap();
    put(&store, "before", "1").await.unwrap();
    std::fs::write(disk.0.path().join("filler"), vec![0; 10_000_000]).unwrap();
    let large = "x".repeat(100_000);
    let mut stored = 1;
    let failure = loop {
        match put(&store, &format!("c{stored}"), &large).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1_000, "the disk was never full");
    };
    assert_eq!(failure, StoreError::DiskFull);
    assert_eq!(chats(&store).await, stored, "what was acknowledged is there, and nothing else");
    std::fs::remove_file(disk.0.path().join("filler")).unwrap();
    put(&store, "after", "1").await.unwrap();
    assert_eq!(chats(&store).await, stored + 1);
    expect_sound(&store).await;
}

#[tokio::test]
async fn a_locked_file_is_an_error_within_a_limit_and_service_resumes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("holdfast.db");
    let mut options = OpenOptions::sqlite(&path);
    options.busy_timeout_ms = 50;
    let store = open(&options).unwrap();
    put(&store, "a", "1").await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(put(&store, "b", "1").await, Err(StoreError::Busy));
    assert_eq!(chats(&store).await, 1, "reads go on");
    other.execute_batch("ROLLBACK").unwrap();
    put(&store, "b", "1").await.unwrap();
    expect_sound(&store).await;
}

#[tokio::test]
async fn a_file_open_for_reading_refuses_writes_and_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("holdfast.db");
    let store = open(&OpenOptions::sqlite(&path)).unwrap();
    put(&store, "a", "1").await.unwrap();
    let options = OpenOptions { access: Access::ReadOnly, ..OpenOptions::sqlite(&path) };
    let reader = open(&options).unwrap();
    assert_eq!(chats(&reader).await, 1);
    assert_eq!(put(&reader, "b", "1").await, Err(StoreError::ReadOnly));
    put(&store, "b", "1").await.unwrap();
    assert_eq!(chats(&reader).await, 2, "beside the one that writes");
}

#[tokio::test]
async fn other_files_are_refused_and_left_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text");
    std::fs::write(&text, "not a database, but long enough to be mistaken for one".repeat(50)).unwrap();
    let foreign = directory.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    for path in [text, foreign] {
        let before = std::fs::read(&path).unwrap();
        let refused = open(&OpenOptions::sqlite(&path)).err();
        assert!(matches!(refused, Some(StoreError::NotHoldfast(_) | StoreError::Corrupt(_))), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    let absent =
        OpenOptions { access: Access::ReadOnly, ..OpenOptions::sqlite(&directory.path().join("none")) };
    assert!(matches!(open(&absent).err(), Some(StoreError::Unavailable(_))));
}

fn secret(value: &str) -> Write {
    Write::PutDocument {
        document: NewDocument {
            name: id("app-module-google-search"),
            device: String::new(),
            data: json(&format!(r#"{{"googleCloudApiKey":"{value}"}}"#)),
            version: None,
            bare: false,
            beside: None,
        },
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::None,
    }
}

/// Every file of a directory, one after another.
fn bytes_on_disk(directory: &Path) -> Vec<u8> {
    std::fs::read_dir(directory).unwrap().flat_map(|f| std::fs::read(f.unwrap().path()).unwrap()).collect()
}

#[tokio::test]
async fn secrets_are_ciphertext_on_the_disk_history_included() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&OpenOptions::sqlite(&directory.path().join("holdfast.db"))).unwrap();
    for value in ["AIza-first-secret", "AIza-second-secret"] {
        store.apply(&writer(), vec![secret(value)]).await.unwrap();
    }
    let service = Write::PutItem {
        kind: holdfast_store::Kind::LlmService,
        id: id("openai"),
        body: json(r#"{"id":"openai","setup":{"oaiKey":"sk-third-secret"}}"#),
        place: Default::default(),
        precondition: Precondition::None,
    };
    store.apply(&writer(), vec![service]).await.unwrap();
    let odd = |name: &str, device: &str, data: &str, beside: Option<&str>| Write::PutDocument {
        document: NewDocument {
            name: id(name),
            device: device.to_owned(),
            data: json(data),
            version: None,
            bare: false,
            beside: beside.map(json),
        },
        mode: Mode::Replace,
        confirm: None,
        precondition: Precondition::None,
    };
    for write in [
        odd("app-x", "", "{}", Some(r#"{"apiKey":"fourth-secret"}"#)),
        odd("app-x", "", r#"{"a":1}"#, Some(r#"{"apiKey":"fifth-secret"}"#)),
        odd("app-models", "", r#"{"sources":{"o":{"oaiKey":"sixth-secret"}}}"#, None),
        odd("app-models", "phone", r#"{"sources":[{"id":"o","oaiKey":"seventh-secret"}]}"#, None),
    ] {
        store.apply(&writer(), vec![write]).await.unwrap();
    }
    let beside = store.document(&Owner::local(), &id("app-x"), "", false).await.unwrap().unwrap().beside;
    assert_eq!(beside.unwrap().as_str(), r#"{"apiKey":"fifth-secret"}"#);
    drop(store);
    let bytes = bytes_on_disk(directory.path());
    for value in
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"].map(|n| format!("{n}-secret"))
    {
        assert!(!bytes.windows(value.len()).any(|w| w == value.as_bytes()), "{value} is on the disk");
    }
}

#[tokio::test]
async fn a_lost_key_is_refused_by_name_and_can_be_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let options = OpenOptions::sqlite(&directory.path().join("holdfast.db"));
    let store = open(&options).unwrap();
    put(&store, "c", "1").await.unwrap();
    assert!(!options.key_file.exists(), "no key before there is a secret");
    store.apply(&writer(), vec![secret("AIza")]).await.unwrap();
    drop(store);
    std::fs::remove_file(&options.key_file).unwrap();
    assert_eq!(open(&options).err(), Some(StoreError::WrongKey(options.key_file.clone())));
    std::fs::write(&options.key_file, "ab".repeat(32)).unwrap();
    assert_eq!(open(&options).err(), Some(StoreError::WrongKey(options.key_file.clone())));
    let store = open(&OpenOptions { forget_secrets: true, ..options.clone() }).unwrap();
    assert_eq!(chats(&store).await, 1, "chats are never hostage");
    let names =
        std::fs::read_dir(directory.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        names.filter(|n| n.starts_with("holdfast.db.sealed-")).count(),
        1,
        "what only the key opens is kept"
    );
    assert!(
        store.document(&Owner::local(), &id("app-module-google-search"), "", false).await.unwrap().is_none()
    );
    store.apply(&writer(), vec![secret("AIza-new")]).await.unwrap();
    expect_sound(&store).await;
    drop(store);
    drop(open(&options).unwrap());
    std::fs::remove_file(&options.key_file).unwrap();
    drop(open(&OpenOptions { forget_secrets: true, ..options.clone() }).unwrap());
    let names =
        std::fs::read_dir(directory.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|n| n.contains(".sealed-")).count(), 2, "each time a copy of its own");
}

#[tokio::test]
async fn a_damaged_key_file_hinders_nobody_before_there_is_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let options = OpenOptions::sqlite(&directory.path().join("holdfast.db"));
    std::fs::write(&options.key_file, "").unwrap();
    let store = open(&options).unwrap();
    put(&store, "c", "1").await.unwrap();
    store.apply(&writer(), vec![secret("AIza")]).await.unwrap();
    drop(store);
    expect_sound(&open(&options).unwrap()).await;
}

#[tokio::test]
async fn verify_names_what_was_changed_behind_its_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("holdfast.db");
    let store = open(&OpenOptions::sqlite(&path)).unwrap();
    put(&store, "c", "1").await.unwrap();
    drop(store);
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("UPDATE messages SET role = 'x'; UPDATE conversations SET message_count = 9")
        .unwrap();
    drop(other);
    let store = open(&OpenOptions::sqlite(&path)).unwrap();
    let failed: Vec<_> =
        store.verify().await.unwrap().into_iter().filter(|c| !c.problems.is_empty()).collect();
    assert_eq!(failed.iter().map(|c| c.name).collect::<Vec<_>>(), ["conversations", "messages"]);
}

#[tokio::test]
async fn a_backup_is_the_same_database_while_writes_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&OpenOptions::sqlite(&directory.path().join("holdfast.db"))).unwrap();
    for n in 0..20 {
        put(&store, &format!("c{n}"), "1").await.unwrap();
    }
    let hash = store.content_hash().await.unwrap();
    let copy = directory.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    put(&store, "later", "1").await.unwrap();
    assert!(store.backup(&copy).await.is_err(), "a file is never overwritten");
    let restored = open(&OpenOptions { access: Access::ReadOnly, ..OpenOptions::sqlite(&copy) }).unwrap();
    assert_eq!(restored.content_hash().await.unwrap(), hash);
    expect_sound(&restored).await;
}

#[test]
fn the_views_of_the_schema_answer_the_first_systems_sql() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("holdfast.db");
    let store = open(&OpenOptions::sqlite(&path)).unwrap();
    let state = format!(r#"{{"conversations":[{}],"é":1}}"#, chat_with("é", &[("m", "hé"), ("n", "2")]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let document = NewDocument {
            name: id("app-chats"),
            device: String::new(),
            data: json(&state),
            version: Some(json("4")),
            bare: false,
            beside: None,
        };
        let write = Write::PutDocument {
            document,
            mode: Mode::Replace,
            confirm: None,
            precondition: Precondition::None,
        };
        store.apply(&writer(), vec![write]).await.unwrap();
    });
    let connection = rusqlite::Connection::open(&path).unwrap();
    let data: String = connection
        .query_row("SELECT data FROM stores WHERE name = 'app-chats'", [], |row| row.get(0))
        .unwrap();
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parse(&data), parse(&state));
    let texts: Vec<String> = connection
        .prepare("SELECT text FROM fragments ORDER BY message_key, number")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(texts, ["hé", "2"]);
}
