//! The document in the repository is the one the routes make.

use serde_json::Value;

use crate::server::TestServer;

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json")
}

#[test]
#[allow(clippy::disallowed_methods, reason = "no setting of the server: it asks this test to write")]
fn openapi_json_in_the_repository_is_current() {
    let made = holdfast::api::openapi::text();
    if std::env::var_os("HOLDFAST_UPDATE_OPENAPI").is_some() {
        std::fs::write(path(), &made).unwrap();
    }
    let stored = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(
        stored == made,
        "openapi.json is stale: run `HOLDFAST_UPDATE_OPENAPI=1 cargo test -p holdfast openapi`"
    );
}

#[test]
fn every_route_answers_a_wrong_method_with_the_error_shape() {
    let server = TestServer::start();
    let document: Value = serde_json::from_str(&holdfast::api::openapi::text()).unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        let path = path.replace(['{', '}'], "");
        for prefix in ["", "/_holdfast"] {
            let reply = server.send("OPTIONS", &format!("{prefix}{path}"), &[], None);
            assert!(!reply.header("allow").is_empty(), "{path} names no method");
            reply.expect_error(405, "method_not_allowed");
        }
    }
}

#[test]
fn every_reference_leads_to_a_schema() {
    let text = holdfast::api::openapi::text();
    let document: Value = serde_json::from_str(&text).unwrap();
    for found in text.split("\"$ref\": \"#").skip(1) {
        let pointer = found.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "nothing at {pointer}");
    }
    assert!(text.contains("\"$ref\": \"#/components/schemas/ImportSession\""), "the references are found");
}

#[test]
fn every_operation_has_a_summary_and_names_its_errors() {
    let document: Value = serde_json::from_str(&holdfast::api::openapi::text()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(operation["operationId"].is_string(), "{method} {path} has no id");
            assert!(operation["responses"]["default"].is_object(), "{method} {path} names no errors");
        }
    }
}

#[test]
fn the_explorer_works_without_a_network() {
    let server = TestServer::start();
    let page = server.get("/api/docs/").expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(!page.text().contains("src=\"http"), "{}", page.text());
    server.get("/api/docs/swagger-ui.css").expect(200);
    assert_eq!(server.get("/openapi.json").expect(200).json()["info"]["title"], "Holdfast");
    server.get("/_holdfast/openapi.json").expect(200);
    server.get("/api/docs/nothing.js").expect_error(404, "not_found");
}
