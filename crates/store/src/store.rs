//! The store: what it promises, whatever database is beneath.
//!
//! Every change goes through [`Store::apply`]. Reads are grouped by noun. Every operation belongs to one
//! owner and sees that owner's rows only.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::asset::{Asset, AssetData};
use crate::change::Changes;
use crate::conversation::{Conversation, Message, MessageCounts, Summary, SummaryFilter};
use crate::document::{Document, Mode, NewDocument};
use crate::error::{ApplyError, StoreResult};
use crate::history::{Version, VersionBody, VersionFilter};
use crate::import::{ImportSession, LedgerEdge};
use crate::item::{Item, Kind};
use crate::json::Json;
use crate::owner::{Id, Owner};
use crate::page::Page;
use crate::report::Report;
use crate::revision::{Cursor, Epoch, Precondition, Revision};
use crate::usage::{CostEntry, ServiceMetrics, UsageRow};

/// Who writes, and how often the write may happen.
#[derive(Debug, Clone)]
pub struct Writer {
    /// Whose data.
    pub owner: Owner,
    /// The `Holdfast-Client` of the request.
    pub client: Option<String>,
    /// Makes a repeated request harmless: see [`Store::apply`].
    pub idempotency: Option<Idempotency>,
}

impl Writer {
    /// A writer without a client id.
    pub fn new(owner: Owner) -> Self {
        Self { owner, client: None, idempotency: None }
    }

    /// The same with a client id.
    #[must_use]
    pub fn client(mut self, client: &str) -> Self {
        self.client = Some(client.to_owned());
        self
    }
}

/// A key that a client chose for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub key: String,
    /// A hash of method, path and body.
    pub request: [u8; 32],
}

/// Where a new entity of a list goes, or an existing one moves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// Existing ones stay; a new conversation goes first, anything else last.
    #[default]
    Usual,
    /// First.
    First,
    /// After the one with this id; last when there is none such.
    After(String),
}

/// What may still refer to an asset that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holders {
    /// Nothing.
    None,
    /// Kept versions of messages.
    History,
    /// Anything.
    All,
}

/// How to change a part of a JSON body.
#[derive(Debug, Clone)]
pub enum Edit {
    /// RFC 7396 JSON Merge Patch.
    MergePatch(Json),
    /// RFC 6902 JSON Patch.
    JsonPatch(Json),
    /// The fields of an object replace those of the body.
    Assign(Json),
    /// Adds a value to an array unless it is there: the array under this member, or the body itself. The body
    /// is created as an empty array when absent and no member is named.
    Include {
        /// The member that holds the array.
        member: Option<&'static str>,
        /// The value.
        value: Json,
    },
    /// Removes a value from an array.
    Exclude {
        /// The member that holds the array.
        member: Option<&'static str>,
        /// The value.
        value: Json,
    },
}

/// Which fragment of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FragmentRef {
    /// By its place in `fragments`, from 0.
    Index(usize),
    /// By its `fId`; the first with it.
    Id(String),
}

/// One change to make. The `precondition` of each is checked inside the transaction.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Write {
    /// Replaces a conversation; messages that it does not have are deleted. Checks the whole conversation.
    PutConversation { id: Id, body: Arc<Json>, place: Place, precondition: Precondition },
    /// Changes the head. Checks the head. Fails when it touches `id` or `messages`.
    EditConversation { id: Id, edit: Edit, precondition: Precondition },
    /// Deletes a conversation and its messages, all kept in history. Checks the whole conversation.
    DeleteConversation { id: Id, precondition: Precondition },
    /// Creates or replaces one message. Checks the message; its `id` must be `id`.
    PutMessage { conversation: Id, id: Id, body: Json, place: Place, precondition: Precondition },
    /// Appends text to a text fragment. Checks the message.
    AppendText { conversation: Id, id: Id, fragment: FragmentRef, text: String, precondition: Precondition },
    /// Deletes one message. Checks the message.
    DeleteMessage { conversation: Id, id: Id, precondition: Precondition },
    /// Writes a store, entity tables included. Checks the store with all its entities.
    PutDocument { document: NewDocument, mode: Mode, confirm: Option<u64>, precondition: Precondition },
    /// Deletes a store and all its entities. Checks the store with all its entities.
    DeleteDocument { name: Id, device: String, confirm: Option<u64>, precondition: Precondition },
    /// Creates or replaces one entity of a part (never a conversation, message, document or asset).
    PutItem { kind: Kind, id: Id, body: Json, place: Place, precondition: Precondition },
    /// Changes one entity; absent ones stay absent, but for an `Include` that makes them.
    EditItem { kind: Kind, id: Id, edit: Edit, precondition: Precondition },
    /// Deletes one entity; a service takes its models and their assignments along, a model its assignments.
    DeleteItem { kind: Kind, id: Id, precondition: Precondition },
    /// Hides a persona, or shows it when it is hidden.
    TogglePersona { id: Id },
    /// Takes a file from every workspace.
    UnassignFile { file: String },
    /// Writes an asset's record, data included.
    PutAsset { id: Id, record: Json, precondition: Precondition },
    /// Writes the bytes of an asset whose record exists.
    PutAssetData { id: Id, bytes: Vec<u8>, mime: String, precondition: Precondition },
    /// Deletes an asset; refused while something refers to it that is not `spared`.
    DeleteAsset { id: Id, spared: Holders, precondition: Precondition },
    /// Adds one explicit cost entry to the ledger.
    AddCost(CostEntry),
    /// Empties the metrics of one service, or of all: a marker row, so the entries stay.
    ClearMetrics { service: Option<String> },
    /// Keeps a client's report, with masks where it names credentials; the oldest one goes when there are more than
    /// [`crate::report::KEPT`].
    AddReport { kind: String, body: Json },
    /// Deletes a document's own row and keeps its entities: what stands beside them is gone. Checks the store.
    DeleteShell { name: Id, precondition: Precondition },
    /// Creates an import session, or says how far it is.
    PutImport { id: Id, state: String, body: Json },
    /// Keeps what takes a session back, sealed; `None` forgets it.
    PutImportUndo { id: Id, undo: Option<Json> },
    /// Notes where the session's rows of the ledger begin or end.
    MarkImport { id: Id, edge: LedgerEdge },
    /// Makes the ledger's rows between the session's marks count no more.
    VoidImport { id: Id },
    /// Forgets a session and what would take it back. What it brought stays.
    DeleteImport { id: Id },
    /// Makes a kept version current again, as a new revision.
    Restore { kind: Kind, parent: Option<String>, id: String, revision: Revision, precondition: Precondition },
    /// Makes one write unless a request or write with this key was made within 24 hours: then its outcome is given
    /// again. The same key with another request is [`crate::StoreError::IdempotencyMismatch`].
    Once { idempotency: Idempotency, write: Box<Write> },
}

/// What became of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Effect {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It already was what was asked for; nothing was written.
    #[default]
    Unchanged,
    /// It is gone.
    Deleted,
    /// It was not there.
    Absent,
}

/// What one [`Write`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// What became of the entity.
    pub effect: Effect,
    /// The revision of what was written: the head for an edit, the message for a message, the whole otherwise.
    pub revision: Revision,
    /// The revision of the conversation around it, for conversations and messages.
    pub conversation_revision: Revision,
    /// What happened to messages.
    pub messages: MessageCounts,
    /// What happened to the entities of a store: for `app-chats` its conversations.
    pub items: MessageCounts,
    /// Incognito conversations that a whole-store write left out.
    pub skipped: u64,
    /// The body as it is now, for edits; as it was, for deletes of entities. Not given for a replayed request.
    #[serde(skip)]
    pub body: Option<Json>,
    /// Models that went with a service.
    pub models_removed: u64,
    /// Assignments that went with a service or model.
    pub assignments_removed: u64,
    /// The request was answered before: this is that answer.
    pub replayed: bool,
}

/// The order of a list of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `updated` descending, nulls last, then `created` descending, then the list's own order.
    Recent,
    /// The list's own order, as the `app-chats` document keeps it.
    List,
}

/// A conversation to read, from [`Conversations::conversation_keys`].
pub type ConversationKey = i64;

/// Whole conversations, read together.
#[derive(Debug, Default)]
pub struct ConversationChunk {
    /// The texts, each after a separator.
    pub texts: Vec<u8>,
    /// Where each text ends in `texts`.
    pub ends: Vec<usize>,
    /// How many keys were taken; the next chunk begins after them. Keys of conversations that are gone
    /// are taken and give no text.
    pub taken: usize,
}

/// Reads of conversations and messages.
#[async_trait]
pub trait Conversations {
    /// One whole conversation.
    async fn conversation(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Conversation>>;

    /// Only its head (with `messages` emptied), and both revisions.
    async fn conversation_head(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Conversation>>;

    /// The keys of all conversations that changed after `after` (0: of all), for
    /// [`Conversations::conversation_chunk`].
    async fn conversation_keys(
        &self,
        owner: &Owner,
        order: Order,
        after: Revision,
    ) -> StoreResult<Vec<ConversationKey>>;

    /// How many conversations there are.
    async fn conversation_count(&self, owner: &Owner) -> StoreResult<u64>;

    /// The texts of some of `keys`, from the first on, until about `budget` bytes are read (at least one
    /// key is taken), each after `separator`. No lock is held between chunks.
    async fn conversation_chunk(
        &self,
        owner: &Owner,
        keys: Vec<ConversationKey>,
        budget: usize,
        separator: u8,
    ) -> StoreResult<ConversationChunk>;

    /// A page of summaries, in the order [`Order::Recent`]. Never reads a message.
    async fn summaries(
        &self,
        owner: &Owner,
        filter: &SummaryFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<Summary>>;

    /// One message. Errors: [`crate::StoreError::AmbiguousMessageId`].
    async fn message(&self, owner: &Owner, conversation: &Id, id: &Id) -> StoreResult<Option<Message>>;

    /// The last `limit` messages, or those before a cursor, oldest first; `next` leads to older ones.
    /// `None` when there is no such conversation.
    async fn messages(
        &self,
        owner: &Owner,
        conversation: &Id,
        before: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<Message>>>;
}

/// Reads of stores and their entities.
#[async_trait]
pub trait Documents {
    /// One store, whole. `app-chats` gives its state without conversations' texts when `shell` is asked: an
    /// empty `conversations` array where they belong.
    async fn document(
        &self,
        owner: &Owner,
        name: &Id,
        device: &str,
        shell: bool,
    ) -> StoreResult<Option<Document>>;

    /// Every store, newest change first, of every device. `data` is given for plain documents, and for those
    /// with tables when `tables` is asked.
    async fn documents(&self, owner: &Owner, tables: bool) -> StoreResult<Vec<Document>>;

    /// All entities of a kind, in their list's order.
    async fn items(&self, owner: &Owner, kind: Kind) -> StoreResult<Vec<Item>>;

    /// One entity; the first with this id.
    async fn item(&self, owner: &Owner, kind: Kind, id: &Id) -> StoreResult<Option<Item>>;
}

/// Reads of assets.
#[async_trait]
pub trait Assets {
    /// A page of records without their data, by id.
    async fn assets(&self, owner: &Owner, cursor: Option<&str>, limit: usize) -> StoreResult<Page<Asset>>;

    /// One record with its data.
    async fn asset(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Asset>>;

    /// Whether a message that was written after a revision shows the asset.
    async fn asset_is_shown_since(&self, owner: &Owner, id: &Id, after: Revision) -> StoreResult<bool>;

    /// How many assets there are.
    async fn asset_count(&self, owner: &Owner) -> StoreResult<u64>;

    /// The bytes of one.
    async fn asset_data(&self, owner: &Owner, id: &Id) -> StoreResult<Option<AssetData>>;
}

/// Reads of costs.
#[async_trait]
pub trait Ledger {
    /// The metrics of each service: the saved baseline and the explicit entries after it.
    async fn metrics(&self, owner: &Owner) -> StoreResult<Vec<ServiceMetrics>>;

    /// Which of these ledger keys have a row.
    async fn known_usage(&self, owner: &Owner, keys: Vec<[u8; 16]>) -> StoreResult<HashSet<[u8; 16]>>;

    /// The rows of the ledger, newest first.
    async fn usage(&self, owner: &Owner, cursor: Option<&str>, limit: usize) -> StoreResult<Page<UsageRow>>;
}

/// Reads of what clients told.
#[async_trait]
pub trait Reports {
    /// The reports, of one kind where one is asked for, newest first.
    async fn reports(
        &self,
        owner: &Owner,
        kind: Option<&str>,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<Report>>;
}

/// Reads of import sessions.
#[async_trait]
pub trait Imports {
    /// All sessions, newest first.
    async fn imports(&self, owner: &Owner) -> StoreResult<Vec<ImportSession>>;

    /// One session.
    async fn import(&self, owner: &Owner, id: &Id) -> StoreResult<Option<ImportSession>>;

    /// What takes a session back, as [`Write::PutImportUndo`] kept it.
    async fn import_undo(&self, owner: &Owner, id: &Id) -> StoreResult<Option<Json>>;
}

/// Reads of what happened.
#[async_trait]
pub trait Log {
    /// Up to `limit` changes after `after` (`None`: from the beginning), of these kinds (empty: all).
    async fn changes(
        &self,
        owner: &Owner,
        after: Option<&Cursor>,
        limit: usize,
        kinds: &[String],
    ) -> StoreResult<Changes>;

    /// The newest sequence number as a cursor.
    async fn cursor(&self, owner: &Owner) -> StoreResult<Cursor>;

    /// Wakes after each commit. The value has no meaning of its own.
    fn committed(&self) -> watch::Receiver<u64>;

    /// Kept versions, newest first.
    async fn versions(
        &self,
        owner: &Owner,
        filter: &VersionFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<Version>>;

    /// The kept version of that revision.
    async fn version(&self, owner: &Owner, revision: Revision) -> StoreResult<Option<VersionBody>>;
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked: `integrity`, `foreign_keys`, `derived_columns`, `blobs`, `secrets`, …
    pub name: &'static str,
    /// How many things were looked at.
    pub checked: u64,
    /// What is wrong, at most a hundred of them.
    pub problems: Vec<String>,
}

/// Rows per noun.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Name of the noun, and rows.
    pub rows: Vec<(&'static str, u64)>,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// The care of the file.
#[async_trait]
pub trait Care {
    /// Copies the database, as of one moment, to a new file at `to`, while writes go on.
    async fn backup(&self, to: &Path) -> StoreResult<()>;

    /// Reads everything and compares: structure, foreign keys, derived columns against their JSON, blobs
    /// against their hashes, secrets against the key.
    async fn verify(&self) -> StoreResult<Vec<Check>>;

    /// A hash over all owners' entities in clear text: equal databases have equal ones, whatever their history.
    async fn content_hash(&self) -> StoreResult<String>;

    /// Rows and size.
    async fn counts(&self) -> StoreResult<Counts>;

    /// Whether reads and writes work now: an error says why not.
    async fn ping(&self) -> StoreResult<()>;

    /// Starts a new line of history, after a restore: every cursor and revision known to clients is void.
    async fn begin_epoch(&self) -> StoreResult<Epoch>;
}

/// A database of one or more owners.
#[async_trait]
pub trait Store:
    Conversations + Documents + Assets + Ledger + Reports + Imports + Log + Care + Send + Sync
{
    /// Makes all of `writes`, in their order, or none of them.
    ///
    /// When this returns `Ok`, the writes are on the disk and survive `kill -9` and power loss. Each changed
    /// entity has a row in the changes feed, and its old version is kept in history. A write that would
    /// change nothing succeeds with [`Effect::Unchanged`], whatever its precondition.
    ///
    /// With an idempotency key, a request that was answered within 24 hours is not made again but answered
    /// as before; the same key with another request is [`crate::StoreError::IdempotencyMismatch`].
    ///
    /// The error names the write that is at fault, where one of them is.
    async fn apply(&self, writer: &Writer, writes: Vec<Write>) -> Result<Vec<Outcome>, ApplyError>;

    /// The line of history this store is in.
    fn epoch(&self) -> Epoch;
}
