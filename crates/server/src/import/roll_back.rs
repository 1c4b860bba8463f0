//! Takes an import back: what it brought goes, what it replaced returns, and what others changed since is theirs to
//! keep unless they say otherwise.

use holdfast_store::document::Mode;
use holdfast_store::history::VersionFilter;
use holdfast_store::item::{CHATS, METRICS, has_tables};
use holdfast_store::store::{Holders, Place};
use holdfast_store::{Id, Kind, Owner, Precondition, Revision, Store, StoreResult, Write};

use super::inverse::inverse;
use super::report::{Note, Verdict, noun};
use super::undo::{Kept, Replaced, ReplacedDocument, ReplacedItem, Undo, body, hash};

/// What will be done.
#[derive(Debug, Default)]
pub(super) struct RollBack {
    pub(super) writes: Vec<Write>,
    /// What was changed since the import.
    pub(super) changed: Vec<Note>,
}

/// The import that is taken back.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    /// The client under which it wrote.
    pub(super) client: &'a str,
    /// Its last change.
    pub(super) revision: Revision,
}

struct Planner<'a> {
    store: &'a dyn Store,
    owner: &'a Owner,
    session: Made<'a>,
    /// Changes that were made since are undone too.
    all: bool,
    /// Entities go before their stores, whose revision they move.
    has_items: bool,
    plan: RollBack,
}

/// Compares what the import left with what stands now. Nothing is written.
pub(super) async fn plan(
    store: &dyn Store,
    owner: &Owner,
    session: Made<'_>,
    undo: &Undo,
    all: bool,
) -> StoreResult<RollBack> {
    let mut planner =
        Planner { store, owner, session, all, has_items: !undo.items.is_empty(), plan: RollBack::default() };
    for entry in &undo.conversations.entries {
        planner.conversation(entry).await?;
    }
    for entry in &undo.items {
        planner.item(entry).await?;
    }
    for entry in &undo.documents {
        planner.document(entry).await?;
    }
    // Last: a chat that is gone shows them no more.
    for entry in &undo.assets.entries {
        planner.asset(entry).await?;
    }
    Ok(planner.plan)
}

/// The note of something that stays as others made it.
pub(super) fn kept(kind: Kind, id: &str, reason: &str) -> Note {
    Note {
        noun: noun(kind).to_owned(),
        id: id.to_owned(),
        verdict: Verdict::Conflict,
        reason: reason.to_owned(),
    }
}

impl Planner<'_> {
    fn at(&self, revision: Revision) -> Precondition {
        Precondition::At { epoch: self.store.epoch(), revision }
    }

    fn write(&mut self, write: Write) {
        self.plan.writes.push(write);
    }

    /// Whether to go on with what stands now; else it is noted.
    fn admits(&mut self, kind: Kind, id: &str, is_clean: bool, reason: &str) -> bool {
        if !is_clean && !self.all {
            self.plan.changed.push(kept(kind, id, reason));
        }
        is_clean || self.all
    }

    async fn conversation(&mut self, entry: &Replaced) -> StoreResult<()> {
        let id = Id::parse(&entry.id)?;
        let kind = Kind::Conversation;
        let current = self.store.conversation(self.owner, &id).await?;
        let Some(current) = current else {
            if let Some(before) = &entry.before
                && self.admits(kind, &entry.id, false, "it was deleted since")
            {
                self.write(put_conversation(id, before, Precondition::Absent)?);
            }
            return Ok(());
        };
        if !self.admits(kind, &entry.id, hash(&current.text) == entry.after, "it was changed since") {
            return Ok(());
        }
        let precondition = self.at(current.revision);
        let write = match &entry.before {
            Some(before) => put_conversation(id, before, precondition)?,
            None => Write::DeleteConversation { id, precondition },
        };
        self.write(write);
        Ok(())
    }

    async fn asset(&mut self, entry: &Replaced) -> StoreResult<()> {
        let id = Id::parse(&entry.id)?;
        let kind = Kind::Asset;
        let current = self.store.asset(self.owner, &id).await?;
        let Some(current) = current else {
            if let Some(before) = &entry.before
                && self.admits(kind, &entry.id, false, "it was deleted since")
            {
                let record = body(before)?;
                let write = Write::PutAsset { id, record, precondition: Precondition::Absent };
                self.write(write);
            }
            return Ok(());
        };
        if !self.admits(kind, &entry.id, hash(current.record.as_str()) == entry.after, "it was changed since")
        {
            return Ok(());
        }
        let since = self.session.revision;
        if entry.before.is_none() && self.store.asset_is_shown_since(self.owner, &id, since).await? {
            self.plan.changed.push(kept(kind, &entry.id, "chats that were made since show it"));
            return Ok(());
        }
        let precondition = self.at(current.revision);
        let write = match &entry.before {
            Some(before) => Write::PutAsset { id, record: body(before)?, precondition },
            // Chats that were there before the import showed it in vain, and will again.
            None => Write::DeleteAsset { id, spared: Holders::All, precondition },
        };
        self.write(write);
        Ok(())
    }

    async fn item(&mut self, entry: &ReplacedItem) -> StoreResult<()> {
        let Some(kind) = Kind::parse(&entry.kind) else { return Ok(()) };
        let entity = &entry.entity;
        let id = Id::parse(&entity.id)?;
        let current = self.store.item(self.owner, kind, &id).await?;
        let is_clean = match &current {
            Some(current) => hash(current.body.as_str()) == entity.after,
            None => entity.before.is_none(),
        };
        if !self.admits(kind, &entity.id, is_clean, "it was changed since") {
            return Ok(());
        }
        let precondition = current.map_or(Precondition::Absent, |c| self.at(c.revision));
        let write = match &entity.before {
            Some(before) => {
                Write::PutItem { kind, id, body: body(before)?, place: Place::Usual, precondition }
            }
            None => Write::DeleteItem { kind, id, precondition: Precondition::None },
        };
        self.write(write);
        Ok(())
    }

    async fn document(&mut self, entry: &ReplacedDocument) -> StoreResult<()> {
        let id = Id::parse(&entry.name)?;
        let shell = entry.name == CHATS;
        let Some(stored) = self.store.document(self.owner, &id, &entry.device, shell).await? else {
            if let Some(before) = &entry.before
                && self.admits(Kind::Document, &entry.name, false, "it was deleted since")
            {
                let document = before.to_new(&id, &entry.device)?;
                self.write(put_document(document, Mode::Merge, Precondition::Absent));
            }
            return Ok(());
        };
        let current = Kept::of_stored(&stored);
        // The chats that go before it move the store's revision themselves.
        let precondition =
            if shell || self.has_items { Precondition::None } else { self.at(stored.revision) };
        if entry.device.is_empty() && (shell || has_tables(&entry.name)) {
            return self.with_tables(entry, &id, &current, precondition);
        }
        if !self.admits(Kind::Document, &entry.name, current.equals(&entry.after), "it was changed since") {
            return Ok(());
        }
        let name = entry.name.as_str();
        match &entry.before {
            None => self.write(delete_document(&id, &entry.device, precondition)),
            Some(_) if name == METRICS => {
                // The saved sums and the entries beside them are two things: only history has them apart.
                let version = self.replaced_version(name).await?;
                let write = version.map(|revision| Write::Restore {
                    kind: Kind::Document,
                    parent: None,
                    id: name.to_owned(),
                    revision,
                    precondition: Precondition::None,
                });
                if let Some(write) = write {
                    self.write(write);
                }
            }
            Some(before) => {
                let mut precondition = precondition;
                // A put keeps what it does not name: what is to have no version has to go first.
                if !before.names_all_of(&current) {
                    self.write(delete_document(&id, &entry.device, precondition));
                    precondition = Precondition::None;
                }
                let document = before.to_new(&id, &entry.device)?;
                self.write(put_document(document, Mode::Replace, precondition));
            }
        }
        Ok(())
    }

    /// A store whose entities have tables: entity by entity, since others may have added some.
    fn with_tables(
        &mut self,
        entry: &ReplacedDocument,
        id: &Id,
        current: &Kept,
        precondition: Precondition,
    ) -> StoreResult<()> {
        let name = entry.name.as_str();
        let found = inverse(name, entry.before.as_ref(), &entry.after, current, self.all);
        let is_clean = found.changed.is_empty();
        for (kind, id, reason) in found.changed {
            self.plan.changed.push(kept(kind, &id, reason));
        }
        let shell = |precondition| Write::DeleteShell { name: id.clone(), precondition };
        let Some(document) = found.result else {
            // Nothing of it is left: of the chats only what stands beside them, as there may be others by now.
            let write =
                if name == CHATS { shell(precondition) } else { delete_document(id, "", precondition) };
            self.write(write);
            return Ok(());
        };
        let is_row_gone = is_clean && entry.before.as_ref().is_none_or(|b| b.is_bare_rows);
        if !document.equals(current) {
            let mode = if name == CHATS { Mode::Merge } else { Mode::Replace };
            // A put keeps what it does not name: the row goes first, its entities stay.
            self.write(shell(precondition));
            self.write(put_document(document.to_new(id, "")?, mode, Precondition::None));
        }
        if is_row_gone && !current.is_bare_rows {
            self.write(shell(Precondition::None));
        }
        Ok(())
    }

    /// The revision of the version that the import replaced.
    async fn replaced_version(&self, name: &str) -> StoreResult<Option<Revision>> {
        let filter = VersionFilter {
            kind: Some(Kind::Document.name().to_owned()),
            parent: None,
            id: Some(name.to_owned()),
        };
        let versions = self.store.versions(self.owner, &filter, None, 100).await?;
        let replaced =
            versions.items.into_iter().rev().find(|v| v.client.as_deref() == Some(self.session.client));
        Ok(replaced.map(|v| v.revision))
    }
}

fn put_conversation(id: Id, text: &str, precondition: Precondition) -> StoreResult<Write> {
    Ok(Write::PutConversation { id, body: body(text)?.into(), place: Place::Usual, precondition })
}

fn put_document(
    document: holdfast_store::document::NewDocument,
    mode: Mode,
    precondition: Precondition,
) -> Write {
    Write::PutDocument { document, mode, confirm: None, precondition }
}

fn delete_document(name: &Id, device: &str, precondition: Precondition) -> Write {
    Write::DeleteDocument { name: name.clone(), device: device.to_owned(), confirm: None, precondition }
}
