//! The app's flash backup: the whole `localStorage`, the chats of `keyval-store`, and on request the images.

use holdfast_store::json::{self, as_text};
use holdfast_store::{Json, Kind};

use super::bundle::{AssetRecord, Bundle, Format};
use super::{ImportError, Source, part};

/// `schema` of every flash backup.
pub(crate) const SCHEMA: &str = "vnd.agi.flash-backup";

/// See the module.
pub(super) struct FlashBackup;

impl Source for FlashBackup {
    fn detect(&self, file: &Json) -> bool {
        file.get("schema").and_then(as_text).is_some_and(|schema| schema == SCHEMA)
    }

    fn read(&self, file: &Json) -> Result<Bundle, ImportError> {
        let storage = file
            .get("storage")
            .ok_or_else(|| ImportError::damaged("storage", "is missing in this backup"))?;
        let local = json::member(storage, "localStorage")
            .and_then(json::members)
            .ok_or_else(|| ImportError::damaged("storage.localStorage", "is no object"))?;
        let databases = json::member(storage, "indexedDB").unwrap_or("{}");
        let assets = json::member(databases, "Big-AGI").and_then(|d| json::member(d, "largeAssets"));
        let mut bundle = Bundle::new(if assets.is_some() { Format::FlashWithImages } else { Format::Flash });
        let metadata = file.get("metadata");
        bundle.made_at =
            metadata.and_then(|m| json::member(m, "timestamp")).and_then(as_text).map(Into::into);
        for member in local {
            bundle.keep_member(member.raw_key, member.value)?;
        }
        let keyval = json::member(databases, "keyval-store").and_then(|d| json::member(d, "keyval"));
        for entry in keyval.and_then(json::elements).into_iter().flatten() {
            keep_keyval(&mut bundle, entry)?;
        }
        for entry in assets.and_then(json::elements).into_iter().flatten() {
            keep_asset(&mut bundle, entry)?;
        }
        Ok(bundle)
    }
}

/// A key of `keyval-store` as the name of a store. Keys of the chats are names of their own; others carry
/// their database, so that an export puts them back there.
fn keyval_name(key: &str) -> String {
    if key.contains(holdfast_store::item::CHATS) {
        key.to_owned()
    } else {
        format!("{}{key}", crate::export::KEYVAL_PREFIX)
    }
}

/// One `{key, value}` of `keyval-store`; the value is JSON inside a string.
pub(super) fn keep_keyval(bundle: &mut Bundle, entry: &str) -> Result<(), ImportError> {
    let Some(key) = json::member(entry, "key").and_then(as_text) else {
        bundle.reject(Kind::Document, "keyval-store", "an entry has no key".to_owned());
        return Ok(());
    };
    let value = json::member(entry, "value").unwrap_or("null");
    if !value.starts_with('"') {
        return bundle.keep(&keyval_name(&key), value);
    }
    // Strict: a replaced character inside the text would be a silent change.
    let Ok(text) = serde_json::from_str::<String>(value) else {
        bundle.reject(Kind::Document, &key, "its text has half a character".to_owned());
        return Ok(());
    };
    match Json::parse(&text) {
        Ok(inner) => bundle.keep(&keyval_name(&key), inner.as_str()),
        Err(why) if key.contains(holdfast_store::item::CHATS) => {
            bundle.reject(Kind::Document, &key, format!("its text is no JSON: {why}"));
            Ok(())
        }
        Err(_) => bundle.keep(&keyval_name(&key), value),
    }
}

/// One `{key, value}` of `largeAssets`.
pub(super) fn keep_asset(bundle: &mut Bundle, entry: &str) -> Result<(), ImportError> {
    let key = json::member(entry, "key").and_then(as_text).map(Into::into);
    match json::member(entry, "value") {
        Some(value) => bundle.assets.push(AssetRecord { key, record: part(value)? }),
        None => {
            let id: String = key.unwrap_or_default();
            bundle.reject(Kind::Asset, &id, "the record has no value".to_owned());
        }
    }
    Ok(())
}
