//! `big-agi-personas.db`: custom personas, hidden ones, and prompts of single chats.

use std::cmp::Reverse;

use holdfast_store::foreign::{Foreign, Row};
use holdfast_store::{Id, Json, Kind};

use super::each_row;
use super::fields::{Fields, json, optional_text, text};
use crate::import::ImportError;
use crate::import::bundle::{Bundle, ItemRecord};

pub(super) const LOST: &[&str] =
    &["of personas, fields that it did not know and empty names; all but the newest hundred"];

pub(super) fn read(file: &Foreign, bundle: &mut Bundle) -> Result<(), ImportError> {
    let (mut hidden, mut custom, mut prompts) = (Vec::new(), Vec::new(), Vec::new());
    each_row(file, bundle, ("hidden_personas", Kind::HiddenPersona), |row| {
        hidden.push(Json::string(text(row, "persona_id")?));
        Ok(())
    })?;
    each_row(file, bundle, ("custom_personas", Kind::Persona), |row| {
        custom.push((Reverse(text(row, "creation_date")?.to_owned()), persona(row)?));
        Ok(())
    })?;
    each_row(file, bundle, ("conversation_custom_prompts", Kind::ConversationPrompt), |row| {
        let conversation = Id::parse(text(row, "conversation_id")?).map_err(|why| why.to_string())?;
        let body = Json::string(text(row, "system_prompt")?);
        prompts.push(ItemRecord { kind: Kind::ConversationPrompt, id: conversation, body });
        Ok(())
    })?;
    bundle.items = prompts;
    if !hidden.is_empty() {
        let list = Json::array(&hidden);
        bundle.keep_state("app-purpose", Json::object([("hiddenPurposeIDs", &list)]), None)?;
    }
    if !custom.is_empty() {
        // Newest first, as the app and that system list them.
        custom.sort_by(|(a, _), (b, _)| a.cmp(b));
        let list = Json::array(custom.iter().map(|(_, body)| body));
        bundle.keep_state("app-app-personas", Json::object([("simplePersonas", &list)]), None)?;
    }
    Ok(())
}

fn persona(row: &Row) -> Result<Json, String> {
    let mut body = Fields::of(row).text("id", "id")?.text("name", "name")?;
    body = body.text("systemPrompt", "system_prompt")?.text("creationDate", "creation_date")?;
    body = body.text("pictureUrl", "picture_url")?;
    if let Some(kind) = optional_text(row, "input_provenance_type")? {
        let kind = Json::string(kind);
        let data = json(row, "input_provenance_data")?;
        let members = data.iter().filter_map(Json::members).flatten();
        let rest: Vec<_> = members.map(|m| (m.key().into_owned(), m.json())).collect();
        let all =
            std::iter::once(("type", &kind)).chain(rest.iter().map(|(key, value)| (key.as_str(), value)));
        body = body.with("inputProvenance", Json::object(all));
    }
    Ok(body.text("inputText", "input_text")?.text("llmLabel", "llm_label")?.object())
}
