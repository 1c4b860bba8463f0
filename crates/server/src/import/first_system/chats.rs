//! `big-agi-chats.db`: conversations, their messages, and what hangs on a message in four tables.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use holdfast_store::foreign::{Foreign, Row};
use holdfast_store::{Json, Kind};

use super::each_row;
use super::fields::{Fields, integer, optional_text, text};
use crate::import::ImportError;
use crate::import::bundle::{Bundle, Chats};

pub(super) const LOST: &[&str] = &[
    "of chats, fields that it did not know, an empty title, and images themselves (their references are kept)",
    "messages of other roles than user, assistant and system, and every flag that a current version sets",
    "of an answer's generator, all but the metrics: the app shows the model as 'unknown'",
    "of fragments, originId, vendorState, and what an attachment has as caption, time and live file; of two with one \
     fId the second",
];

/// How many ids a remark names.
const NAMED: usize = 5;

/// What the rows of one message are joined to, under the message's id.
#[derive(Default)]
struct Attached {
    fragments: HashMap<String, Vec<(i64, Json)>>,
    metadata: HashMap<String, Json>,
    generators: HashMap<String, Json>,
    flags: HashMap<String, Vec<Json>>,
}

pub(super) fn read(file: &Foreign, bundle: &mut Bundle) -> Result<(), ImportError> {
    let mut attached = attached(file, bundle)?;
    let mut messages: HashMap<String, Vec<Json>> = HashMap::new();
    // By rowid: a save deleted a chat's messages and added them in their order, which `created` need not follow.
    each_row(file, bundle, ("messages", Kind::Message), |row| {
        let message = attached.message(row)?;
        messages.entry(text(row, "conversation_id")?.to_owned()).or_default().push(message);
        Ok(())
    })?;
    let mut found = Vec::new();
    let mut empty = Vec::new();
    each_row(file, bundle, ("conversations", Kind::Conversation), |row| {
        let id = text(row, "id")?;
        let own = messages.remove(id).unwrap_or_default();
        if own.is_empty() {
            empty.push(id.to_owned());
        }
        // The list's own order was not stored: this is the one in which that system showed it.
        let place = Reverse((integer(row, "updated")?, integer(row, "created")?, Reverse(row.id)));
        found.push((place, conversation(row, &own)?));
        Ok(())
    })?;
    found.sort_by_key(|(place, _)| *place);
    bundle.chats = Some(Chats::bare(found.into_iter().map(|(_, chat)| Arc::new(chat)).collect()));
    attached.note_left_over(bundle);
    if !messages.is_empty() {
        let rows: usize = messages.values().map(Vec::len).sum();
        bundle
            .lost
            .push(format!("left over from {} deleted chats, not imported: {rows} messages", messages.len()));
    }
    if !empty.is_empty() {
        let named = empty.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let count = empty.len();
        bundle.lost.push(format!(
            "chats without messages there: {count} ({named}); a copy of a chat took those of its original"
        ));
    }
    Ok(())
}

fn attached(file: &Foreign, bundle: &mut Bundle) -> Result<Attached, ImportError> {
    let mut found = Attached::default();
    each_row(file, bundle, ("message_fragments", Kind::Message), |row| {
        let place = integer(row, "fragment_order")?.unwrap_or(i64::MAX);
        let body = Fields::of(row).text("ft", "fragment_type")?.text("fId", "id")?;
        let body = body.text("title", "title")?.json("part", "part_data")?.object();
        found.fragments.entry(text(row, "message_id")?.to_owned()).or_default().push((place, body));
        Ok(())
    })?;
    each_row(file, bundle, ("message_metadata", Kind::Message), |row| {
        let body =
            Fields::of(row).json("inReferenceTo", "in_reference_to")?.json("entangled", "entangled")?;
        found.metadata.insert(text(row, "message_id")?.to_owned(), body.object());
        Ok(())
    })?;
    each_row(file, bundle, ("message_generators", Kind::Message), |row| {
        found.generators.insert(text(row, "message_id")?.to_owned(), generator(row)?);
        Ok(())
    })?;
    each_row(file, bundle, ("message_user_flags", Kind::Message), |row| {
        let flag = Json::string(text(row, "flag_type")?);
        found.flags.entry(text(row, "message_id")?.to_owned()).or_default().push(flag);
        Ok(())
    })?;
    Ok(found)
}

/// The app shows no generator without a kind and a name.
fn generator(row: &Row) -> Result<Json, String> {
    let name = optional_text(row, "llm_label")?.or(optional_text(row, "llm_id")?).unwrap_or("unknown");
    let named = Fields::of(row).with("mgt", Json::string("named")).with("name", Json::string(name));
    let known = named.text("llmId", "llm_id")?.text("llmLabel", "llm_label")?;
    Ok(known.number("llmOutputTokens", "llm_output_tokens")?.json("metrics", "metrics")?.object())
}

fn conversation(row: &Row, messages: &[Json]) -> Result<Json, String> {
    let head = Fields::of(row).text("id", "id")?.with("messages", Json::array(messages));
    let titled = head.text("userTitle", "user_title")?.text("autoTitle", "auto_title")?;
    let flagged = titled.flag("isArchived", "is_archived")?.flag("_isIncognito", "is_incognito")?;
    let named = flagged.text("userSymbol", "user_symbol")?.text("systemPurposeId", "system_purpose_id")?;
    Ok(named
        .nullable("created", "created")?
        .nullable("updated", "updated")?
        .number("tokenCount", "token_count")?
        .object())
}

impl Attached {
    /// A message with all that belongs to it, which is taken out.
    fn message(&mut self, row: &Row) -> Result<Json, String> {
        let id = text(row, "id")?;
        let mut fragments = self.fragments.remove(id).unwrap_or_default();
        fragments.sort_by_key(|(place, _)| *place);
        let fragments = Json::array(fragments.iter().map(|(_, body)| body));
        let mut message =
            Fields::of(row).text("id", "id")?.text("role", "role")?.with("fragments", fragments);
        message = message.text("purposeId", "purpose_id")?;
        if let Some(metadata) = self.metadata.remove(id) {
            message = message.with("metadata", metadata);
        }
        if let Some(generator) = self.generators.remove(id) {
            message = message.with("generator", generator);
        }
        if let Some(flags) = self.flags.remove(id) {
            message = message.with("userFlags", Json::array(&flags));
        }
        message = message.number("tokenCount", "token_count")?;
        Ok(message.nullable("created", "created")?.nullable("updated", "updated")?.object())
    }

    fn note_left_over(&self, bundle: &mut Bundle) {
        let rows = [
            ("fragments", self.fragments.values().map(Vec::len).sum()),
            ("generators", self.generators.len()),
            ("metadata", self.metadata.len()),
            ("flags", self.flags.values().map(Vec::len).sum::<usize>()),
        ];
        let named: Vec<String> =
            rows.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
        if !named.is_empty() {
            let named = named.join(", ");
            bundle.lost.push(format!("left over from messages that are gone, not imported: {named}"));
        }
    }
}
