//! The bytes of assets.

use crate::server::{Reply, TestServer};

const ASSET: &str =
    r#"{"id":"a","assetType":"image","data":{"mimeType":"image/png","base64":"AAECAwQF"},"label":"L"}"#;

fn put_data(server: &TestServer, more: &[(&str, &str)], bytes: &str) -> Reply {
    let mut headers = vec![("content-type", "image/webp")];
    headers.extend(more);
    server.send("PUT", "/api/assets/a/data", &headers, Some(bytes))
}

#[test]
fn bytes_of_an_asset_that_is_absent_are_404() {
    let server = TestServer::start();
    put_data(&server, &[], "new").expect_error(404, "not_found");
    server.get("/api/assets/a").expect_error(404, "not_found");
}

#[test]
fn the_etag_of_an_assets_bytes_is_a_base_for_writes() {
    let server = TestServer::start();
    server.post("/api/assets", ASSET).expect(200);
    let tag = server.get("/api/assets/a/data").expect(200).header("etag").to_owned();
    put_data(&server, &[("if-match", &tag)], "second").expect(200);
    put_data(&server, &[("if-match", &tag)], "third").expect_error(412, "revision_conflict");
    let range = [("range", "bytes=0-1"), ("if-range", tag.as_str())];
    server.send("GET", "/api/assets/a/data", &range, None).expect(200);
    assert_eq!(server.get("/api/assets/a/data").expect(200).body, b"second");
}
