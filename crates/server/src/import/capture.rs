//! A capture of one origin's whole storage: `localStorage` raw and parsed, and every IndexedDB database.

use holdfast_store::json::{self, Node, as_text};
use holdfast_store::{Json, Kind};

use super::bundle::{Bundle, Format};
use super::flash::{keep_asset, keep_keyval};
use super::{ImportError, Source};

/// See the module.
pub(super) struct Capture;

impl Source for Capture {
    fn detect(&self, file: &Json) -> bool {
        let object = |name| file.get(name).is_some_and(|v| json::members(v).is_some());
        object("localStorage") && file.get("indexedDB").is_some_and(|v| json::elements(v).is_some())
    }

    fn read(&self, file: &Json) -> Result<Bundle, ImportError> {
        let mut bundle = Bundle::new(Format::Capture);
        bundle.made_at = file.get("at").and_then(as_text).map(Into::into);
        for member in file.get("localStorage").and_then(json::members).into_iter().flatten() {
            keep_local(&mut bundle, member.raw_key, member.value)?;
        }
        for database in file.get("indexedDB").and_then(json::elements).into_iter().flatten() {
            let name = json::member(database, "name").and_then(as_text).unwrap_or_default();
            for store in json::member(database, "stores").and_then(json::elements).into_iter().flatten() {
                keep_object_store(&mut bundle, &name, store)?;
            }
        }
        Ok(bundle)
    }
}

/// `{raw, parsed}` of one key. The raw text is what the browser held; text that is no JSON is a bare string.
fn keep_local(bundle: &mut Bundle, raw_key: &str, entry: &str) -> Result<(), ImportError> {
    let Some(raw) = json::member(entry, "raw").filter(|raw| raw.starts_with('"')) else {
        bundle.reject(Kind::Document, raw_key, "the capture has no raw text for it".to_owned());
        return Ok(());
    };
    match serde_json::from_str::<String>(raw).ok().and_then(|text| Json::parse(&text).ok()) {
        Some(value) => bundle.keep_member(raw_key, value.as_str()),
        None => bundle.keep_member(raw_key, raw),
    }
}

fn keep_object_store(bundle: &mut Bundle, database: &str, store: &str) -> Result<(), ImportError> {
    let name = json::member(store, "name").and_then(as_text).unwrap_or_default();
    let records = json::member(store, "records").and_then(json::elements).into_iter().flatten();
    match (database, name.as_ref()) {
        ("keyval-store", "keyval") => records.into_iter().try_for_each(|r| keep_keyval(bundle, r)),
        ("Big-AGI", "largeAssets") => {
            records.into_iter().try_for_each(|r| keep_asset(bundle, without_dates(r).as_str()))
        }
        _ => {
            let id = format!("{database}/{name}");
            bundle.skip(Kind::Document, &id, "no database of the app");
            Ok(())
        }
    }
}

/// A `Date` is captured as `{"$date": "…"}`; the app's own backups have the text alone.
fn without_dates(record: &str) -> Json {
    let mut node = Node::parse(record);
    replace_dates(&mut node);
    node.to_json()
}

fn replace_dates(node: &mut Node) {
    match node {
        Node::Object(fields) => {
            if let [(key, Node::Scalar(text))] = fields.as_slice()
                && key == "\"$date\""
                && text.starts_with('"')
            {
                *node = Node::Scalar(text.clone());
                return;
            }
            fields.iter_mut().for_each(|(_, value)| replace_dates(value));
        }
        Node::Array(items) => items.iter_mut().for_each(replace_dates),
        Node::Scalar(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_text_and_everything_else_stays() {
        let record = r#"{"value":{"createdAt":{"$date":"2026"},"n":1e400,"o":{"$date":"x","y":1}}}"#;
        let expected = r#"{"value":{"createdAt":"2026","n":1e400,"o":{"$date":"x","y":1}}}"#;
        assert_eq!(without_dates(record).as_str(), expected);
    }

    #[test]
    fn raw_text_that_is_no_json_is_a_bare_string() {
        let text = r#"{"localStorage":{"joy-mode":{"raw":"dark"},"app-ui":{"raw":"{\"state\":{\"a\":0.10},\"version\":3}"},"app-from-v1-arrival":{"raw":"17"}},"indexedDB":[]}"#;
        let bundle = super::super::read(text.as_bytes()).unwrap();
        let found: Vec<_> = bundle.documents.iter().map(|d| (d.data.as_str(), d.bare)).collect();
        assert_eq!(found, [("\"dark\"", true), ("{\"a\":0.10}", false), ("17", true)]);
    }
}
