//! What a file holds, whatever its format.

use std::sync::Arc;

use holdfast_store::document::NewDocument;
use holdfast_store::item::{CHATS, CONVERSATIONS};
use holdfast_store::usage::CostEntry;
use holdfast_store::{Id, Json, Kind};

use super::{ImportError, conversation, first_system, part};

/// The format of a file, the one that keeps least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A database of the first SQLite system, which kept chosen fields only.
    FirstSystem,
    /// One chat, with the fields that the app exports.
    Conversation,
    /// All chats with the same fields, folders and model services.
    AllChats,
    /// A flash backup without images.
    Flash,
    /// A flash backup with images.
    FlashWithImages,
    /// A capture of the browser's whole storage.
    Capture,
    /// Holdfast's own archive.
    Archive,
}

impl Format {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstSystem => "first SQLite system",
            Self::Conversation => "conversation",
            Self::AllChats => "all chats",
            Self::Flash => "flash backup",
            Self::FlashWithImages => "flash backup with images",
            Self::Capture => "capture",
            Self::Archive => "archive",
        }
    }

    /// A whole conversation as this format would have it; `None` when it keeps every field.
    pub(super) fn project(self, conversation: &str) -> Option<Json> {
        match self {
            Self::FirstSystem => Some(first_system::project(conversation)),
            Self::Conversation | Self::AllChats => Some(conversation::project(conversation)),
            Self::Flash | Self::FlashWithImages | Self::Capture | Self::Archive => None,
        }
    }
}

/// Everything that one file holds.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The format it was read from.
    pub format: Format,
    /// When the file was made, as it says.
    pub made_at: Option<String>,
    /// `app-chats`.
    pub chats: Option<Chats>,
    /// Every other store.
    pub documents: Vec<NewDocument>,
    /// Images and sounds.
    pub assets: Vec<AssetRecord>,
    /// Entities that belong to no store of the app.
    pub items: Vec<ItemRecord>,
    /// Cost entries.
    pub costs: Vec<Cost>,
    /// What could not be read, or is none of the app's.
    pub unread: Vec<Unread>,
    /// What the file cannot bring, because whoever wrote it never kept it; for people.
    pub lost: Vec<String>,
}

/// One cost entry.
#[derive(Debug, Clone)]
pub struct Cost {
    /// The entry, with its time and a ledger key.
    pub entry: CostEntry,
    /// The `app-metrics` of the same file has it in its sums.
    pub counted: bool,
}

/// The conversations, and what stands around them.
#[derive(Debug, Clone)]
pub struct Chats {
    /// The list's own order.
    pub conversations: Vec<Arc<Json>>,
    /// The members of the state beside `conversations`, raw keys with their values.
    pub members: Vec<(String, String)>,
    /// `version` of the store.
    pub version: Option<Json>,
    /// Keys beside `state` and `version`.
    pub beside: Option<Json>,
    /// `false` for conversations that were stored one by one, without a store around them.
    pub has_store: bool,
}

/// One record of the app's `largeAssets`.
#[derive(Debug, Clone)]
pub struct AssetRecord {
    /// The key it stood under.
    pub key: Option<String>,
    /// The record.
    pub record: Json,
}

/// One entity that belongs to no store of the app.
#[derive(Debug, Clone)]
pub struct ItemRecord {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: Id,
    /// The entity.
    pub body: Json,
}

/// What was found and not read.
#[derive(Debug, Clone)]
pub struct Unread {
    /// What it should have been.
    pub kind: Kind,
    /// Where it stood.
    pub id: String,
    /// Broken, rather than none of the app's.
    pub broken: bool,
    /// Why.
    pub reason: String,
}

impl Bundle {
    /// An empty one.
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            made_at: None,
            chats: None,
            documents: Vec::new(),
            assets: Vec::new(),
            items: Vec::new(),
            costs: Vec::new(),
            unread: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Takes a value that stands under a raw key.
    pub(super) fn keep_member(&mut self, raw_key: &str, value: &str) -> Result<(), ImportError> {
        match Id::from_json(raw_key) {
            Ok(name) => self.keep(name.as_str(), value),
            Err(why) => {
                self.reject(Kind::Document, raw_key, why.to_string());
                Ok(())
            }
        }
    }

    /// Takes a value of the browser's storage: a store of the app, or a bare value.
    pub(super) fn keep(&mut self, name: &str, value: &str) -> Result<(), ImportError> {
        match wrapped(name, value)? {
            Ok(document) => self.keep_document(document),
            Err(reason) => {
                self.reject(Kind::Document, name, reason);
                Ok(())
            }
        }
    }

    /// Takes the state of a store of the app, without the envelope of the browser around it.
    pub(super) fn keep_state(
        &mut self,
        name: &str,
        data: Json,
        version: Option<Json>,
    ) -> Result<(), ImportError> {
        match Id::parse(name) {
            Ok(name) => {
                let device = String::new();
                self.keep_document(NewDocument { name, device, data, version, bare: false, beside: None })
            }
            Err(why) => {
                self.reject(Kind::Document, name, why.to_string());
                Ok(())
            }
        }
    }

    fn keep_document(&mut self, document: NewDocument) -> Result<(), ImportError> {
        if document.name.as_str() == CHATS {
            return self.keep_chats(document);
        }
        // The last of two equal keys counts, as in `JSON.parse`.
        self.documents.retain(|d| d.name != document.name);
        self.documents.push(document);
        Ok(())
    }

    fn keep_chats(&mut self, document: NewDocument) -> Result<(), ImportError> {
        let list = document.data.get(CONVERSATIONS).and_then(holdfast_store::json::elements);
        let (Some(list), Some(members)) = (list, document.data.members()) else {
            self.reject(Kind::Document, CHATS, "the state has no array of conversations".to_owned());
            return Ok(());
        };
        self.chats = Some(Chats {
            conversations: list.map(|c| part(c).map(Arc::new)).collect::<Result<_, _>>()?,
            members: members
                .filter(|m| !m.key_is(CONVERSATIONS))
                .map(|m| (m.raw_key.to_owned(), m.value.to_owned()))
                .collect(),
            version: document.version,
            beside: document.beside,
            has_store: true,
        });
        Ok(())
    }

    /// Notes something broken.
    pub(super) fn reject(&mut self, kind: Kind, id: &str, reason: String) {
        self.unread.push(Unread { kind, id: id.to_owned(), broken: true, reason });
    }

    /// Notes something that is none of the app's.
    pub(super) fn skip(&mut self, kind: Kind, id: &str, reason: &str) {
        self.unread.push(Unread { kind, id: id.to_owned(), broken: false, reason: reason.to_owned() });
    }
}

impl Chats {
    /// Conversations without an envelope.
    pub(super) fn bare(conversations: Vec<Arc<Json>>) -> Self {
        Self { conversations, members: Vec::new(), version: None, beside: None, has_store: true }
    }

    /// The state with these conversations in it.
    pub(super) fn state(&self, conversations: &[Arc<Json>]) -> Result<Json, ImportError> {
        let mut text = format!("{{\"{CONVERSATIONS}\":[");
        for (index, conversation) in conversations.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            text.push_str(conversation.as_str());
        }
        text.push(']');
        for (key, value) in &self.members {
            text.push(',');
            text.push_str(key);
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        part(&text)
    }
}

/// A browser's value as a document: `{state, version, …}` taken apart, anything else bare. The inner error
/// says why the name cannot be one.
fn wrapped(name: &str, value: &str) -> Result<Result<NewDocument, String>, ImportError> {
    let name = match Id::parse(name) {
        Ok(name) => name,
        Err(why) => return Ok(Err(why.to_string())),
    };
    let device = String::new();
    let value = part(value)?;
    let Some(state) = value.get("state") else {
        return Ok(Ok(NewDocument { name, device, data: value, version: None, bare: true, beside: None }));
    };
    let beside: Vec<String> = value
        .members()
        .into_iter()
        .flatten()
        .filter(|m| !m.key_is("state") && !m.key_is("version"))
        .map(|m| format!("{}:{}", m.raw_key, m.value))
        .collect();
    Ok(Ok(NewDocument {
        name,
        device,
        data: part(state)?,
        version: value.get("version").map(part).transpose()?,
        bare: false,
        beside: match beside.as_slice() {
            [] => None,
            fields => Some(part(&format!("{{{}}}", fields.join(",")))?),
        },
    }))
}
