//! What takes an import back: for each entity that it wrote, what stood there before and what it put there.

use std::collections::HashMap;

use holdfast_store::document::{Document, NewDocument};
use holdfast_store::json::canonical;
use holdfast_store::{Id, Json, Kind, StoreError, StoreResult};
use serde::{Deserialize, Serialize};

/// All of it, kept sealed with the session. Bodies are JSON texts, byte for byte.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Undo {
    pub(super) conversations: ReplacedList,
    pub(super) documents: Vec<ReplacedDocument>,
    pub(super) assets: ReplacedList,
    #[serde(default)]
    pub(super) items: Vec<ReplacedItem>,
}

/// An entity that belongs to no store of the app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReplacedItem {
    /// The name of its kind.
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) entity: Replaced,
}

/// A conversation or an asset's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Replaced {
    pub(super) id: String,
    /// `None`: nothing.
    pub(super) before: Option<String>,
    /// A hash of what the import put there.
    pub(super) after: String,
}

/// A store, of one device or of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReplacedDocument {
    pub(super) name: String,
    pub(super) device: String,
    pub(super) before: Option<Kept>,
    pub(super) after: Kept,
}

/// A document's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) data: String,
    pub(super) version: Option<String>,
    pub(super) bare: bool,
    pub(super) beside: Option<String>,
    /// It has no row of its own: only its entities make it show.
    #[serde(default)]
    pub(super) is_bare_rows: bool,
}

impl Undo {
    /// A conversation is written over `before`. Of one that is written twice, what stood there first counts.
    pub(super) fn conversation(&mut self, id: &Id, before: Option<&Json>, after: &Json) {
        self.conversations.note(id, before, after);
    }

    /// The same for an asset.
    pub(super) fn asset(&mut self, id: &Id, before: Option<&Json>, after: &Json) {
        self.assets.note(id, before, after);
    }

    /// The same for an entity that belongs to no store of the app.
    pub(super) fn item(&mut self, kind: Kind, id: &Id, before: Option<&Json>, after: &Json) {
        let known = self.items.iter_mut().find(|i| i.kind == kind.name() && i.entity.id == id.as_str());
        match known {
            Some(known) => known.entity.after = hash(after.as_str()),
            None => {
                let entity = Replaced::new(id, before, after);
                self.items.push(ReplacedItem { kind: kind.name().to_owned(), entity });
            }
        }
    }

    /// The same for a store: `after` is the whole of it as it will be.
    pub(super) fn document(&mut self, before: Option<Kept>, after: &NewDocument) {
        let (name, device) = (after.name.as_str(), after.device.as_str());
        let after = Kept::of_new(after);
        match self.documents.iter_mut().find(|d| d.name == name && d.device == device) {
            Some(known) => known.after = after,
            None => self.documents.push(ReplacedDocument {
                name: name.to_owned(),
                device: device.to_owned(),
                before,
                after,
            }),
        }
    }
}

/// Entities by their ids.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ReplacedList {
    pub(super) entries: Vec<Replaced>,
    #[serde(skip)]
    places: HashMap<Id, usize>,
}

impl ReplacedList {
    /// What was there first counts as before, what came last as after.
    fn note(&mut self, id: &Id, before: Option<&Json>, after: &Json) {
        match self.places.get(id) {
            Some(at) => self.entries[*at].after = hash(after.as_str()),
            None => {
                self.places.insert(id.clone(), self.entries.len());
                self.entries.push(Replaced::new(id, before, after));
            }
        }
    }
}

impl Replaced {
    fn new(id: &Id, before: Option<&Json>, after: &Json) -> Self {
        Self {
            id: id.as_str().to_owned(),
            before: before.map(|b| b.as_str().to_owned()),
            after: hash(after.as_str()),
        }
    }
}

impl Kept {
    pub(super) fn of_new(document: &NewDocument) -> Self {
        Self {
            data: document.data.as_str().to_owned(),
            version: document.version.as_ref().map(|v| v.as_str().to_owned()),
            bare: document.bare,
            beside: document.beside.as_ref().map(|b| b.as_str().to_owned()),
            is_bare_rows: false,
        }
    }

    pub(super) fn of_stored(document: &Document) -> Self {
        Self {
            data: document.data.as_ref().map_or("null", Json::as_str).to_owned(),
            version: document.version.as_ref().map(|v| v.as_str().to_owned()),
            bare: document.bare,
            beside: document.beside.as_ref().map(|b| b.as_str().to_owned()),
            is_bare_rows: document.key <= 0,
        }
    }

    /// Whether both say the same.
    pub(super) fn equals(&self, other: &Self) -> bool {
        canonical(&self.data) == canonical(&other.data) && self.is_framed_as(other)
    }

    /// Whether what stands around the data is the same.
    pub(super) fn is_framed_as(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| {
            a.as_deref().map(canonical) == b.as_deref().map(canonical)
        };
        self.bare == other.bare && same(&self.version, &other.version) && same(&self.beside, &other.beside)
    }

    /// Whether a write of this leaves nothing of `current` standing around the data.
    pub(super) fn names_all_of(&self, current: &Self) -> bool {
        (self.version.is_some() || current.version.is_none())
            && (self.beside.is_some() || current.beside.is_none())
    }

    /// The document to write.
    pub(super) fn to_new(&self, name: &Id, device: &str) -> StoreResult<NewDocument> {
        Ok(NewDocument {
            name: name.clone(),
            device: device.to_owned(),
            data: body(&self.data)?,
            version: self.version.as_deref().map(body).transpose()?,
            bare: self.bare,
            beside: self.beside.as_deref().map(body).transpose()?,
        })
    }
}

/// A kept text as a value again.
pub(super) fn body(text: &str) -> StoreResult<Json> {
    Json::parse(text).map_err(|why| StoreError::Corrupt(format!("what an import replaced is no JSON: {why}")))
}

/// Tells two values apart, however they are written.
pub(super) fn hash(text: &str) -> String {
    blake3::hash(canonical(text).as_bytes()).to_hex().to_string()
}
