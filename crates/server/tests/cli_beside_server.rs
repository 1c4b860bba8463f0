//! Commands while a server has the database: they go through it, or read beside it.

// Helpers of tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::disallowed_types)]

#[path = "support/first_system.rs"]
mod first_system;
#[path = "support/fixtures.rs"]
mod fixtures;

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fixtures::{FILES, path, storage, value};
use holdfast::lock;
use serde_json::Value;
use tempfile::TempDir;

const TOKEN: &str = "a-token-for-this-test";

/// A server on a free port, with a database of its own; stopped with this value.
struct Served {
    directory: TempDir,
    child: Child,
}

impl Served {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("holdfast.db");
        let child = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(["serve", "--listen", "127.0.0.1:0", "--token", TOKEN, "--db"])
            .arg(&db)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let served = Self { directory, child };
        let start = Instant::now();
        while lock::holder(&db).is_none_or(|h| h.url.is_empty()) {
            assert!(start.elapsed() < Duration::from_secs(20), "the server did not start");
            std::thread::yield_now();
        }
        served
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Sends a body to `/api/imports`.
    fn post(&self, query: &str, body: &str) -> (u16, Value) {
        let url = lock::holder(&self.file("holdfast.db")).unwrap().url;
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut answer = agent
            .post(format!("{url}/api/imports?{query}"))
            .header("Content-Type", "application/json")
            .header("Authorization", format!("Bearer {TOKEN}"))
            .send(body)
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    fn get(&self, path: &str) -> String {
        let url = lock::holder(&self.file("holdfast.db")).unwrap().url;
        let request = ureq::get(format!("{url}{path}")).header("Authorization", format!("Bearer {TOKEN}"));
        request.call().unwrap().body_mut().read_to_string().unwrap()
    }

    fn run(&self, arguments: &[&str], token: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(arguments)
            // Nobody answers there: the server on this machine is not asked for through a proxy.
            .envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
            .args(["--token", token, "--db"])
            .arg(self.file("holdfast.db"))
            .output()
            .unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", errors(output)))
}

#[test]
fn an_import_goes_through_the_server_that_has_the_file_and_an_export_beside_it() {
    let served = Served::start();
    let files: Vec<String> = FILES.iter().map(|f| path(f).display().to_string()).collect();
    let mut arguments = vec!["import", "--json"];
    arguments.extend(files.iter().map(String::as_str));

    let mut dry = arguments.clone();
    dry.push("--dry-run");
    let output = served.run(&dry, TOKEN);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(json(&output)["dryRun"], true);

    let first = served.run(&arguments, TOKEN);
    assert_eq!(code(&first), 0, "{}", errors(&first));
    let report = json(&first);
    assert_eq!(report["files"][0]["name"], files[4].as_str(), "the capture is read first");
    let imported = |report: &Value, noun: &str| {
        let rows = report["totals"].as_array().unwrap();
        rows.iter().find(|r| r["noun"] == noun).unwrap()["imported"].as_u64().unwrap()
    };
    assert_eq!(imported(&report, "conversations"), 6);
    assert_eq!(imported(&json(&served.run(&arguments, TOKEN)), "conversations"), 0);

    let exported = json(&served.run(&["export"], TOKEN));
    assert_eq!(storage(&exported), storage(&value("flash-with-images.json")));
}

#[test]
fn an_archive_is_written_beside_a_server_and_read_through_another_one() {
    let (one, other) = (Served::start(), Served::start());
    one.run(&["import", &path("flash-with-images.json").display().to_string()], TOKEN);
    let archive = one.file("all.jsonl").display().to_string();
    let output = one.run(&["export", "--format", "archive", "--out", &archive], TOKEN);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let all_chats = path("all-chats.json").display().to_string();
    let output = other.run(&["import", "--json", &all_chats, &archive], TOKEN);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(json(&output)["files"][0]["name"], archive.as_str(), "the fullest first");
    let exported = json(&other.run(&["export"], TOKEN));
    assert_eq!(storage(&exported), storage(&value("flash-with-images.json")));
}

#[test]
fn databases_of_the_first_system_go_through_the_server_too() {
    let served = Served::start();
    let files = first_system::FILES.map(first_system::unpacked);
    let paths: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut arguments = vec!["import", "--json"];
    arguments.extend(paths.iter().map(String::as_str));
    let output = served.run(&arguments, TOKEN);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let report = json(&output);
    let total = |noun: &str| {
        let rows = report["totals"].as_array().unwrap();
        rows.iter().find(|r| r["noun"] == noun).unwrap()["imported"].as_u64().unwrap()
    };
    assert_eq!((total("conversations"), total("models"), total("usage rows")), (226, 20, 411));
    let told = served.run(
        &arguments[..1].iter().copied().chain(arguments[2..].iter().copied()).collect::<Vec<_>>(),
        TOKEN,
    );
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("big-agi-chats.db: never stored there: of fragments"), "{told}");
    assert!(
        json(&served.run(&arguments, TOKEN))["totals"].as_array().unwrap().iter().all(|r| r["imported"] == 0)
    );
}

#[test]
fn a_wrong_token_and_a_broken_file_change_nothing() {
    let served = Served::start();
    let file = path("flash.json").display().to_string();
    let output = served.run(&["import", &file], "another token");
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("oken"), "{}", errors(&output));
    let half = served.file("half.json");
    std::fs::write(&half, &std::fs::read(path("flash.json")).unwrap()[..9000]).unwrap();
    assert_eq!(code(&served.run(&["import", &half.display().to_string()], TOKEN)), 2);
    let output = json(&served.run(&["export"], TOKEN));
    assert_eq!(output["storage"]["localStorage"], serde_json::json!({}));
}

#[test]
fn the_route_takes_one_file_or_several_and_says_what_is_wrong_with_others() {
    let served = Served::start();
    let whole = fixtures::text("flash.json");
    let (status, answer) = served.post("name=mine.json&dry_run=true", &whole);
    assert_eq!((status, &answer["report"]["files"][0]["name"]), (200, &Value::from("mine.json")));
    let (status, answer) = served.post("", &whole[..whole.len() / 2]);
    assert_eq!((status, &answer["code"]), (400, &Value::from("invalid_json")));
    assert!(answer["place"]["line"].is_number(), "{answer}");
    let (status, answer) = served.post("", r#"{"mapping":{}}"#);
    assert_eq!((status, &answer["code"]), (400, &Value::from("invalid_body")));
    assert!(answer["error"].as_str().unwrap().contains("'mapping'"), "{answer}");
    let (status, _) = served.post("", &format!(r#"[{whole},{{"mapping":{{}}}}]"#));
    assert_eq!(status, 400);
    assert!(!served.get("/api/export").contains("app-ui"), "nothing of these was stored");

    let files = format!("[{},{whole}]", fixtures::text("all-chats.json"));
    let (status, answer) = served.post("", &files);
    assert_eq!(status, 200);
    assert_eq!(answer["report"]["files"][0]["index"], 1, "the fuller one first");
    assert!(served.get("/api/export").contains("sk-mock"));
    assert!(!served.get("/api/export?secrets=masked").contains("sk-mock"));
}

#[test]
fn verify_and_backup_read_beside_the_server_and_restore_refuses() {
    let served = Served::start();
    served.run(&["import", &path("flash-with-images.json").display().to_string()], TOKEN);
    let output = served.run(&["verify", "--json"], TOKEN);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let copy = served.file("copy.db").display().to_string();
    let backup = served.run(&["backup", "--json", &copy], TOKEN);
    assert_eq!(code(&backup), 0, "{}", errors(&backup));
    assert_eq!(json(&backup)["contentHash"], json(&output)["contentHash"]);
    let refused = served.run(&["restore", "--force", &copy], TOKEN);
    assert_eq!(code(&refused), 2);
    assert!(errors(&refused).contains(&served.child.id().to_string()), "{}", errors(&refused));
    assert_eq!(code(&served.run(&["doctor"], TOKEN)), 0);
}

#[test]
fn an_import_finds_the_server_whatever_proxy_is_set() {
    let served = Served::start();
    let output = served.run(&["import", "--json", &path("flash.json").display().to_string()], TOKEN);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(served.get("/api/export").contains("sk-mock"));
}

#[test]
fn an_export_beside_the_server_holds_secrets_and_no_masks() {
    let served = Served::start();
    served.run(&["import", &path("flash.json").display().to_string()], TOKEN);
    let output = served.run(&["export", "--no-images"], "another token");
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("sk-mock") && !text.contains(holdfast_store::seal::MASK));
    assert_eq!(storage(&json(&output)), storage(&value("flash.json")));
}
