//! Holdfast's own archive, as `docs/archive-format.md` defines it: JSON Lines with a hash for each.
//!
//! A record that was changed, and a line that was cut, are noted and left out; every other one is whole by
//! itself, and imported.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_store::document::NewDocument;
use holdfast_store::item::{CHATS, CONVERSATIONS, PARTS, parts};
use holdfast_store::json::{self, Node, as_integer, as_text};
use holdfast_store::seal::MASK;
use holdfast_store::{Id, Json, Kind};

use super::bundle::{AssetRecord, Bundle, Chats, Format, ItemRecord};
use super::lines::{Line, Seals};
use super::{ImportError, Source};
use crate::export::{ARCHIVE, ARCHIVE_VERSION};

/// See the module.
pub(super) struct Archive;

impl Source for Archive {
    /// An archive is read as the array of its lines: see [`super::lines::as_array`].
    fn detect(&self, file: &Json) -> bool {
        let header = file.elements().and_then(|mut lines| lines.next());
        header.and_then(|h| json::member(h, "format")).and_then(as_text).is_some_and(|name| name == ARCHIVE)
    }

    fn read(&self, file: &Json) -> Result<Bundle, ImportError> {
        let mut lines = file.elements().into_iter().flatten();
        let header = lines.next().unwrap_or("null");
        let version = json::member(header, "version").and_then(as_integer);
        if version != Some(ARCHIVE_VERSION) {
            let found = json::member(header, "version").unwrap_or("missing");
            let why = format!(
                "its version is {found}, and this Holdfast reads {ARCHIVE_VERSION}: use the newest one"
            );
            return Err(ImportError::damaged("the archive's header", why));
        }
        let mut reader = Reader::new();
        reader.bundle.made_at = json::member(header, "created").and_then(as_text).map(Into::into);
        if !reader.seals.check(header) {
            reader.bundle.reject(Kind::Document, "line 1", CHANGED.to_owned());
        }
        for (index, line) in lines.enumerate() {
            reader.line(index + 2, line);
        }
        reader.finish()
    }
}

const CHANGED: &str = "its hash does not match: the line was changed after it was written";

/// Gathers records until all of them are there.
struct Reader {
    bundle: Bundle,
    seals: Seals,
    documents: Vec<NewDocument>,
    items: BTreeMap<Kind, Vec<(i64, String, Json)>>,
    conversations: Vec<(i64, Arc<Json>)>,
    masked: bool,
    ended: bool,
}

impl Reader {
    fn new() -> Self {
        Self {
            bundle: Bundle::new(Format::Archive),
            seals: Seals::default(),
            documents: Vec::new(),
            items: BTreeMap::new(),
            conversations: Vec::new(),
            masked: false,
            ended: false,
        }
    }

    fn line(&mut self, number: usize, text: &str) {
        let place = || format!("line {number}");
        if json::members(text).is_none() {
            let why = "it is no record: the archive was cut or changed here".to_owned();
            return self.bundle.reject(Kind::Document, &place(), why);
        }
        let whole = self.seals.check(text);
        let line = match Line::read(text) {
            Ok(line) => line,
            Err(why) => return self.bundle.reject(Kind::Document, &place(), why),
        };
        if line.kind == "end" {
            self.ended = true;
            if let Some(why) = self.seals.difference(text) {
                self.bundle.reject(Kind::Document, &place(), why);
            }
            return;
        }
        self.seals.count(&line.kind);
        let Some(kind) = Kind::parse(&line.kind) else {
            let why = format!("records of the kind '{}' are of a newer Holdfast", line.kind);
            return self.bundle.skip(Kind::Document, &place(), &why);
        };
        let shown = if line.id.is_empty() { place() } else { line.id.clone() };
        let kept = if whole { self.keep(kind, line) } else { Err(CHANGED.to_owned()) };
        if let Err(why) = kept {
            self.bundle.reject(kind, &shown, format!("{}: {why}", place()));
        }
    }

    /// Takes a whole record. Errors: what is wrong with it.
    fn keep(&mut self, kind: Kind, line: Line) -> Result<(), String> {
        if kind == Kind::Usage {
            // Told for readers; messages bring their rows of the ledger again.
            return Ok(());
        }
        let body = line.body.ok_or("it has no body")?;
        self.masked |= body.as_str().contains(MASK);
        match kind {
            Kind::Conversation => self.conversations.push((line.rank, Arc::new(body))),
            Kind::Asset => self.bundle.assets.push(AssetRecord { key: Some(line.id), record: body }),
            Kind::Document => self.documents.push(NewDocument {
                name: Id::parse(&line.id).map_err(|e| e.to_string())?,
                device: line.device,
                data: body,
                version: line.version,
                bare: line.bare,
                beside: line.beside,
            }),
            Kind::ConversationPrompt => {
                let id = Id::parse(&line.id).map_err(|e| e.to_string())?;
                self.bundle.items.push(ItemRecord { kind, id, body });
            }
            _ if PARTS.iter().any(|part| part.kind == kind) => {
                self.items.entry(kind).or_default().push((line.rank, line.id, body));
            }
            _ => return Err(format!("no archive holds records of the kind '{}'", kind.name())),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Bundle, ImportError> {
        if !self.ended {
            let why = "its last line is missing: the archive was cut, and what came after is not here";
            self.bundle.reject(Kind::Document, "the archive's end", why.to_owned());
        }
        if self.masked {
            let why = "API keys are masked in this archive: enter them again in the app";
            self.bundle.skip(Kind::Document, "secrets", why);
        }
        self.conversations.sort_by_key(|(rank, _)| *rank);
        let conversations: Vec<_> = self.conversations.into_iter().map(|(_, body)| body).collect();
        for document in self.documents {
            let holds = |part: &str| document.data.get(part).is_some_and(|v| json::elements(v).is_some());
            if document.device.is_empty() && document.name.as_str() == CHATS && holds(CONVERSATIONS) {
                self.bundle.chats = Some(chats(&document));
            } else {
                self.bundle.documents.push(filled(document, &mut self.items)?);
            }
        }
        // Entities of stores that never had a document, or whose document was lost.
        for (kind, mut found) in std::mem::take(&mut self.items) {
            found.sort_by_key(|(rank, ..)| *rank);
            for (_, id, body) in found {
                match Id::parse(&id) {
                    Ok(id) => self.bundle.items.push(ItemRecord { kind, id, body }),
                    Err(why) => self.bundle.reject(kind, &id, why.to_string()),
                }
            }
        }
        if let Some(chats) = &mut self.bundle.chats {
            chats.conversations = conversations;
        } else if !conversations.is_empty() {
            self.bundle.chats = Some(Chats { has_store: false, ..Chats::bare(conversations) });
        }
        Ok(self.bundle)
    }
}

/// What stands around the conversations.
fn chats(document: &NewDocument) -> Chats {
    let members = document.data.members().into_iter().flatten().filter(|m| !m.key_is(CONVERSATIONS));
    Chats {
        conversations: Vec::new(),
        members: members.map(|m| (m.raw_key.to_owned(), m.value.to_owned())).collect(),
        version: document.version.clone(),
        beside: document.beside.clone(),
        has_store: true,
    }
}

/// A document with its entities where they were.
fn filled(
    mut document: NewDocument,
    items: &mut BTreeMap<Kind, Vec<(i64, String, Json)>>,
) -> Result<NewDocument, ImportError> {
    if !document.device.is_empty() {
        return Ok(document);
    }
    for part in parts(document.name.as_str()) {
        let Some(mut found) = items.remove(&part.kind) else { continue };
        found.sort_by_key(|(rank, ..)| *rank);
        let found: Vec<_> = found.into_iter().map(|(_, id, body)| (id, body)).collect();
        let value = part.shape.put_together(&found);
        let shell = document.data.as_str();
        document.data =
            match document.data.members().and_then(|all| all.filter(|m| m.key_is(part.member)).last()) {
                Some(m) => super::part(&[&shell[..m.at], &value, &shell[m.at + m.value.len()..]].concat())?,
                None => {
                    let mut node = Node::parse(shell);
                    node.set(part.member, Node::Scalar(value));
                    node.to_json()
                }
            };
    }
    Ok(document)
}
