//! The built binary, as a user runs it.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fixtures::{FILES, path, storage, value};
use serde_json::Value;
use tempfile::TempDir;

/// A place for one test's database.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn db(&self) -> PathBuf {
        self.file("holdfast.db")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(arguments)
            .arg("--db")
            .arg(self.db())
            .env_remove("HOLDFAST_TOKEN")
            .output()
            .unwrap()
    }

    fn import(&self, files: &[&str], more: &[&str]) -> Output {
        let files: Vec<String> = files.iter().map(|f| path(f).display().to_string()).collect();
        let mut arguments = vec!["import", "--json"];
        arguments.extend(files.iter().map(String::as_str));
        arguments.extend(more);
        self.run(&arguments)
    }

    fn verified_hash(&self) -> String {
        let output = self.run(&["verify", "--json"]);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        json(&output)["contentHash"].as_str().unwrap().to_owned()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    let shown = String::from_utf8_lossy(&output.stdout);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{shown}{}", errors(output)))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn all_fixtures_are_imported_in_one_command_and_exported_again() {
    let place = Place::new();
    let output = place.import(&FILES, &[]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let report = json(&output);
    assert_eq!(report["dryRun"], false);
    assert_eq!(report["files"][0]["format"], "capture", "the fullest file comes first");
    let conversations = report["totals"].as_array().unwrap().iter().find(|r| r["noun"] == "conversations");
    assert_eq!(conversations.unwrap()["imported"], 6);

    let out = place.file("backup.json");
    let output = place.run(&["export", "--json", "--out", &text(&out)]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(json(&output)["images"], true);
    let exported: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(storage(&exported), storage(&value("flash-with-images.json")));

    let output = place.run(&["export", "--no-images"]);
    assert_eq!(storage(&json(&output)), storage(&value("flash.json")), "to stdout");
    let output = place.run(&["export", "--out", &text(&out)]);
    assert_eq!(code(&output), 2, "a file that exists is not replaced unasked");
}

#[test]
fn an_import_shows_a_preview_and_then_what_it_did() {
    let place = Place::new();
    let file = text(&path("all-chats.json"));
    let output = place.run(&["import", &file]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(shown.find("Preview").unwrap() < shown.find("Imported").unwrap(), "{shown}");
    assert!(shown.contains("conversations") && shown.contains("model services"), "{shown}");
    assert!(output.stderr.is_empty(), "{}", errors(&output));
}

#[test]
fn a_dry_run_makes_no_database_and_changes_none() {
    let place = Place::new();
    let output = place.import(&["flash.json"], &["--dry-run"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(json(&output)["dryRun"], true);
    assert!(!place.db().exists());

    place.import(&["conversation.json"], &[]);
    let before = place.verified_hash();
    place.import(&["flash.json"], &["--dry-run"]);
    assert_eq!(place.verified_hash(), before);
}

#[test]
fn a_file_that_cannot_be_imported_leaves_the_others_out_too() {
    let place = Place::new();
    let whole = std::fs::read(path("flash.json")).unwrap();
    let half = place.file("half.json");
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let foreign = place.file("foreign.json");
    std::fs::write(&foreign, r#"{"mapping":{},"title":"of another app"}"#).unwrap();
    let missing = place.file("missing.json");
    for (file, expected) in [(&half, "line "), (&foreign, "'mapping'"), (&missing, "cannot read")] {
        let good = text(&path("flash.json"));
        let output = place.run(&["import", &good, &text(file)]);
        assert_eq!(code(&output), 2);
        let message = errors(&output);
        assert!(message.contains(expected) && message.contains(&text(file)), "{message}");
        assert!(output.stdout.is_empty());
        assert!(!place.db().exists(), "nothing was written");
    }
}

#[test]
fn a_conflict_is_reported_with_exit_code_1_and_overwritten_on_request() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let mut other = value("flash.json");
    other["storage"]["localStorage"]["app-ui"]["state"]["centerMode"] = Value::from("full");
    let file = place.file("other.json");
    std::fs::write(&file, other.to_string()).unwrap();
    let output = place.run(&["import", &text(&file)]);
    assert_eq!(code(&output), 1, "{}", errors(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("'app-ui'") && shown.contains("--overwrite"), "{shown}");
    assert_eq!(code(&place.run(&["import", "--overwrite", &text(&file)])), 0);
    assert_eq!(code(&place.run(&["import", &text(&file)])), 0, "now it is the stored one");
}

#[test]
fn a_backup_is_restored_with_equal_content_in_a_new_epoch() {
    let place = Place::new();
    place.import(&["flash-with-images.json"], &[]);
    let hash = place.verified_hash();
    let copy = place.file("copy.db");
    let output = place.run(&["backup", "--json", &text(&copy)]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(json(&output)["contentHash"], hash.as_str());
    assert_eq!(json(&output)["matchesSource"], true);
    assert_eq!(code(&place.run(&["backup", &text(&copy)])), 2, "an existing file is not overwritten");
    let shown = String::from_utf8(place.run(&["backup", &text(&place.file("b.db"))]).stdout).unwrap();
    assert!(shown.contains("key file is not inside"), "{shown}");

    place.import(&["firefox/capture-all.json"], &["--overwrite"]);
    let later = place.verified_hash();
    assert_ne!(later, hash);
    let output = place.run(&["restore", &text(&copy)]);
    assert_eq!(code(&output), 2, "not without --force");
    assert!(errors(&output).contains("--force"));
    assert_eq!(place.verified_hash(), later);

    let output = place.run(&["restore", "--force", "--json", &text(&copy)]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let report = json(&output);
    assert_eq!(place.verified_hash(), hash);
    let kept = PathBuf::from(report["keptAside"].as_str().unwrap());
    let aside = Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["verify", "--json", "--db", &text(&kept), "--key-file", &text(&place.file("holdfast.key"))])
        .output()
        .unwrap();
    assert_eq!(json(&aside)["contentHash"], later.as_str(), "the database before is kept whole");
    let second = json(&place.run(&["restore", "--force", "--json", &text(&copy)]));
    assert_ne!(second["epoch"], report["epoch"]);
    let left: Vec<_> = std::fs::read_dir(place.directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            name.contains("partial") || name.contains("restore-") && !name.contains("before-restore")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_backup_without_its_database_can_be_restored_to_a_new_place() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let hash = place.verified_hash();
    let copy = place.file("copy.db");
    place.run(&["backup", &text(&copy)]);
    let other = Place::new();
    std::fs::copy(place.file("holdfast.key"), other.file("holdfast.key")).unwrap();
    let output = other.run(&["restore", &text(&copy)]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(other.verified_hash(), hash);
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let hash = place.verified_hash();
    let file = place.file("no-database.db");
    std::fs::write(&file, "this is text and no database at all, long enough to be looked at".repeat(100))
        .unwrap();
    let output = place.run(&["restore", "--force", &text(&file)]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("not a"), "{}", errors(&output));
    assert_eq!(place.verified_hash(), hash);
}

#[test]
fn a_held_database_is_neither_written_nor_replaced() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let copy = place.file("copy.db");
    place.run(&["backup", &text(&copy)]);
    let _held = holdfast::lock::acquire(&place.db()).unwrap();
    for arguments in [["restore", "--force"], ["import", "--overwrite"]] {
        let file = if arguments[0] == "restore" { copy.clone() } else { path("flash.json") };
        let output = place.run(&[arguments[0], arguments[1], &text(&file)]);
        assert_eq!(code(&output), 2);
        assert!(errors(&output).contains(&std::process::id().to_string()), "{}", errors(&output));
    }
    assert_eq!(code(&place.run(&["verify"])), 0, "reading beside the holder is fine");
    assert_eq!(code(&place.run(&["backup", &text(&place.file("beside.db"))])), 0);
}

#[test]
fn commands_without_a_database_say_how_to_make_one() {
    let place = Place::new();
    for arguments in [vec!["verify"], vec!["export"], vec!["backup", "x.db"]] {
        let output = place.run(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(errors(&output).contains("holdfast import"), "{}", errors(&output));
    }
    assert!(!place.db().exists());
}

#[test]
fn the_doctor_finds_a_healthy_database_healthy() {
    let place = Place::new();
    assert_eq!(code(&place.run(&["doctor"])), 0, "a place without a database is no fault");
    place.import(&["flash.json"], &[]);
    let output = place.run(&["doctor", "--json"]);
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(json(&output)["ok"], true);
}

#[test]
fn a_lost_key_costs_the_secrets_and_nothing_else() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    std::fs::remove_file(place.file("holdfast.key")).unwrap();
    let output = place.run(&["doctor", "--json"]);
    assert_eq!(code(&output), 1);
    assert!(json(&output).to_string().contains("--forget-secrets"), "{}", json(&output));
    assert_eq!(code(&place.run(&["verify"])), 2);

    let output = place.run(&["doctor", "--forget-secrets", "--json"]);
    assert_eq!(code(&output), 0, "{}{}", errors(&output), String::from_utf8_lossy(&output.stdout));
    let exported = json(&place.run(&["export", "--no-images"]));
    let chats = |backup: &Value| storage(backup)["indexedDB"]["keyval-store"].clone();
    assert_eq!(chats(&exported), chats(&value("flash.json")));
    assert!(!exported.to_string().contains("sk-mock"));
    assert_eq!(code(&place.import(&["flash.json"], &[])), 0, "a backup brings the secrets again");
    let again = json(&place.run(&["export", "--no-images"]));
    assert_eq!(storage(&again), storage(&value("flash.json")));
}

#[test]
fn forgetting_secrets_is_refused_while_the_key_fits() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let output = place.run(&["doctor", "--forget-secrets"]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("nothing needs to be given up"), "{}", errors(&output));
}

#[test]
fn a_log_that_lies_where_a_database_is_restored_is_moved_aside() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let hash = place.verified_hash();
    let copy = place.file("copy.db");
    place.run(&["backup", &text(&copy)]);
    for with_database in [false, true] {
        let other = Place::new();
        std::fs::copy(place.file("holdfast.key"), other.file("holdfast.key")).unwrap();
        if with_database {
            // A log beside something that does not open.
            std::fs::write(other.db(), "no database").unwrap();
        }
        for suffix in ["-wal", "-shm"] {
            std::fs::write(other.file(&format!("holdfast.db{suffix}")), "of another database").unwrap();
        }
        let output = other.run(&["restore", "--force", "--json", &text(&copy)]);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert_eq!(other.verified_hash(), hash);
        let aside = names(&other).into_iter().filter(|name| name.contains("before-restore")).count();
        assert_eq!(aside, if with_database { 3 } else { 2 }, "{:?}", names(&other));
        assert_eq!(json(&output)["keptAside"].is_string(), with_database);
    }
}

/// What lies in a place.
fn names(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.directory.path()).unwrap();
    entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_database_before_a_restore_is_kept_with_what_stood_in_its_log() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let copy = place.file("copy.db");
    place.run(&["backup", &text(&copy)]);
    place.import(&["firefox/capture-all.json"], &["--overwrite"]);
    let later = place.verified_hash();
    // As a process that was killed leaves it: the newest part is in the log only.
    let killed = Place::new();
    std::fs::copy(place.file("holdfast.key"), killed.file("holdfast.key")).unwrap();
    let mut reader = Command::new("python3")
        .args(["-c", HOLD, &text(&place.db())])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("this test needs python3: install it, such as with `apt-get install python3`");
    let mut line = String::new();
    BufReader::new(reader.stdout.take().unwrap()).read_line(&mut line).unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("holdfast.db{suffix}");
        std::fs::copy(place.file(&name), killed.file(&name)).unwrap();
    }
    drop(reader.stdin.take());
    reader.wait().unwrap();
    assert!(std::fs::metadata(killed.file("holdfast.db-wal")).unwrap().len() > 0);

    let output = killed.run(&["restore", "--force", "--json", &text(&copy)]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let kept = json(&output)["keptAside"].as_str().unwrap().to_owned();
    assert!(!PathBuf::from(format!("{kept}-wal")).exists(), "the log is inside");
    let aside = Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["verify", "--json", "--db", &kept, "--key-file", &text(&killed.file("holdfast.key"))])
        .output()
        .unwrap();
    assert_eq!(json(&aside)["contentHash"], later.as_str());
}

/// Writes into the log and keeps it from being written back until its input is closed.
const HOLD: &str = "import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('PRAGMA wal_autocheckpoint = 0')
c.execute('UPDATE owners SET last_seq = last_seq + 1')
print('written', flush=True)
sys.stdin.read()
";

#[cfg(unix)]
#[test]
fn a_restored_database_is_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let copy = place.file("copy.db");
    place.run(&["backup", &text(&copy)]);
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(code(&place.run(&["restore", "--force", &text(&copy)])), 0);
    assert_eq!(std::fs::metadata(place.db()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_backup_is_not_made_beside_the_log_of_another_database() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let copy = place.file("copy.db");
    let stale = place.file("copy.db-wal");
    std::fs::write(&stale, "of another database").unwrap();
    let output = place.run(&["backup", &text(&copy)]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("copy.db-wal"), "{}", errors(&output));
    assert!(!copy.exists() && stale.exists());
}

#[test]
fn a_key_file_that_is_no_key_is_set_aside_when_secrets_are_forgotten() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    std::fs::write(place.file("holdfast.key"), "spilled coffee").unwrap();
    assert_eq!(code(&place.run(&["verify"])), 2);
    let output = place.run(&["doctor", "--forget-secrets", "--json"]);
    assert_eq!(code(&output), 0, "{}{}", errors(&output), String::from_utf8_lossy(&output.stdout));
    let aside = names(&place).into_iter().find(|name| name.starts_with("holdfast.key.unusable-")).unwrap();
    assert_eq!(std::fs::read_to_string(place.file(&aside)).unwrap(), "spilled coffee");
    assert_eq!(code(&place.run(&["verify"])), 0, "the file opens again");
    assert_eq!(code(&place.import(&["flash.json"], &[])), 0, "and takes secrets again");
}

#[test]
fn the_key_of_another_database_stays_where_it_is_when_secrets_are_forgotten() {
    let place = Place::new();
    place.import(&["flash.json"], &[]);
    let key = "ab".repeat(32);
    std::fs::write(place.file("holdfast.key"), &key).unwrap();
    assert_eq!(code(&place.run(&["verify"])), 2);
    assert_eq!(code(&place.run(&["doctor", "--forget-secrets", "--json"])), 0);
    assert_eq!(std::fs::read_to_string(place.file("holdfast.key")).unwrap(), key);
    assert_eq!(code(&place.import(&["flash.json"], &[])), 0, "it serves both from now on");
    assert_eq!(code(&place.run(&["verify"])), 0);
}

#[test]
fn secrets_are_not_forgotten_for_another_fault_than_the_key() {
    let place = Place::new();
    std::fs::write(place.db(), "no database, but long enough to look like something".repeat(50)).unwrap();
    std::fs::write(place.file("holdfast.key"), "kept").unwrap();
    assert_eq!(code(&place.run(&["doctor", "--forget-secrets"])), 2);
    assert_eq!(std::fs::read_to_string(place.file("holdfast.key")).unwrap(), "kept");
}
