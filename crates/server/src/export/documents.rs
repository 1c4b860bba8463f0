//! Documents of a store as exports have them: one or all devices' ones, secrets masked where they must be.

use std::fmt::Write as _;

use holdfast_store::document::Document;
use holdfast_store::item::CHATS;
use holdfast_store::seal::{is_secret, mask};
use holdfast_store::{Id, StoreResult};

use super::Job;

/// Names of documents that live in the app's `keyval-store` and not in `localStorage`, those of chats aside.
pub(crate) const KEYVAL_PREFIX: &str = "keyval-store/";

/// The app's services are always secret.
const SERVICES: &str = "app-models";

/// A listed document with its data: lists leave it out of stores with tables. `app-chats` comes with an empty
/// array of conversations. `None` when it was deleted meanwhile.
pub(super) async fn whole(job: &Job<'_>, listed: Document) -> StoreResult<Option<Document>> {
    let found = if listed.data.is_some() {
        Some(listed)
    } else {
        let shell = listed.name == CHATS;
        job.store.document(job.owner, &Id::parse(&listed.name)?, &listed.device, shell).await?
    };
    Ok(found.map(|document| if job.options.secrets { document } else { without_secrets(document) }))
}

/// The shared document of that name, likewise.
pub(super) async fn shared(job: &Job<'_>, name: &str) -> StoreResult<Option<Document>> {
    let found = job.store.document(job.owner, &Id::parse(name)?, "", name == CHATS).await?;
    Ok(found.map(|document| if job.options.secrets { document } else { without_secrets(document) }))
}

fn without_secrets(mut document: Document) -> Document {
    let secret = |name: &str, text: &str| name == SERVICES || (name != CHATS && is_secret(name, text));
    document.data = document.data.map(|d| if secret(&document.name, d.as_str()) { mask(&d) } else { d });
    document.beside = document.beside.map(|b| if secret("", b.as_str()) { mask(&b) } else { b });
    document
}

/// The key in `keyval-store` of a document that is there; `None` for those in `localStorage`.
pub(crate) fn keyval_key(name: &str) -> Option<&str> {
    if name.contains(CHATS) { Some(name) } else { name.strip_prefix(KEYVAL_PREFIX) }
}

/// What stands before and after the state of a document where the browser keeps it; nothing around a bare value.
pub(crate) fn around_state(document: &Document) -> (String, String) {
    if document.bare {
        return (String::new(), String::new());
    }
    let mut after = String::new();
    if let Some(version) = &document.version {
        let _ = write!(after, ",\"version\":{}", version.as_str());
    }
    for member in document.beside.iter().filter_map(|b| b.members()).flatten() {
        let _ = write!(after, ",{}:{}", member.raw_key, member.value);
    }
    after.push('}');
    ("{\"state\":".to_owned(), after)
}
