//! What a store holds, and what an import that is being planned will have put there.
//!
//! Several files are planned one after another before anything is written, so a later file has to see what
//! an earlier one brings.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use holdfast_store::asset::references;
use holdfast_store::document::NewDocument;
use holdfast_store::item::CHATS;
use holdfast_store::{Epoch, Id, Json, Kind, Owner, Precondition, Revision, Store, StoreResult};

use super::undo::Kept;

const PAGE: usize = 500;

/// An entity as it stands, or will stand.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    /// The entity.
    pub(super) value: T,
    /// Its revision in the store; `None` when this import puts it there.
    revision: Option<Revision>,
}

impl<T> Found<T> {
    fn stored(value: T, revision: Revision) -> Self {
        Self { value, revision: Some(revision) }
    }

    fn planned(value: T) -> Self {
        Self { value, revision: None }
    }
}

/// See the module.
pub(super) struct Known<'a> {
    store: &'a dyn Store,
    owner: &'a Owner,
    epoch: Epoch,
    conversations: HashMap<Id, Arc<Json>>,
    listed: HashSet<Id>,
    documents: HashMap<(Id, String), NewDocument>,
    assets: HashMap<Id, Json>,
    items: HashMap<(Kind, Id), Json>,
    usage: HashSet<[u8; 16]>,
    referred: BTreeSet<String>,
}

impl<'a> Known<'a> {
    pub(super) fn new(store: &'a dyn Store, owner: &'a Owner) -> Self {
        Self {
            store,
            owner,
            epoch: store.epoch(),
            conversations: HashMap::new(),
            listed: HashSet::new(),
            documents: HashMap::new(),
            assets: HashMap::new(),
            items: HashMap::new(),
            usage: HashSet::new(),
            referred: BTreeSet::new(),
        }
    }

    /// A whole conversation.
    pub(super) async fn conversation(&mut self, id: &Id) -> StoreResult<Option<Found<Arc<Json>>>> {
        if let Some(planned) = self.conversations.get(id) {
            return Ok(Some(Found::planned(planned.clone())));
        }
        let Some(stored) = self.store.conversation(self.owner, id).await? else { return Ok(None) };
        self.listed.insert(id.clone());
        Ok(Some(Found::stored(Arc::new(checked(&stored.text)?), stored.revision)))
    }

    /// Whether a conversation that was asked for stands in the list.
    pub(super) fn is_listed(&self, id: &Id) -> bool {
        self.listed.contains(id)
    }

    /// A store; `app-chats` without its conversations.
    pub(super) async fn document(&self, name: &Id, device: &str) -> StoreResult<Option<Found<NewDocument>>> {
        if let Some(planned) = self.documents.get(&(name.clone(), device.to_owned())) {
            return Ok(Some(Found::planned(planned.clone())));
        }
        let shell = name.as_str() == CHATS;
        let Some(stored) = self.store.document(self.owner, name, device, shell).await? else {
            return Ok(None);
        };
        let value = NewDocument {
            name: name.clone(),
            device: stored.device,
            data: stored.data.unwrap_or_else(|| Json::from_value(&serde_json::Value::Null)),
            version: stored.version,
            bare: stored.bare,
            beside: stored.beside,
        };
        Ok(Some(Found::stored(value, stored.revision)))
    }

    /// What a roll-back brings back of a store: as it stands, whatever is planned.
    pub(super) async fn kept(&self, name: &Id, device: &str) -> StoreResult<Option<Kept>> {
        let shell = name.as_str() == CHATS;
        let stored = self.store.document(self.owner, name, device, shell).await?;
        Ok(stored.as_ref().map(Kept::of_stored))
    }

    /// An asset's record with its data.
    pub(super) async fn asset(&self, id: &Id) -> StoreResult<Option<Found<Json>>> {
        if let Some(planned) = self.assets.get(id) {
            return Ok(Some(Found::planned(planned.clone())));
        }
        let stored = self.store.asset(self.owner, id).await?;
        Ok(stored.map(|a| Found::stored(a.record, a.revision)))
    }

    /// An entity that belongs to no store of the app.
    pub(super) async fn item(&self, kind: Kind, id: &Id) -> StoreResult<Option<Found<Json>>> {
        if let Some(planned) = self.items.get(&(kind, id.clone())) {
            return Ok(Some(Found::planned(planned.clone())));
        }
        let stored = self.store.item(self.owner, kind, id).await?;
        Ok(stored.map(|item| Found::stored(item.body, item.revision)))
    }

    pub(super) fn will_have_item(&mut self, kind: Kind, id: Id, body: Json) {
        self.items.insert((kind, id), body);
    }

    /// Which of these ledger keys have a row.
    pub(super) async fn usage(&self, keys: Vec<[u8; 16]>) -> StoreResult<HashSet<[u8; 16]>> {
        let mut known: HashSet<_> = keys.iter().copied().filter(|key| self.usage.contains(key)).collect();
        known.extend(self.store.known_usage(self.owner, keys).await?);
        Ok(known)
    }

    pub(super) fn will_have_usage(&mut self, key: Option<[u8; 16]>) {
        self.usage.extend(key);
    }

    pub(super) fn will_have_conversation(&mut self, id: Id, body: Arc<Json>) {
        self.referred.extend(references(body.as_str()));
        self.listed.insert(id.clone());
        self.conversations.insert(id, body);
    }

    pub(super) fn will_have_document(&mut self, document: NewDocument) {
        self.documents.insert((document.name.clone(), document.device.clone()), document);
    }

    pub(super) fn will_have_asset(&mut self, id: Id, record: Json) {
        self.assets.insert(id, record);
    }

    /// The assets that planned conversations refer to and that will not be there.
    pub(super) async fn missing_assets(&self) -> StoreResult<Vec<String>> {
        let mut missing = self.referred.clone();
        missing.retain(|id| !Id::parse(id).is_ok_and(|id| self.assets.contains_key(&id)));
        let mut cursor = None;
        while !missing.is_empty() {
            let page = self.store.assets(self.owner, cursor.as_deref(), PAGE).await?;
            for stored in &page.items {
                missing.remove(&stored.id);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(missing.into_iter().collect())
    }

    /// What must still hold when the write is made, so that nobody else's change is lost.
    pub(super) fn precondition<T>(&self, found: Option<&Found<T>>) -> Precondition {
        match found {
            None => Precondition::Absent,
            Some(Found { revision: Some(revision), .. }) => {
                Precondition::At { epoch: self.epoch.clone(), revision: *revision }
            }
            Some(Found { revision: None, .. }) => Precondition::None,
        }
    }
}

fn checked(text: &str) -> StoreResult<Json> {
    Json::parse(text).map_err(|why| {
        holdfast_store::StoreError::Corrupt(format!("a stored conversation is no JSON: {why}"))
    })
}
