//! `holdfast export` in each format, as a user runs it, and back in with `holdfast import`.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fixtures::path;
use serde_json::Value;
use tempfile::TempDir;

/// A database with the fixture in it, and a directory for what is written.
struct Place {
    directory: TempDir,
}

impl Place {
    fn filled() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        let output = place.run(&["import", &path("flash-with-images.json").display().to_string()]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_on(&self.file("holdfast.db"), arguments)
    }

    /// The same with another database and the same key.
    fn run_on(&self, db: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(arguments)
            .arg("--db")
            .arg(db)
            .arg("--key-file")
            .arg(self.file("holdfast.key"))
            .env_remove("HOLDFAST_TOKEN")
            .output()
            .unwrap()
    }

    fn export(&self, format: &str, out: &str, more: &[&str]) -> Output {
        let out = self.file(out).display().to_string();
        self.run(&[&["export", "--format", format, "--out", &out], more].concat())
    }

    fn hash(&self, db: &Path) -> Value {
        json(&self.run_on(db, &["verify", "--json"]))["contentHash"].clone()
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", errors(output)))
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_archive_of_one_database_makes_another_one() {
    let place = Place::filled();
    let report = json(&place.export("archive", "all.jsonl", &["--json"]));
    assert_eq!(report["format"], "archive");
    assert_eq!(report["counts"]["conversation"], 6);
    assert_eq!(report["counts"]["asset"], 1);
    assert_eq!(report["bytes"], std::fs::metadata(place.file("all.jsonl")).unwrap().len());
    let other = place.file("other.db");
    let archive = place.file("all.jsonl").display().to_string();
    let output = place.run_on(&other, &["import", "--json", &archive]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(json(&output)["files"][0]["format"], "archive");
    assert_eq!(place.hash(&other), place.hash(&place.file("holdfast.db")));
    let shown = String::from_utf8(place.export("archive", "again.jsonl", &[]).stdout).unwrap();
    assert!(shown.contains("API keys in clear text"), "{shown}");
}

#[test]
fn a_cut_archive_is_imported_as_far_as_it_goes_and_the_exit_code_says_so() {
    let place = Place::filled();
    place.export("archive", "all.jsonl", &[]);
    let whole = std::fs::read(place.file("all.jsonl")).unwrap();
    std::fs::write(place.file("cut.jsonl"), &whole[..whole.len() * 9 / 10]).unwrap();
    let cut = place.file("cut.jsonl").display().to_string();
    let output = place.run_on(&place.file("other.db"), &["import", &cut]);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("last line is missing"), "{shown}");
}

#[test]
fn all_chats_are_read_back() {
    let place = Place::filled();
    let report = json(&place.export("all-chats", "chats.json", &["--json"]));
    assert_eq!(report["counts"]["conversation"], 6);
    let file = place.file("chats.json").display().to_string();
    let output = place.run_on(&place.file("other.db"), &["import", "--json", &file]);
    assert_eq!(json(&output)["files"][0]["format"], "all chats");
}

#[test]
fn markdown_goes_into_a_folder_or_into_a_zip() {
    let place = Place::filled();
    let report = json(&place.export("markdown", "notes", &["--json"]));
    assert_eq!(report["counts"], serde_json::json!({"conversation": 6, "asset": 1}));
    assert_eq!(report["bytes"], Value::Null);
    let files = names(&place.file("notes"));
    assert_eq!(files.len(), 7, "{files:?}");
    assert_eq!(names(&place.file("notes/images")).len(), 1);

    let shown = place.export("markdown", "notes.zip", &[]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("API keys"));
    let archive = zip::ZipArchive::new(std::fs::File::open(place.file("notes.zip")).unwrap()).unwrap();
    assert_eq!(archive.len(), 7);
    let to_stdout = place.run(&["export", "--format", "markdown"]);
    assert_eq!(to_stdout.stdout, std::fs::read(place.file("notes.zip")).unwrap());

    let without = json(&place.export("markdown", "text", &["--json", "--no-images"]));
    assert_eq!((&without["images"], &without["counts"]["asset"]), (&Value::Bool(false), &Value::from(0)));
    assert_eq!(names(&place.file("text")).len(), 6);
}

#[test]
fn what_exists_is_replaced_with_force_only() {
    let place = Place::filled();
    for (format, name) in [("markdown", "notes"), ("archive", "all.jsonl"), ("all-chats", "chats.json")] {
        assert_eq!(place.export(format, name, &[]).status.code(), Some(0));
        let refused = place.export(format, name, &[]);
        assert_eq!(refused.status.code(), Some(2), "{format}");
        assert!(errors(&refused).contains("--force"), "{}", errors(&refused));
        assert_eq!(place.export(format, name, &["--force"]).status.code(), Some(0), "{format}");
    }
    std::fs::write(place.file("notes/mine.txt"), "kept").unwrap();
    let chat = names(&place.file("notes")).into_iter().find(|name| name.ends_with(".md")).unwrap();
    let before = std::fs::read(place.file("notes").join(&chat)).unwrap();
    std::fs::write(place.file("notes").join(&chat), "edited").unwrap();
    place.export("markdown", "notes", &["--force"]);
    assert_eq!(std::fs::read(place.file("notes").join(&chat)).unwrap(), before);
    assert_eq!(std::fs::read_to_string(place.file("notes/mine.txt")).unwrap(), "kept");
    let left = names(place.directory.path());
    assert!(!left.iter().any(|name| name.contains("partial")), "{left:?}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let place = Place::filled();
    for (format, out) in [("archive", "no/such/all.jsonl"), ("flash", "no/such/flash.json")] {
        let output = place.export(format, out, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains("such") && errors(&output).contains("check"), "{}", errors(&output));
    }
    let unknown = place.run(&["export", "--format", "pdf"]);
    assert!(errors(&unknown).contains("markdown"), "{}", errors(&unknown));
}

#[cfg(unix)]
#[test]
fn what_is_exported_is_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::filled();
    place.export("markdown", "notes", &[]);
    place.export("archive", "all.jsonl", &[]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
    for path in [place.file("notes"), place.file("all.jsonl")] {
        assert_eq!(mode(&path), 0, "{}", path.display());
    }
}
