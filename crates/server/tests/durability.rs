//! Acknowledged means durable: the real binary, killed and traced.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_holdfast");
const LIMIT: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "{what} did not happen within {LIMIT:?}");
        std::thread::yield_now();
    }
}

struct Server {
    child: Child,
    /// The server's own process: `child` may be what traces it.
    pid: u64,
    url: String,
}

impl Server {
    fn start(mut command: Command, db: &Path) -> Self {
        let child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--db"])
            .arg(db)
            .env_remove("HOLDFAST_TOKEN")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (pid, url) = wait_for("the server's start", || {
            let text = std::fs::read_to_string(db.with_extension("db.lock")).ok()?;
            let holder: serde_json::Value = serde_json::from_str(&text).ok()?;
            let url = holder["url"].as_str().filter(|url| !url.is_empty())?.to_owned();
            ureq::get(format!("{url}/api/health/live")).call().ok()?;
            Some((holder["pid"].as_u64()?, url))
        });
        Self { child, pid, url }
    }

    fn put(&self, id: &str) -> Result<(), ureq::Error> {
        ureq::put(format!("{}/api/chats/{id}", self.url))
            .content_type("application/json")
            .send(format!(r#"{{"conversation":{}}}"#, chat(id)))
            .map(drop)
    }
}

impl Server {
    fn kill(&self) -> bool {
        Command::new("kill")
            .args(["-9", &self.pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill, but still something to wait for.
        self.kill();
        drop(self.child.wait());
    }
}

fn chat(id: &str) -> String {
    let messages: Vec<String> =
        (0..5).map(|n| format!(r#"{{"id":"m{n}","text":"{}"}}"#, id.repeat(20))).collect();
    format!(r#"{{"id":"{id}","messages":[{}]}}"#, messages.join(","))
}

#[test]
fn everything_acknowledged_survives_a_kill_in_the_middle_of_32_writers() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("holdfast.db");
    let server = Server::start(Command::new(BINARY), &db);
    let acknowledged = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for writer in 0..32 {
            let (server, acknowledged, count) = (&server, &acknowledged, &count);
            scope.spawn(move || {
                for number in 0.. {
                    let id = format!("w{writer}-{number}");
                    if server.put(&id).is_err() {
                        return;
                    }
                    acknowledged.lock().unwrap().push(id);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_for("five hundred writes", || (count.load(Ordering::Relaxed) >= 500).then_some(()));
        assert!(server.kill());
    });
    drop(server);

    let verify = Command::new(BINARY).arg("verify").arg("--db").arg(&db).output().unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    let server = Server::start(Command::new(BINARY), &db);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 500);
    for id in &acknowledged {
        let body =
            ureq::get(format!("{}/api/chats/{id}", server.url)).call().unwrap().body_mut().read_to_string();
        assert!(body.unwrap().contains(&chat(id)), "{id} was acknowledged and is not what was sent");
    }
}

#[test]
fn the_log_reaches_the_disk_before_the_answer_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("holdfast.db");
    let trace = directory.path().join("trace");
    let mut command = Command::new("strace");
    command
        .args(["--follow-forks", "--decode-fds=path", "--string-limit=40"])
        .args(["--trace=fsync,fdatasync,read,recvfrom,write,writev,sendto", "--output"])
        .arg(&trace)
        .arg(BINARY);
    if Command::new("strace").arg("--version").stdout(Stdio::null()).status().is_err() {
        panic!("this test traces system calls: install it with `apt-get install strace`");
    }
    let server = Server::start(command, &db);
    server.put("traced").unwrap();
    let lines: Vec<String> = wait_for("the answer in the trace", || {
        let lines: Vec<String> = std::fs::read_to_string(&trace).ok()?.lines().map(str::to_owned).collect();
        let request = lines.iter().position(|l| l.contains("PUT /api/chats/traced"))?;
        lines[request..].iter().any(|l| l.contains("HTTP/1.1 200")).then(|| lines[request..].to_vec())
    });
    let answer = lines.iter().position(|l| l.contains("HTTP/1.1 200")).unwrap();
    let synced = lines[..answer].iter().any(|l| l.contains("sync(") && l.contains("holdfast.db-wal"));
    assert!(
        synced,
        "no sync of the log between the request and its answer:\n{}",
        lines[..=answer].join("\n")
    );
}

/// What `/api/imports/{id}` says of it, and how many chats there are.
fn imported(server: &Server, id: &str) -> (String, usize) {
    let read = |path: &str| -> serde_json::Value {
        let mut answer = ureq::get(format!("{}{path}", server.url)).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    };
    let state = read(&format!("/api/imports/{id}"))["import"]["state"].as_str().unwrap().to_owned();
    (state, read("/api/chats")["conversations"].as_array().unwrap().len())
}

#[test]
fn an_import_that_a_kill_interrupts_is_there_as_a_whole_or_not_at_all() {
    const CHATS: usize = 400;
    let chats: Vec<String> = (0..CHATS).map(|n| chat(&format!("c{n}"))).collect();
    let file = format!(r#"{{"conversations":[{}]}}"#, chats.join(","));
    // After so many other answers: before it is planned, while it is, while it is written, and when it is done.
    for others in [0, 5, 20, 50, 100, 300, 2_000] {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("holdfast.db");
        let server = Server::start(Command::new(BINARY), &db);
        let mut looked = ureq::post(format!("{}/api/imports?dry_run=true", server.url))
            .content_type("application/json")
            .send(file.as_str())
            .unwrap();
        let looked: serde_json::Value =
            serde_json::from_str(&looked.body_mut().read_to_string().unwrap()).unwrap();
        let id = looked["import"]["id"].as_str().unwrap().to_owned();
        std::thread::scope(|scope| {
            let apply = format!("{}/api/imports/{id}/apply", server.url);
            scope.spawn(move || drop(ureq::post(apply).send_empty()));
            for _ in 0..others {
                ureq::get(format!("{}/api/health/live", server.url)).call().unwrap();
            }
            assert!(server.kill());
        });
        drop(server);
        let verify = Command::new(BINARY).arg("verify").arg("--db").arg(&db).output().unwrap();
        assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
        let server = Server::start(Command::new(BINARY), &db);
        let (state, there) = imported(&server, &id);
        assert_eq!(
            there,
            if state == "applied" { CHATS } else { 0 },
            "{state}, killed after {others} other answers"
        );
        if state == "previewed" {
            ureq::post(format!("{}/api/imports/{id}/apply", server.url)).send_empty().unwrap();
            assert_eq!(imported(&server, &id), ("applied".to_owned(), CHATS));
        }
    }
}
