//! The app's own files, and a database for one test.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast::export::{self, Format, Job};
use holdfast::import::session::{Details, Sessions, new_id};
use holdfast::import::{self, Input, Options, Report};
use holdfast_store::{Id, OpenOptions, Owner, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const FILES: [&str; 5] =
    ["conversation.json", "all-chats.json", "flash.json", "flash-with-images.json", "capture-all.json"];

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

pub fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

pub fn value(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

pub fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// A database of one test; gone with it.
pub struct Database {
    pub directory: TempDir,
    pub store: Arc<dyn Store>,
}

impl Database {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key_file = directory.path().join("holdfast.key");
        Self::with_key(directory, &key_file)
    }

    /// Hashes of secrets are keyed: databases to compare share their key.
    pub fn with_key(directory: TempDir, key_file: &Path) -> Self {
        let path = directory.path().join("holdfast.db");
        let options = OpenOptions { key_file: key_file.to_owned(), ..OpenOptions::sqlite(&path) };
        let store = holdfast_store::open(&options).unwrap();
        Self { directory, store }
    }

    /// Imports texts of files.
    pub async fn import_texts(&self, texts: &[String], options: &Options) -> Report {
        let inputs = texts.iter().enumerate().map(|(index, text)| Input {
            name: format!("file {index}"),
            bundle: import::read(text.as_bytes()).unwrap(),
        });
        self.import_inputs(inputs.collect(), options).await
    }

    /// Imports files on disk.
    pub async fn import_paths(&self, paths: &[&Path], options: &Options) -> Report {
        let inputs = paths
            .iter()
            .map(|path| Input { name: path.display().to_string(), bundle: import::read_path(path).unwrap() });
        self.import_inputs(inputs.collect(), options).await
    }

    pub async fn import_inputs(&self, inputs: Vec<Input>, options: &Options) -> Report {
        let owner = Owner::local();
        let store = self.store.as_ref();
        let plan = import::plan(store, &owner, inputs, options, &|_| ()).await.unwrap();
        let preview = plan.preview();
        let session =
            self.sessions(&owner).bring(&new_id(0).unwrap(), Details::default(), plan).await.unwrap();
        let report = session.details.report.unwrap();
        assert_eq!(preview.files, report.files, "the preview says what then happens");
        for row in &report.totals {
            let c = row.counts;
            let sum = c.imported + c.replaced + c.unchanged + c.conflict + c.skipped + c.rejected;
            assert_eq!(c.found, sum, "{} add up", row.noun);
        }
        report
    }

    pub fn sessions<'a>(&'a self, owner: &'a Owner) -> Sessions<'a> {
        Sessions { store: self.store.as_ref(), owner, directory: self.directory.path().join("imports") }
    }

    pub async fn import(&self, names: &[&str]) -> Report {
        let texts: Vec<String> = names.iter().map(|n| text(n)).collect();
        self.import_texts(&texts, &Options::default()).await
    }

    /// A store as the browser's `JSON.parse` gives it.
    pub async fn browser_value(&self, name: &str) -> Value {
        let found = self.store.document(&Owner::local(), &id(name), "", false).await.unwrap();
        let document = found.unwrap_or_else(|| panic!("{name} is not stored"));
        let data: Value = serde_json::from_str(document.data.unwrap().as_str()).unwrap();
        if document.bare {
            return data;
        }
        let mut value = json!({ "state": data });
        if let Some(version) = document.version {
            value["version"] = serde_json::from_str(version.as_str()).unwrap();
        }
        value
    }

    pub async fn asset(&self, asset: &str) -> Value {
        let found = self.store.asset(&Owner::local(), &id(asset)).await.unwrap().unwrap();
        serde_json::from_str(found.record.as_str()).unwrap()
    }

    pub async fn hash(&self) -> String {
        self.store.content_hash().await.unwrap()
    }
}

/// An export as text.
pub async fn exported(store: &dyn Store, format: Format, options: &export::Options) -> String {
    String::from_utf8(exported_bytes(store, format, options).await).unwrap()
}

pub async fn exported_bytes(store: &dyn Store, format: Format, options: &export::Options) -> Vec<u8> {
    let mut out = Vec::new();
    let job = Job { store, owner: &Owner::local(), options, progress: &|_| () };
    let (_, size) = export::write(format, &job, &mut out).await.unwrap();
    assert_eq!(size, out.len() as u64);
    out
}

/// `storage` of a flash backup, with the strings of `keyval-store` parsed.
pub fn storage(backup: &Value) -> Value {
    let mut storage = backup["storage"].clone();
    for entry in storage["indexedDB"]["keyval-store"]["keyval"].as_array_mut().unwrap() {
        entry["value"] = serde_json::from_str(entry["value"].as_str().unwrap()).unwrap();
    }
    storage
}
