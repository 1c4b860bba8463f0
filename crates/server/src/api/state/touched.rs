//! What the changes feed says was touched since a cursor.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_store::change::Change;
use holdfast_store::item::{METRICS, PARTS};
use holdfast_store::{Cursor, Kind, Owner};

use super::ChangedIds;
use crate::api::error::ApiResult;
use crate::app::App;

/// How many changes are read at once.
const PAGE: usize = 5_000;
/// After more changes than this, listing everything is quicker.
const MOST: usize = 100_000;

/// What was touched; each entity once, however often it changed.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Name and device of documents.
    pub(super) stores: BTreeSet<(String, String)>,
    pub(super) conversations: Ids,
    pub(super) assets: Ids,
}

/// Whether each id is gone.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<String, bool>);

impl From<Ids> for ChangedIds {
    fn from(ids: Ids) -> Self {
        let mut answer = Self::default();
        for (id, is_gone) in ids.0 {
            if is_gone { answer.removed.push(id) } else { answer.changed.push(id) }
        }
        answer
    }
}

impl Touched {
    /// Reads the feed from `after` to `seen`; `None` when it cannot be followed from there, or not quickly.
    pub(super) async fn since(
        app: &App,
        owner: &Owner,
        after: &Cursor,
        seen: &Cursor,
    ) -> ApiResult<Option<Self>> {
        if after.epoch != seen.epoch || after.seq > seen.seq {
            return Ok(None);
        }
        let (mut touched, mut cursor, mut read) = (Self::default(), after.clone(), 0);
        while cursor.seq < seen.seq {
            let page = app.store.changes(owner, Some(&cursor), PAGE, &[]).await?;
            read += page.changes.len();
            if page.reset || read > MOST {
                return Ok(None);
            }
            cursor = page.cursor;
            page.changes.into_iter().for_each(|change| touched.add(change));
        }
        Ok(Some(touched))
    }

    fn add(&mut self, change: Change) {
        let is_gone = change.op == "delete";
        let Some(kind) = Kind::parse(&change.kind) else { return };
        match kind {
            Kind::Conversation => drop(self.conversations.0.insert(change.id, is_gone)),
            // The messages of a deleted conversation are deleted with it.
            Kind::Message => {
                if let Some(conversation) = change.parent {
                    self.conversations.0.entry(conversation).or_insert(false);
                }
            }
            Kind::Asset => drop(self.assets.0.insert(change.id, is_gone)),
            Kind::Document => drop(self.stores.insert((change.id, change.parent.unwrap_or_default()))),
            Kind::Usage => drop(self.stores.insert((METRICS.to_owned(), String::new()))),
            Kind::Report => {}
            Kind::LlmService
            | Kind::LlmModel
            | Kind::LlmAssignment
            | Kind::Folder
            | Kind::Persona
            | Kind::HiddenPersona
            | Kind::WorkspaceFiles
            | Kind::ConversationPrompt => {
                // A prompt is in no store of the app.
                let part = PARTS.iter().find(|p| p.kind == kind);
                self.stores.extend(part.map(|p| (p.store.to_owned(), String::new())));
            }
        }
    }
}
