//! Images and sounds, stored once by content.

use crate::error::{StoreError, StoreResult};
use crate::json::{self, Json, as_integer, as_text};
use crate::revision::Revision;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An asset as the app's own record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its id.
    pub id: String,
    /// The record; with the data as base64 only where that is said.
    pub record: Json,
    /// Its last change.
    pub revision: Revision,
}

/// The bytes of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetData {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `data.mimeType`.
    pub mime: String,
    /// BLAKE3 of the bytes, hex.
    pub hash: String,
    /// The record's last change.
    pub revision: Revision,
}

/// A record taken apart.
#[derive(Debug)]
pub struct Parts {
    /// The record with the text of `data.base64` cut out, where that text is plain base64.
    pub body: String,
    /// Where it goes.
    pub data_at: Option<usize>,
    /// The bytes it stands for.
    pub bytes: Option<Vec<u8>>,
    /// `scopeId`.
    pub scope_id: Option<String>,
    /// `assetType`.
    pub asset_type: Option<String>,
    /// `label`.
    pub label: Option<String>,
    /// `data.mimeType`.
    pub mime: Option<String>,
    /// `metadata.width`, in pixels.
    pub width: Option<i64>,
    /// `metadata.height`, in pixels.
    pub height: Option<i64>,
}

/// Takes a record apart. Errors: [`StoreError::InvalidBody`] when it is no object.
pub fn split(record: &str) -> StoreResult<Parts> {
    if json::members(record).is_none() {
        return Err(StoreError::InvalidBody("an asset is a JSON object".to_owned()));
    }
    let field = |name: &str| json::member(record, name).and_then(as_text).map(Into::into);
    let inner = |outer: &str, name: &str| json::member(record, outer).and_then(|o| json::member(o, name));
    let mut parts = Parts {
        body: record.to_owned(),
        data_at: None,
        bytes: None,
        scope_id: field("scopeId"),
        asset_type: field("assetType"),
        label: field("label"),
        mime: inner("data", "mimeType").and_then(as_text).map(Into::into),
        width: inner("metadata", "width").and_then(as_integer),
        height: inner("metadata", "height").and_then(as_integer),
    };
    let base64 =
        json::members(record).into_iter().flatten().filter(|m| m.key_is("data")).last().and_then(|data| {
            let found = json::members(data.value)?.filter(|m| m.key_is("base64")).last()?;
            found
                .value
                .starts_with('"')
                .then(|| (data.at + found.at + 1, &found.value[1..found.value.len() - 1]))
        });
    if let Some((at, text)) = base64
        && let Ok(bytes) = STANDARD.decode(text)
        && STANDARD.encode(&bytes) == text
    {
        parts.body = [&record[..at], &record[at + text.len()..]].concat();
        parts.data_at = Some(at);
        parts.bytes = Some(bytes);
    }
    Ok(parts)
}

/// The record whole again.
pub fn join(body: &str, data_at: Option<usize>, bytes: Option<&[u8]>) -> Json {
    match (data_at, bytes) {
        (Some(at), Some(bytes)) => {
            let mut text = String::with_capacity(body.len() + bytes.len() / 3 * 4 + 4);
            text.push_str(&body[..at]);
            STANDARD.encode_string(bytes, &mut text);
            text.push_str(&body[at..]);
            Json::trusted(text)
        }
        _ => Json::trusted(body),
    }
}

/// The ids of the assets that a message or conversation refers to.
pub fn references(body: &str) -> Vec<String> {
    const KEY: &str = "\"dblobAssetId\"";
    let mut found: Vec<String> = body
        .match_indices(KEY)
        .filter_map(|(at, _)| {
            let rest = body[at + KEY.len()..].trim_start().strip_prefix(':')?.trim_start();
            let end = rest.strip_prefix('"')?.find('"')? + 2;
            Some(json::decode(&rest[..end]).into_owned())
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        for record in [
            r#"{"id":"a","data":{"mimeType":"image/png","base64":"AAEC"},"createdAt":"x"}"#,
            r#"{"id":"a","data":{"base64":"AAE=" , "mimeType":"image/png"}}"#,
            r#"{"id":"a","data":{"base64":"not base64"}}"#,
            r#"{"id":"a","data":{"base64":"AA\/C"}}"#,
            r#"{"id":"a","data":null}"#,
            r#"{"id":"a"}"#,
        ] {
            let parts = split(record).unwrap();
            assert_eq!(join(&parts.body, parts.data_at, parts.bytes.as_deref()).as_str(), record);
        }
        assert_eq!(split(r#"{"data":{"base64":"AAEC"}}"#).unwrap().bytes, Some(vec![0, 1, 2]));
    }

    #[test]
    fn references_are_found_where_the_app_writes_them() {
        let body =
            r#"{"part":{"_legacyImageRefPart":{"dataRef":{"reftype":"dblob","dblobAssetId": "x-1"}}}}"#;
        assert_eq!(references(body), ["x-1"]);
    }
}
