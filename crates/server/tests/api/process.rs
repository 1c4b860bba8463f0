//! The built binary: one process per file, and a clean stop.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use holdfast::lock;

fn serve(db: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.arg("serve").arg("--listen").arg("127.0.0.1:0").arg("--db").arg(db);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Waits until the process serves; its URL.
fn url_of(db: &Path, child: &mut Child) -> String {
    let began = Instant::now();
    loop {
        if let Some(holder) = lock::holder(db).filter(|h| !h.url.is_empty()) {
            assert_eq!(holder.pid, child.id());
            return holder.url;
        }
        assert!(child.try_wait().unwrap().is_none(), "the server ended");
        assert!(began.elapsed() < Duration::from_secs(30), "the server did not start");
        std::thread::yield_now();
    }
}

fn stop(child: Child) -> Output {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

#[test]
fn a_second_server_on_a_file_names_the_first_and_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("holdfast.db");
    let mut first = serve(&db).spawn().unwrap();
    let url = url_of(&db, &mut first);
    let second = serve(&db).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains(&url) && text.contains(&first.id().to_string()), "{text}");
    let stopped = stop(first);
    assert_eq!(stopped.status.code(), Some(0), "{}", String::from_utf8_lossy(&stopped.stderr));
    assert_eq!(lock::holder(&db), None);
}

#[test]
fn the_log_tells_what_a_request_did_and_no_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("holdfast.db");
    let mut child = serve(&db).spawn().unwrap();
    let url = url_of(&db, &mut child);
    let put = |path: &str, body: &str| {
        let request = ureq::put(format!("{url}{path}")).header("content-type", "application/json");
        assert_eq!(request.send(body).unwrap().status(), 200);
    };
    put(
        "/api/chats/a-rather-long-conversation-id",
        r#"{"conversation":{"id":"a-rather-long-conversation-id","messages":[{"id":"1","text":"private words"}]}}"#,
    );
    put("/api/stores/x?note=private", r#"{"data":{"apiKey":"sk-very-secret"}}"#);
    let log = String::from_utf8(stop(child).stderr).unwrap();
    assert!(log.contains("PUT /api/chats/a-ra… 200") && log.contains("1 message inserted"), "{log}");
    for secret in ["private", "sk-very-secret"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("holdfast.db");
    std::fs::write(&db, "not a database, but long enough to look like something else entirely").unwrap();
    let output = serve(&db).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holdfast.db"));
}
