//! A database that another process holds, or that is not there for a while.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::server::TestServer;

/// Another process with an open write transaction, until its input is closed.
fn lock_database(server: &TestServer) -> Child {
    let program = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
        c.execute('BEGIN IMMEDIATE')\n\
        print('locked', flush=True)\n\
        sys.stdin.read()\n";
    let mut child = Command::new("python3")
        .args(["-c", program])
        .arg(server.db())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs python3: install it, such as with `apt-get install python3`");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "locked\n");
    child
}

#[test]
fn a_database_that_another_process_has_locked_is_read_and_later_written() {
    let server = TestServer::start();
    server.put("/api/stores/x", r#"{"data":1}"#).expect(200);
    let mut other = lock_database(&server);
    std::thread::scope(|scope| {
        let write = scope.spawn(|| server.put("/api/stores/x", r#"{"data":2}"#));
        while !write.is_finished() {
            assert_eq!(server.get("/api/stores/x").expect(200).json()["data"], 1, "reads go on");
        }
        let refused = write.join().unwrap();
        assert!(!refused.header("retry-after").is_empty());
        refused.expect_error(503, "database_busy");
    });
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    server.put("/api/stores/x", r#"{"data":3}"#).expect(200);
    assert_eq!(server.get("/api/stores/x").expect(200).json()["data"], 3);
}

#[test]
fn a_database_that_cannot_be_opened_is_503_at_once_and_health_says_why() {
    let server = TestServer::start();
    // The readers open the file when they are first needed.
    let away = server.directory().join("away.db");
    std::fs::rename(server.db(), &away).unwrap();
    for path in ["/api/chats", "/api/chats/c", "/api/stores"] {
        let refused = server.get(path);
        assert!(!refused.header("retry-after").is_empty());
        refused.expect_error(503, "database_unavailable");
    }
    let health = server.get("/api/health").expect(503).json();
    assert_eq!(health["status"], "failed");
    let check = &health["checks"][0];
    assert!(check["message"].as_str().is_some_and(|m| m.contains("unavailable")), "{health}");
    assert!(check["hint"].as_str().is_some_and(|h| !h.is_empty()), "{health}");
    server.get("/api/health/live").expect(200);
    std::fs::rename(&away, server.db()).unwrap();
    assert_eq!(server.get("/api/chats").expect(200).json()["count"], 0);
}
