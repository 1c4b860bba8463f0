//! The kinds of entities, and which part of which store of the app each one is.
//!
//! A store such as `app-models` is a document whose arrays and maps have tables of their own. [`PARTS`] is the
//! one list of them: whole-store reads and writes, entity routes, import and history all follow it.

use crate::json::{Json, quote};

/// What an entity is. Its name stands in `changes` and `history`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A conversation: its head, or all of it where that is said.
    Conversation,
    /// A message; its parent is a conversation.
    Message,
    /// A store's document; for a store with tables, what is left beside them.
    Document,
    /// A model service: credentials, always sealed.
    LlmService,
    /// A model.
    LlmModel,
    /// Which model does what.
    LlmAssignment,
    /// A folder.
    Folder,
    /// A custom persona.
    Persona,
    /// A hidden persona: its body is the id as a JSON string.
    HiddenPersona,
    /// The prompt of one conversation; the id is the conversation's, the body a JSON string.
    ConversationPrompt,
    /// The live files of one workspace; the id is the workspace's, the body the array of file ids.
    WorkspaceFiles,
    /// An image or a sound.
    Asset,
    /// A row of the ledger.
    Usage,
    /// A client's report.
    Report,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Conversation,
        Self::Message,
        Self::Document,
        Self::LlmService,
        Self::LlmModel,
        Self::LlmAssignment,
        Self::Folder,
        Self::Persona,
        Self::HiddenPersona,
        Self::ConversationPrompt,
        Self::WorkspaceFiles,
        Self::Asset,
        Self::Usage,
        Self::Report,
    ];

    /// The name in the changes feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Document => "document",
            Self::LlmService => "llm_service",
            Self::LlmModel => "llm_model",
            Self::LlmAssignment => "llm_assignment",
            Self::Folder => "folder",
            Self::Persona => "persona",
            Self::HiddenPersona => "hidden_persona",
            Self::ConversationPrompt => "conversation_prompt",
            Self::WorkspaceFiles => "workspace_files",
            Self::Asset => "asset",
            Self::Usage => "usage",
            Self::Report => "report",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// How a store holds its entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An array of objects with an `id`.
    Objects,
    /// An array of strings, each its own id.
    Strings,
    /// An object from id to body.
    Map,
}

impl Shape {
    /// The member's value with these entities, each under its id.
    pub fn put_together(self, items: &[(String, Json)]) -> String {
        let texts: Vec<String> = match self {
            Self::Objects | Self::Strings => items.iter().map(|(_, body)| body.as_str().to_owned()).collect(),
            Self::Map => items.iter().map(|(id, body)| format!("{}:{}", quote(id), body.as_str())).collect(),
        };
        let texts = texts.join(",");
        if self == Self::Map { format!("{{{texts}}}") } else { format!("[{texts}]") }
    }

    /// The member without entities.
    pub fn empty(self) -> &'static str {
        match self {
            Self::Objects | Self::Strings => "[]",
            Self::Map => "{}",
        }
    }
}

/// A member of a store's state that has a table.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The store.
    pub store: &'static str,
    /// The member of its state.
    pub member: &'static str,
    /// What its entities are.
    pub kind: Kind,
    /// How they are held.
    pub shape: Shape,
}

const fn part(store: &'static str, member: &'static str, kind: Kind, shape: Shape) -> Part {
    Part { store, member, kind, shape }
}

/// Every member with a table, `app-chats` aside: conversations have a shape of their own.
pub const PARTS: &[Part] = &[
    part("app-models", "sources", Kind::LlmService, Shape::Objects),
    part("app-models", "llms", Kind::LlmModel, Shape::Objects),
    part("app-models", "modelAssignments", Kind::LlmAssignment, Shape::Map),
    part("app-folders", "folders", Kind::Folder, Shape::Objects),
    part("app-purpose", "hiddenPurposeIDs", Kind::HiddenPersona, Shape::Strings),
    part("app-app-personas", "simplePersonas", Kind::Persona, Shape::Objects),
    part("agi-client-workspace", "liveFilesByWorkspace", Kind::WorkspaceFiles, Shape::Map),
];

/// The store of conversations.
pub const CHATS: &str = "app-chats";
/// The member of its state that has tables.
pub const CONVERSATIONS: &str = "conversations";
/// The store of costs: its document is a baseline that explicit entries add to.
pub const METRICS: &str = "app-metrics";

/// The parts of a store; empty for a plain document.
pub fn parts(store: &str) -> impl Iterator<Item = &'static Part> + '_ {
    PARTS.iter().filter(move |p| p.store == store)
}

/// Whether a store has tables of its own.
pub fn has_tables(store: &str) -> bool {
    store == CHATS || parts(store).next().is_some()
}

/// One entity of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id; empty when the body has none that is a string.
    pub id: String,
    /// The body in clear text.
    pub body: Json,
    /// Its revision.
    pub revision: crate::Revision,
}
