//! The flash backup that the app can restore, made from a store.

use std::fmt::Write as _;

use holdfast_store::document::{Document, is_device_local};
use holdfast_store::item::CHATS;
use holdfast_store::json::{as_text, quote};
use holdfast_store::seal::{is_secret, mask};
use holdfast_store::{Id, Owner, Store, StoreResult};

/// Names of documents that live in the app's `keyval-store` and not in `localStorage`, those of chats aside.
pub(crate) const KEYVAL_PREFIX: &str = "keyval-store/";

/// The app's own version of the format.
const SCHEMA_VERSION: u32 = 102_000;
/// The app leaves its log out of every backup.
const LOG: &str = "agi-logger-log";
/// Its services are always secret.
const SERVICES: &str = "app-models";
const PAGE: usize = 200;

/// What goes into a backup.
#[derive(Debug, Clone)]
pub struct Options {
    /// The device whose device-local stores to take where it has any; empty for the shared ones.
    pub device: String,
    /// Images and sounds too.
    pub images: bool,
    /// API keys and the like in clear text, as the app's own backups have them; else masked.
    pub secrets: bool,
    /// Milliseconds since 1970, for the backup's timestamp.
    pub now: i64,
}

/// Makes the backup's text.
pub async fn flash_backup(store: &dyn Store, owner: &Owner, options: &Options) -> StoreResult<String> {
    let (mut local, mut keyval) = (Vec::new(), Vec::new());
    for listed in chosen(store.documents(owner, false).await?, &options.device) {
        let Some(mut document) = whole(store, owner, listed).await? else { continue };
        if !options.secrets {
            hide_secrets(&mut document);
        }
        if let Some(key) = keyval_key(&document.name) {
            keyval.push(format!("{{\"key\":{},\"value\":{}}}", quote(key), keyval_text(&document)));
        } else {
            local.push(format!("{}:{}", quote(&document.name), browser_value(&document)));
        }
    }
    let mut out = format!(
        "{{\"schema\":{},\"schemaVersion\":{SCHEMA_VERSION},\"tenantSlug\":\"open\",\"metadata\":{{\
         \"version\":\"1.2\",\"timestamp\":{},\"application\":\"Big-AGI\",\"backupType\":\"full\"}},\
         \"storage\":{{\"localStorage\":{{{}}},\"indexedDB\":{{",
        quote(crate::import::FLASH_SCHEMA),
        quote(&timestamp(options.now)),
        local.join(",")
    );
    if options.images {
        out.push_str("\"Big-AGI\":{\"largeAssets\":[");
        assets(store, owner, &mut out).await?;
        out.push_str("]},");
    }
    out.push_str("\"keyval-store\":{\"keyval\":[");
    out.push_str(&keyval.join(","));
    out.push_str("]}}}}");
    Ok(out)
}

/// One document per name, by name: the device's own before the shared one.
fn chosen(mut documents: Vec<Document>, device: &str) -> Vec<Document> {
    let own = |d: &Document| !device.is_empty() && d.device == device;
    documents.retain(|d| d.name != LOG && (d.device.is_empty() || (own(d) && is_device_local(&d.name))));
    documents.sort_by(|a, b| (&a.name, !own(a)).cmp(&(&b.name, !own(b))));
    documents.dedup_by(|later, first| later.name == first.name);
    documents
}

/// A document with its data, which lists leave out of stores with tables.
async fn whole(store: &dyn Store, owner: &Owner, listed: Document) -> StoreResult<Option<Document>> {
    if listed.data.is_some() {
        return Ok(Some(listed));
    }
    store.document(owner, &Id::parse(&listed.name)?, &listed.device, false).await
}

fn hide_secrets(document: &mut Document) {
    let Some(data) = document.data.take() else { return };
    let secret =
        document.name == SERVICES || (document.name != CHATS && is_secret(&document.name, data.as_str()));
    document.data = Some(if secret { mask(&data) } else { data });
}

/// The key in `keyval-store` of a document that is there; `None` for those in `localStorage`.
pub(crate) fn keyval_key(name: &str) -> Option<&str> {
    if name.contains(CHATS) { Some(name) } else { name.strip_prefix(KEYVAL_PREFIX) }
}

/// What the browser's `JSON.parse` gives: `{state, version, …}`, or the bare value.
fn browser_value(document: &Document) -> String {
    let data = document.data.as_ref().map_or("null", |d| d.as_str());
    let (before, after) = around_state(document);
    [&before, data, &after].concat()
}

/// What stands before and after the state of a document where the browser keeps it; nothing around a bare value.
pub(crate) fn around_state(document: &Document) -> (String, String) {
    if document.bare {
        return (String::new(), String::new());
    }
    let mut after = String::new();
    if let Some(version) = &document.version {
        let _ = write!(after, ",\"version\":{}", version.as_str());
    }
    for member in document.beside.iter().filter_map(|b| b.members()).flatten() {
        let _ = write!(after, ",{}:{}", member.raw_key, member.value);
    }
    after.push('}');
    ("{\"state\":".to_owned(), after)
}

/// Values of `keyval-store` are JSON inside a string; a bare string is itself.
fn keyval_text(document: &Document) -> String {
    let value = browser_value(document);
    if document.bare && as_text(&value).is_some() { value } else { quote(&value) }
}

async fn assets(store: &dyn Store, owner: &Owner, out: &mut String) -> StoreResult<()> {
    let mut cursor: Option<String> = None;
    let mut first = true;
    loop {
        let page = store.assets(owner, cursor.as_deref(), PAGE).await?;
        for listed in page.items {
            let Some(asset) = store.asset(owner, &Id::parse(&listed.id)?).await? else { continue };
            out.push_str(if first { "" } else { "," });
            first = false;
            let _ = write!(out, "{{\"key\":{},\"value\":{}}}", quote(&asset.id), asset.record.as_str());
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// `2026-11-23T03:11:16.255Z`, as `Date.toISOString` writes it.
///
/// Days to a date after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(crate) fn timestamp(ms: i64) -> String {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_written_as_javascript_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_403_476_255, "2026-11-23T03:11:16.255Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(ms), text);
        }
    }
}
