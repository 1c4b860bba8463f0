//! Backups on the server's disk.

use crate::server::{TestServer, chat, message};

#[test]
fn a_backup_is_for_this_user_only_and_leaves_nothing_beside_it() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", "kept")])).expect(200);
    let made = server.post("/api/backups", "{}").expect(200).json();
    let id = made["backup"]["id"].as_str().unwrap();
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(server.directory().join("backups")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), [format!("{id}.db"), format!("{id}.db.json")]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = server.directory().join("backups").join(format!("{id}.db"));
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_backup_is_finished_when_its_client_has_left() {
    let server = TestServer::start();
    server.put_chat("c", &chat("c", &[&message("1", &"x".repeat(2_000_000))])).expect(200);
    let request = "POST /api/backups HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
    let directory = server.directory().join("backups");
    let stream = server.connect(request);
    wait_for(|| directory.exists());
    drop(stream);
    wait_for(|| !server.get("/api/backups").expect(200).json()["backups"].as_array().unwrap().is_empty());
    let left = std::fs::read_dir(directory).unwrap().count();
    assert_eq!(left, 2, "the copy and its note");
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "it did not come");
        std::thread::yield_now();
    }
}
