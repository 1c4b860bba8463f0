//! What clients tell of themselves.

use serde_json::json;

use crate::server::TestServer;

#[test]
fn a_report_is_kept_whole_and_listed() {
    let mut server = TestServer::start();
    let headers = [("content-type", "application/json"), ("holdfast-client", "laptop")];
    let body = r#"{"kind":"shadow","client":"tab","differences":[{"id":"a","n":0.10}]}"#;
    let added = server.send("POST", "/api/reports", &headers, Some(body)).expect(201).json();
    server.post("/api/reports", r#"{"kind":"move"}"#).expect(201);
    server.restart();
    let list = server.get("/api/reports?kind=shadow").expect(200);
    assert!(list.text().contains(&format!("\"report\":{body}")), "{}", list.text());
    let entry = &list.json()["reports"][0];
    assert_eq!(
        (&entry["id"], &entry["client"], &entry["kind"]),
        (&added["id"], &json!("laptop"), &json!("shadow"))
    );
    let first = server.get("/api/reports?limit=1").expect(200).json();
    assert_eq!(first["reports"][0]["kind"], "move");
    let next = format!("/api/reports?limit=1&cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(server.get(&next).expect(200).json()["nextCursor"], json!(null));
}

#[test]
fn what_is_no_report_is_refused() {
    let server = TestServer::start();
    for body in ["[]", "{}", r#"{"kind":7}"#, r#"{"kind":""}"#] {
        server.post("/api/reports", body).expect_error(400, "invalid_body");
    }
    let large = format!(
        "POST /api/reports HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        (1 << 20) + 1
    );
    assert!(server.raw(&large, "body_too_large").starts_with("HTTP/1.1 413 "));
    server.get("/api/reports?cursor=x").expect_error(400, "invalid_body");
}
