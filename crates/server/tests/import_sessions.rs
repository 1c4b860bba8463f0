//! An import is applied as a whole, compared with its files, and taken back to what was there before.

#![allow(clippy::unwrap_used)] // Helpers of tests: a panic is the report.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{Database, FILES, id, text};
use holdfast::import::session::{Changed, Details, Session, SessionError, State, new_id};
use holdfast::import::{self, Input, Options};
use holdfast_store::document::{Mode, NewDocument};
use holdfast_store::item::Kind;
use holdfast_store::store::Place;
use holdfast_store::{Id, Json, Owner, Precondition, Write, Writer};
use serde_json::json;

fn inputs(texts: &[String]) -> Vec<Input> {
    let read = |text: &String| import::read(text.as_bytes()).unwrap();
    texts.iter().map(|text| Input { name: "file".to_owned(), bundle: read(text) }).collect()
}

async fn bring(database: &Database, texts: &[String], options: &Options) -> Session {
    let owner = Owner::local();
    let store = database.store.as_ref();
    let plan = import::plan(store, &owner, inputs(texts), options, &|_| ()).await.unwrap();
    let details = Details { overwrite: options.overwrite, ..Details::default() };
    database.sessions(&owner).bring(&new_id(0).unwrap(), details, plan).await.unwrap()
}

async fn roll_back(
    database: &Database,
    session: &Session,
    changed: Option<Changed>,
) -> Result<Session, SessionError> {
    database.sessions(&Owner::local()).roll_back(&id(&session.id), changed).await
}

async fn write(database: &Database, write: Write) {
    database.store.apply(&Writer::new(Owner::local()).client("somebody"), vec![write]).await.unwrap();
}

async fn hash(database: &Database) -> String {
    for check in database.store.verify().await.unwrap() {
        assert!(check.problems.is_empty(), "{}: {:?}", check.name, check.problems);
    }
    database.store.content_hash().await.unwrap()
}

fn flash(chats: &serde_json::Value, local: &serde_json::Value) -> String {
    let chats = json!({ "state": { "conversations": chats }, "version": 4 }).to_string();
    json!({
        "schema": "vnd.agi.flash-backup", "schemaVersion": 102_000, "metadata": {},
        "storage": {
            "localStorage": local,
            "indexedDB": { "keyval-store": { "keyval": [{ "key": "app-chats", "value": chats }] } },
        },
    })
    .to_string()
}

fn chat(chat: &str, said: &str) -> serde_json::Value {
    let metrics = json!({ "$c": 0.25, "TIn": 1, "TOut": 2 });
    let generator =
        json!({ "mgt": "aix", "name": "m", "aix": { "vId": "v", "mId": "m" }, "metrics": metrics });
    let message = json!({ "id": format!("{chat}-m"), "role": "assistant", "created": said.len(), "fragments": [
        { "ft": "content", "fId": "f", "part": { "pt": "text", "text": said } }], "generator": generator });
    json!({ "id": chat, "messages": [message], "created": 1, "updated": 2 })
}

fn put_chat(chat: &serde_json::Value) -> Write {
    Write::PutConversation {
        id: id(chat["id"].as_str().unwrap()),
        body: Json::from_value(chat).into(),
        place: Place::Usual,
        precondition: Precondition::None,
    }
}

fn put_store(name: &str, data: &serde_json::Value) -> Write {
    let document = NewDocument {
        name: id(name),
        device: String::new(),
        data: Json::from_value(data),
        version: Some(Json::from_value(&json!(2))),
        bare: false,
        beside: None,
    };
    Write::PutDocument { document, mode: Mode::Merge, confirm: None, precondition: Precondition::None }
}

#[tokio::test]
async fn each_file_of_the_app_is_equal_afterwards_and_gone_after_the_way_back() {
    for file in FILES {
        let database = Database::new();
        let empty = hash(&database).await;
        let texts = [text(file)];
        let session = bring(&database, &texts, &Options::default()).await;
        let owner = Owner::local();
        let verified = database.sessions(&owner).verify(&id(&session.id), inputs(&texts)).await.unwrap();
        let found = verified.details.verification.unwrap();
        assert!(found.compared > 0 && found.equal == found.compared, "{file}: {found:?}");
        assert_eq!((found.missing, found.different.len()), (0, 0), "{file}");
        let back = roll_back(&database, &session, None).await.unwrap();
        assert_eq!((back.state, back.details.kept.len()), (State::RolledBack, 0), "{file}");
        assert_eq!(hash(&database).await, empty, "{file}");
    }
}

#[tokio::test]
async fn what_an_import_replaced_returns_whatever_came_before() {
    let overwrite = Options { overwrite: true, ..Options::default() };
    for first in FILES {
        for second in FILES.into_iter().filter(|second| *second != first) {
            let database = Database::new();
            bring(&database, &[text(first)], &Options::default()).await;
            let before = hash(&database).await;
            let session = bring(&database, &[text(second)], &overwrite).await;
            roll_back(&database, &session, None).await.unwrap();
            assert_eq!(hash(&database).await, before, "{second} over {first}");
        }
    }
}

#[tokio::test]
async fn several_files_are_one_import() {
    let database = Database::new();
    let empty = hash(&database).await;
    let session = bring(&database, &FILES.map(text), &Options::default()).await;
    assert_ne!(hash(&database).await, empty);
    roll_back(&database, &session, None).await.unwrap();
    assert_eq!(hash(&database).await, empty);
}

#[tokio::test]
async fn what_others_changed_since_is_asked_about_and_stays_or_goes() {
    let texts = [flash(
        &json!([chat("a", "one"), chat("b", "two")]),
        &json!({
            "app-ui": { "state": { "size": 1 }, "version": 2 },
            "app-folders": { "state": { "folders": [{ "id": "f", "title": "F" }, { "id": "g", "title": "G" }] } },
        }),
    )];
    for changed in [Changed::Keep, Changed::Undo] {
        let database = Database::new();
        let empty = hash(&database).await;
        let session = bring(&database, &texts, &Options::default()).await;
        write(&database, put_chat(&chat("a", "one, and more"))).await;
        write(&database, put_chat(&chat("mine", "new"))).await;
        write(&database, put_store("app-ui", &json!({ "size": 2 }))).await;
        let folder = |name: &str, title: &str| Write::PutItem {
            kind: Kind::Folder,
            id: id(name),
            body: Json::from_value(&json!({ "id": name, "title": title })),
            place: Place::Usual,
            precondition: Precondition::None,
        };
        write(&database, folder("g", "renamed")).await;
        write(&database, folder("h", "new")).await;
        let Err(SessionError::Changed(asked)) = roll_back(&database, &session, None).await else {
            panic!("nobody was asked")
        };
        let of = |notes: &[import::Note]| -> Vec<String> { notes.iter().map(|n| n.id.clone()).collect() };
        assert_eq!(of(&asked), ["a", "app-ui", "g"]);
        let back = roll_back(&database, &session, Some(changed)).await.unwrap();
        let owner = Owner::local();
        let left = |name: &str| {
            let (store, name) = (database.store.clone(), id(name));
            async move { store.conversation(&Owner::local(), &name).await.unwrap().is_some() }
        };
        let folders = database.store.items(&owner, Kind::Folder).await.unwrap();
        let folders: Vec<&str> = folders.iter().map(|f| f.id.as_str()).collect();
        assert!(left("mine").await && !left("b").await);
        if changed == Changed::Keep {
            assert_eq!(of(&back.details.kept), ["a", "app-ui", "g"]);
            assert!(left("a").await);
            assert_eq!(folders, ["g", "h"]);
            assert_eq!(database.browser_value("app-ui").await["state"]["size"], 2);
        } else {
            assert!(back.details.kept.is_empty() && !left("a").await);
            assert_eq!(folders, ["h"]);
            write(&database, Write::DeleteConversation { id: id("mine"), precondition: Precondition::None })
                .await;
            write(
                &database,
                Write::DeleteItem { kind: Kind::Folder, id: id("h"), precondition: Precondition::None },
            )
            .await;
            assert_eq!(hash(&database).await, empty);
        }
    }
}

#[tokio::test]
async fn costs_that_an_import_brought_count_no_more() {
    let database = Database::new();
    let owner = Owner::local();
    write(&database, put_chat(&chat("mine", "mine"))).await;
    let texts = [flash(&json!([chat("a", "one"), chat("mine", "mine")]), &json!({}))];
    let session = bring(&database, &texts, &Options::default()).await;
    let counted = || async {
        let rows = database.store.usage(&owner, None, 10).await.unwrap().items;
        let counted = rows.into_iter().filter(|r| r.source == "message");
        counted.map(|r| r.conversation_id.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(counted().await, ["a", "mine"]);
    roll_back(&database, &session, None).await.unwrap();
    assert_eq!(counted().await, ["mine"]);
    bring(&database, &texts, &Options::default()).await;
    assert_eq!(counted().await, ["a", "mine"]);
}

#[tokio::test]
async fn an_image_that_a_later_chat_shows_stays() {
    let database = Database::new();
    let session = bring(&database, &[text("flash-with-images.json")], &Options::default()).await;
    let owner = Owner::local();
    let image = database.store.assets(&owner, None, 1).await.unwrap().items.remove(0).id;
    let shown = json!({ "id": "mine", "messages": [{ "id": "m", "fragments": [
        { "part": { "dataRef": { "reftype": "dblob", "dblobAssetId": image } } }] }] });
    write(&database, put_chat(&shown)).await;
    let asked = match roll_back(&database, &session, None).await {
        Err(SessionError::Changed(asked)) => asked,
        other => panic!("nobody was asked: {other:?}"),
    };
    assert_eq!((asked.len(), asked[0].id.as_str()), (1, image.as_str()));
    roll_back(&database, &session, Some(Changed::Keep)).await.unwrap();
    assert!(database.store.asset(&owner, &id(&image)).await.unwrap().is_some());
}

#[tokio::test]
async fn steps_have_an_order_and_a_forgotten_import_stays_in_the_store() {
    let database = Database::new();
    let owner = Owner::local();
    let sessions = database.sessions(&owner);
    let nobody: Id = id("nobody");
    assert!(matches!(sessions.get(&nobody).await, Err(SessionError::Unknown(_))));
    let texts = [flash(&json!([chat("a", "one")]), &json!({}))];
    let one = new_id(1).unwrap();
    let looked = sessions.preview(&one, inputs(&texts), &Options::default(), None, &|_| ()).await.unwrap();
    assert_eq!((looked.state, looked.details.report.unwrap().dry_run), (State::Previewed, true));
    assert!(matches!(sessions.roll_back(&one, None).await, Err(SessionError::State(State::Previewed))));
    assert!(matches!(sessions.verify(&one, Vec::new()).await, Err(SessionError::State(State::Previewed))));
    assert!(matches!(sessions.source(&one).await, Err(SessionError::NoSource)));
    let applied = sessions.apply(&one, inputs(&texts), &|_| ()).await.unwrap();
    assert_eq!(applied.state, State::Applied);
    assert!(matches!(
        sessions.apply(&one, inputs(&texts), &|_| ()).await,
        Err(SessionError::State(State::Applied))
    ));
    assert_eq!(sessions.list().await.unwrap().len(), 1);
    sessions.forget(&one).await.unwrap();
    assert!(sessions.list().await.unwrap().is_empty());
    assert!(database.store.conversation(&owner, &id("a")).await.unwrap().is_some());
}
