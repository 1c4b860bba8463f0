//! Models, folders, personas, live files, assets.

use std::sync::Arc;

use super::{Fixture, chat_with, id, json};
use crate::conversation::SummaryFilter;
use crate::store::{Edit, Effect, Holders, Place, Write};
use crate::{Kind, Precondition, StoreError};

fn put(kind: Kind, name: &str, body: &str) -> Write {
    Write::PutItem {
        kind,
        id: id(name),
        body: json(body),
        place: Place::Usual,
        precondition: Precondition::None,
    }
}

fn edit(kind: Kind, name: &str, edit: Edit) -> Write {
    Write::EditItem { kind, id: id(name), edit, precondition: Precondition::None }
}

pub async fn concurrent_edits_of_one_entity_all_survive(t: Fixture) {
    t.apply(put(Kind::LlmModel, "m", r#"{"id":"m"}"#)).await.unwrap();
    let t = Arc::new((t.store, t.writer));
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let t = Arc::clone(&t);
            tokio::spawn(async move {
                let patch = Edit::Assign(json(&format!(r#"{{"f{n}":{n}}}"#)));
                t.0.apply(&t.1, vec![edit(Kind::LlmModel, "m", patch)]).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap()[0].effect, Effect::Updated);
    }
    let model = t.0.item(&t.1.owner, Kind::LlmModel, &id("m")).await.unwrap().unwrap();
    assert_eq!(model.body.members().unwrap().count(), 21);
}

pub async fn an_entity_goes_where_it_is_asked_to(t: Fixture) {
    let put = |name: &str, place| Write::PutItem {
        kind: Kind::Folder,
        id: id(name),
        body: json(&format!(r#"{{"id":"{name}"}}"#)),
        place,
        precondition: Precondition::None,
    };
    let after = |name: &str| Place::After(name.to_owned());
    for (name, place, expected, effect) in [
        ("a", Place::Usual, "a", Effect::Created),
        ("b", Place::Usual, "ab", Effect::Created),
        ("c", after("a"), "acb", Effect::Created),
        ("c", after("a"), "acb", Effect::Unchanged),
        ("c", after("c"), "acb", Effect::Unchanged),
        ("b", Place::First, "bac", Effect::Updated),
        ("b", after("c"), "acb", Effect::Updated),
    ] {
        assert_eq!(t.apply(put(name, place)).await.unwrap().effect, effect, "{name} in {expected}");
        let order: String =
            t.store.items(t.owner(), Kind::Folder).await.unwrap().into_iter().map(|i| i.id).collect();
        assert_eq!(order, expected);
    }
    t.expect_sound().await;
}

pub async fn a_deleted_service_takes_its_models_along(t: Fixture) {
    t.apply(put(Kind::LlmService, "s", r#"{"id":"s"}"#)).await.unwrap();
    for (model, service) in [("a", "s"), ("b", "s"), ("c", "other")] {
        t.apply(put(Kind::LlmModel, model, &format!(r#"{{"id":"{model}","sId":"{service}"}}"#)))
            .await
            .unwrap();
    }
    t.apply(put(Kind::LlmAssignment, "primaryChat", r#"{"modelId":"a"}"#)).await.unwrap();
    t.apply(put(Kind::LlmAssignment, "fastUtil", r#"{"modelId":"c"}"#)).await.unwrap();
    let delete = Write::DeleteItem { kind: Kind::LlmService, id: id("s"), precondition: Precondition::None };
    let outcome = t.apply(delete).await.unwrap();
    assert_eq!((outcome.models_removed, outcome.assignments_removed), (2, 1));
    let left = t.store.items(t.owner(), Kind::LlmModel).await.unwrap();
    assert_eq!(left.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["c"]);
    t.expect_sound().await;
}

pub async fn the_deepest_values_are_edited(t: Fixture) {
    let deep = "[".repeat(998) + &"]".repeat(998);
    t.apply(put(Kind::Persona, "p", &format!(r#"{{"id":"p","deep":{deep}}}"#))).await.unwrap();
    let merge = Edit::MergePatch(json(r#"{"name":"N"}"#));
    assert_eq!(t.apply(edit(Kind::Persona, "p", merge)).await.unwrap().effect, Effect::Updated);
    let path = format!("/deep{}", "/0".repeat(997));
    let deeper = Edit::JsonPatch(json(&format!(r#"[{{"op":"add","path":"{path}/-","value":[[[]]]}}]"#)));
    let refused = t.apply(edit(Kind::Persona, "p", deeper)).await;
    assert!(matches!(refused, Err(StoreError::PatchFailed(_))), "{refused:?}");
    t.expect_sound().await;
}

pub async fn a_stale_write_of_a_masked_service_is_unchanged(t: Fixture) {
    let service = r#"{"id":"s","setup":{"oaiKey":"sk-1"}}"#;
    let first = t.apply(put(Kind::LlmService, "s", service)).await.unwrap().revision;
    t.apply(put(Kind::LlmModel, "m", r#"{"id":"m"}"#)).await.unwrap();
    let masked = crate::seal::mask(&json(service));
    let stale = Write::PutItem {
        kind: Kind::LlmService,
        id: id("s"),
        body: masked,
        place: Place::Usual,
        precondition: Precondition::At { epoch: t.store.epoch(), revision: first - 1 },
    };
    assert_eq!(t.apply(stale).await.unwrap().effect, Effect::Unchanged);
}

pub async fn a_hidden_persona_is_toggled(t: Fixture) {
    for expected in [vec!["Developer"], vec![]] {
        t.apply(Write::TogglePersona { id: id("Developer") }).await.unwrap();
        let hidden = t.store.items(t.owner(), Kind::HiddenPersona).await.unwrap();
        assert_eq!(hidden.iter().map(|h| h.id.as_str()).collect::<Vec<_>>(), expected);
    }
}

pub async fn live_files_are_assigned_and_taken_away(t: Fixture) {
    for (workspace, file) in [("w", "f1"), ("w", "f2"), ("w", "f1"), ("v", "f1")] {
        let include = Edit::Include { member: None, value: crate::Json::string(file) };
        t.apply(edit(Kind::WorkspaceFiles, workspace, include)).await.unwrap();
    }
    let files = t.store.item(t.owner(), Kind::WorkspaceFiles, &id("w")).await.unwrap().unwrap();
    assert_eq!(files.body.as_str(), r#"["f1","f2"]"#);
    let outcome = t.apply(Write::UnassignFile { file: "f1".to_owned() }).await.unwrap();
    assert_eq!(outcome.items.updated, 2);
    let document = t.document("agi-client-workspace").await.unwrap();
    assert_eq!(document.data.unwrap().as_str(), r#"{"liveFilesByWorkspace":{"w":["f2"],"v":[]}}"#);
    t.expect_sound().await;
}

pub async fn folders_list_conversations_in_summaries(t: Fixture) {
    for chat in ["a", "b"] {
        t.put_chat(chat, &chat_with(chat, &[])).await;
    }
    t.apply(put(Kind::Folder, "f", r#"{"id":"f","title":"F","conversationIds":["a","orphan"]}"#))
        .await
        .unwrap();
    let add = Edit::Include { member: Some("conversationIds"), value: json("\"b\"") };
    t.apply(edit(Kind::Folder, "f", add)).await.unwrap();
    let remove = Edit::Exclude { member: Some("conversationIds"), value: json("\"a\"") };
    t.apply(edit(Kind::Folder, "f", remove)).await.unwrap();
    let folder = t.store.item(t.owner(), Kind::Folder, &id("f")).await.unwrap().unwrap();
    assert_eq!(folder.body.as_str(), r#"{"id":"f","title":"F","conversationIds":["orphan","b"]}"#);
    let filter = SummaryFilter { folder: Some("f".to_owned()), ..SummaryFilter::default() };
    let page = t.store.summaries(t.owner(), &filter, None, 10).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(
        (page.items[0].id.as_str(), page.items[0].folder_ids.as_slice()),
        ("b", ["f".to_owned()].as_slice())
    );
    t.expect_sound().await;
}

fn record(asset: &str) -> String {
    format!(
        r#"{{"id":"{asset}","assetType":"image","data":{{"mimeType":"image/png","base64":"AAECAwQ="}},"createdAt":"2026"}}"#
    )
}

fn put_asset(asset: &str, record: &str) -> Write {
    Write::PutAsset { id: id(asset), record: json(record), precondition: Precondition::None }
}

pub async fn assets_come_back_with_their_bytes_once(t: Fixture) {
    for asset in ["a", "b"] {
        t.apply(put_asset(asset, &record(asset))).await.unwrap();
    }
    assert_eq!(t.apply(put_asset("a", &record("a"))).await.unwrap().effect, Effect::Unchanged);
    assert_eq!(t.store.asset(t.owner(), &id("a")).await.unwrap().unwrap().record.as_str(), record("a"));
    let data = t.store.asset_data(t.owner(), &id("b")).await.unwrap().unwrap();
    assert_eq!((data.bytes.as_slice(), data.mime.as_str()), ([0, 1, 2, 3, 4].as_slice(), "image/png"));
    let write = Write::PutAssetData {
        id: id("a"),
        bytes: vec![9; 10],
        mime: "image/webp".to_owned(),
        precondition: Precondition::None,
    };
    t.apply(write).await.unwrap();
    let changed = t.store.asset_data(t.owner(), &id("a")).await.unwrap().unwrap();
    assert_eq!((changed.bytes.len(), changed.mime.as_str()), (10, "image/webp"));
    let first = t.store.assets(t.owner(), None, 1).await.unwrap();
    let rest = t.store.assets(t.owner(), first.next.as_deref(), 1).await.unwrap();
    assert_eq!((first.items[0].id.as_str(), rest.items[0].id.as_str(), rest.next), ("a", "b", None));
    t.expect_sound().await;
}

pub async fn an_asset_in_use_is_not_deleted(t: Fixture) {
    t.apply(put_asset("img", &record("img"))).await.unwrap();
    let chat =
        r#"{"id":"c","messages":[{"id":"m","fragments":[{"part":{"dataRef":{"dblobAssetId":"img"}}}]}]}"#;
    t.put_chat("c", chat).await;
    let delete = |spared| Write::DeleteAsset { id: id("img"), spared, precondition: Precondition::None };
    let in_use = Err(StoreError::AssetInUse("img".to_owned()));
    assert_eq!(t.apply(delete(Holders::None)).await, in_use);
    assert_eq!(t.apply(delete(Holders::History)).await, in_use);
    t.apply(Write::DeleteConversation { id: id("c"), precondition: Precondition::None }).await.unwrap();
    assert_eq!(t.apply(delete(Holders::None)).await, in_use, "a kept version needs it");
    assert_eq!(t.apply(delete(Holders::History)).await.unwrap().effect, Effect::Deleted);
    assert_eq!(t.store.asset(t.owner(), &id("img")).await.unwrap(), None);
    t.expect_sound().await;
}
