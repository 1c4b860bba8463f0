//! Folders, models, personas, workspaces, assets, providers.

use serde_json::json;

use crate::server::TestServer;

#[test]
fn folders_are_kept_one_by_one_and_together() {
    let server = TestServer::start();
    let folders = r##"{"folders":[{"id":"f","title":"F","conversationIds":["a"],"color":"#fff"}],"enableFolders":true}"##;
    server.put("/api/folders", folders).expect(200);
    server.put("/api/folders/f/conversations/b", "").expect(200);
    server.delete("/api/folders/f/conversations/a").expect(200);
    server.patch("/api/folders/f", r#"{"title":"G"}"#).expect(200);
    server.put("/api/folders/g", r#"{"id":"g","title":"","conversationIds":[]}"#).expect(200);
    let list = server.get("/api/folders").expect(200).json();
    assert_eq!(list["enableFolders"], true);
    assert_eq!(
        list["folders"][0],
        json!({"id": "f", "title": "G", "conversationIds": ["b"], "color": "#fff"})
    );
    assert_eq!(list["folders"][1]["id"], "g");
    server.delete("/api/folders/g").expect(200);
    server.get("/api/folders/g").expect_error(404, "not_found");
    server.put("/api/folders/none/conversations/b", "").expect_error(404, "not_found");
}

#[test]
fn a_deleted_service_takes_its_models_and_assignments_along() {
    let server = TestServer::start();
    let body = r#"{"llms":[{"id":"m","sId":"s"},{"id":"n","sId":"t"}],"sources":[{"id":"s"},{"id":"t"}],
        "modelAssignments":{"primaryChat":{"modelId":"m"}},"confServiceId":"s"}"#;
    server.post("/api/llms", body).expect(200);
    let service = server.get("/api/llms/s").expect(200).json();
    assert_eq!((&service["type"], &service["data"]["modelCount"]), (&json!("service"), &json!(1)));
    let model = server.get("/api/llms/m").expect(200).json();
    assert_eq!((&model["type"], &model["data"]["service"]["id"]), (&json!("model"), &json!("s")));
    let changed = server.put("/api/llms/n", r#"{"userLabel":"N"}"#).expect(200).json();
    assert_eq!(changed["message"], "Model updated successfully");
    assert_eq!(changed["data"]["userLabel"], "N");
    let deleted = server.delete("/api/llms/s").expect(200).json();
    assert_eq!(
        (&deleted["data"]["modelsRemoved"], &deleted["data"]["assignmentsRemoved"]),
        (&json!(1), &json!(1))
    );
    let error = server.get("/api/llms/m").expect_error(404, "not_found");
    assert_eq!(error["error"], "Service or model not found");
    let error = server.post("/api/llms", r#"{"llms":[]}"#).expect_error(400, "invalid_body");
    assert_eq!(error["error"], "Missing required fields: llms, sources, modelAssignments");
    server.delete("/api/llms").expect(200);
    let counts = server.get("/api/llms").expect(200).json()["data"]["counts"].clone();
    assert_eq!(counts, json!({"services": 0, "models": 0, "assignments": 0}));
}

#[test]
fn personas_are_kept_hidden_and_prompted() {
    let server = TestServer::start();
    let persona = r#"{"id":"p","systemPrompt":"","creationDate":"2026","name":"P"}"#;
    server.post("/api/personas", persona).expect(200);
    assert_eq!(server.get("/api/personas/custom/p").expect(200).text(), persona);
    let error = server.post("/api/personas", r#"{"id":"p"}"#).expect_error(400, "invalid_body");
    assert_eq!(error["error"], "Missing required fields: id, systemPrompt, creationDate");
    server.put("/api/personas/hidden", r#"{"personaIds":["a","b"]}"#).expect(200);
    server.post("/api/personas/hidden", r#"{"personaId":"a"}"#).expect(200);
    server.post("/api/personas/hidden/toggle", r#"{"personaId":"c"}"#).expect(200);
    assert_eq!(server.get("/api/personas/hidden").expect(200).json(), json!({"hiddenPersonas": ["b", "c"]}));
    let path = "/api/personas/conversation/x";
    assert_eq!(server.get(path).expect(200).json(), json!({"systemPrompt": null}));
    server.put(path, r#"{"systemPrompt":"Be brief"}"#).expect(200);
    assert_eq!(server.put(path, "{}").expect_error(400, "invalid_body")["error"], "systemPrompt is required");
    let all = server.get("/api/personas").expect(200).json();
    assert_eq!(all["conversationCustomPrompts"], json!({"x": "Be brief"}));
    assert_eq!(all["customPersonas"][0]["name"], "P");
    server.delete(path).expect(200);
    server.delete(path).expect(200);
    server.delete("/api/personas/custom/p").expect(200);
    server.delete("/api/personas/custom/p").expect_error(404, "not_found");
}

#[test]
fn live_files_are_assigned_copied_and_taken_away() {
    let server = TestServer::start();
    server.post("/api/workspace/w", r#"{"operation":"assign","fileId":"f"}"#).expect(200);
    server.post("/api/workspace/w", r#"{"action":"assign","fileId":"g"}"#).expect(200);
    server.post("/api/workspace/v", r#"{"operation":"copy","sourceWorkspaceId":"w"}"#).expect(200);
    server.post("/api/workspace/w", r#"{"operation":"unassign","fileId":"g"}"#).expect(200);
    let all = server.get("/api/workspace").expect(200).json();
    assert_eq!(all["data"]["liveFilesByWorkspace"], json!({"w": ["f"], "v": ["f", "g"]}));
    server.delete("/api/workspace/files/f").expect(200);
    assert_eq!(server.get("/api/workspace/v").expect(200).json()["data"]["files"], json!(["g"]));
    assert_eq!(server.get("/api/workspace/none").expect(200).json()["data"]["files"], json!([]));
    for (body, error) in [
        (r#"{"operation":"assign"}"#, "fileId is required for assign operation"),
        (r#"{"operation":"copy"}"#, "sourceWorkspaceId is required for copy operation"),
        (r#"{"operation":"x"}"#, "Invalid operation. Use: assign, unassign, or copy"),
    ] {
        assert_eq!(server.post("/api/workspace/w", body).expect_error(400, "invalid_body")["error"], error);
    }
    server.post("/api/workspace", r#"{"liveFilesByWorkspace":{"n":["1"]}}"#).expect(200);
    server.delete("/api/workspace/n").expect(200);
    server.delete("/api/workspace").expect(200);
}

#[test]
fn assets_give_their_bytes_whole_and_in_part() {
    let server = TestServer::start();
    let record =
        r#"{"id":"a","assetType":"image","data":{"mimeType":"image/png","base64":"AAECAwQF"},"label":"L"}"#;
    server.post("/api/assets", record).expect(200);
    assert!(server.get("/api/assets/a").expect(200).text().contains(record));
    let list = server.get("/api/assets").expect(200);
    assert!(!list.text().contains("AAECAwQF") && list.text().contains("\"L\""), "{}", list.text());
    let bytes = server.get("/api/assets/a/data").expect(200);
    assert_eq!(
        (bytes.body.as_slice(), bytes.header("content-type")),
        ([0, 1, 2, 3, 4, 5].as_slice(), "image/png")
    );
    let (tag, hash) = (bytes.header("etag").to_owned(), bytes.header("holdfast-hash").to_owned());
    let cached = server.get(&format!("/api/assets/a/data?hash={hash}")).expect(200);
    assert!(cached.header("cache-control").contains("immutable"));
    server.send("GET", "/api/assets/a/data", &[("if-none-match", tag.as_str())], None).expect(304);
    let part = server.send("GET", "/api/assets/a/data", &[("range", "bytes=1-2")], None).expect(206);
    assert_eq!((part.body.as_slice(), part.header("content-range")), ([1, 2].as_slice(), "bytes 1-2/6"));
    let outside = server.send("GET", "/api/assets/a/data", &[("range", "bytes=9-")], None);
    assert_eq!(outside.header("content-range"), "bytes */6");
    outside.expect_error(416, "range_not_satisfiable");
    server.send("PUT", "/api/assets/a/data", &[("content-type", "image/webp")], Some("new")).expect(200);
    assert_eq!(server.get("/api/assets/a/data").expect(200).body, b"new");
    let refers = r#"{"id":"c","messages":[{"id":"1","part":{"dblobAssetId":"a"}}]}"#;
    server.put_chat("c", refers).expect(200);
    server.delete("/api/assets/a").expect_error(409, "asset_in_use");
    server.delete("/api/assets/a?force=true").expect(200);
    server.get("/api/assets/a/data").expect_error(404, "not_found");
}

#[test]
fn providers_without_a_key_say_so() {
    let server = TestServer::start();
    let error = server.get("/api/openai-models").expect_error(400, "not_configured");
    assert_eq!((&error["error"], &error["models"]), (&json!("OpenAI API key not configured"), &json!([])));
    assert_eq!(server.get("/api/test-ai").expect(200).json()["openaiConfigured"], false);
    let error = server.post("/api/test-ai", "{}").expect_error(400, "invalid_body");
    assert_eq!(error["error"], "Prompt is required");
    let error = server.post("/api/test-ai", r#"{"prompt":"hi"}"#).expect_error(500, "not_configured");
    assert!(error["note"].is_string());
}

#[test]
fn metrics_keep_the_saved_store_and_refuse_what_they_do_not_know() {
    let server = TestServer::start();
    let data = r#"{"serviceMetrics":{"s":{"totalCosts":1.5,"usageCount":2,"unknown":true}}}"#;
    server.post("/api/metrics", &format!(r#"{{"operation":"saveStore","data":{data}}}"#)).expect(200);
    let all = server.get("/api/metrics").expect(200).json();
    assert_eq!(all["data"]["serviceMetrics"]["s"]["unknown"], true);
    for (body, error) in [
        (r#"{"operation":"saveStore"}"#, "Store data is required"),
        (r#"{"operation":"addCostEntry"}"#, "Service ID is required"),
        (r#"{"operation":"other"}"#, "Invalid operation"),
    ] {
        assert_eq!(server.post("/api/metrics", body).expect_error(400, "invalid_body")["error"], error);
    }
    server.post("/api/metrics", r#"{"operation":"clear"}"#).expect(200);
    server.get("/api/metrics/s").expect_error(404, "not_found");
}

#[test]
fn the_ledger_outlives_the_chats_it_came_from() {
    let server = TestServer::start();
    let answer = r#"{"id":"1","created":5,"generator":{"mgt":"aix","name":"n","aix":{"vId":"v","mId":"m"},"metrics":{"TIn":7,"TOut":3,"$c":0.5}}}"#;
    for id in ["c", "copy"] {
        server.put_chat(id, &format!(r#"{{"id":"{id}","messages":[{answer}]}}"#)).expect(200);
    }
    server.delete("/api/chats/c").expect(200);
    let usage = server.get("/api/usage").expect(200).json()["usage"].clone();
    assert_eq!(usage.as_array().unwrap().len(), 1, "copies of one answer count once: {usage}");
    assert_eq!((&usage[0]["costNano"], &usage[0]["inputTokens"]), (&json!(5_000_000), &json!(7)));
}
