//! A database that another process holds.

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
