//! The flash backup that the app can restore: schema `vnd.agi.flash-backup`, as the app itself writes it.

use holdfast_store::Id;
use holdfast_store::document::{Document, is_device_local};
use holdfast_store::item::CHATS;
use holdfast_store::json::{as_text, quote};

use super::chats::{Conversations, conversations_at};
use super::documents::{around_state, keyval_key, whole};
use super::out::Out;
use super::{Counts, ExportError, Job, timestamp};

/// The app's own version of the format.
const SCHEMA_VERSION: u32 = 102_000;
/// The app leaves its log out of every backup.
const LOG: &str = "agi-logger-log";
const PAGE: usize = 200;

pub(super) async fn write(job: &Job<'_>, out: &mut Out<'_>) -> Result<Counts, ExportError> {
    let mut counts = Counts::new();
    let documents = chosen(job.store.documents(job.owner, false).await?, &job.options.device);
    let (keyval, local): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|d| keyval_key(&d.name).is_some());
    let head = format!(
        "{{\"schema\":{},\"schemaVersion\":{SCHEMA_VERSION},\"tenantSlug\":\"open\",\"metadata\":{{\
         \"version\":\"1.2\",\"timestamp\":{},\"application\":\"Big-AGI\",\"backupType\":\"full\"}},\
         \"storage\":{{\"localStorage\":{{",
        quote(crate::import::FLASH_SCHEMA),
        quote(&timestamp(job.options.now)),
    );
    out.text(&head).await?;
    let mut separator = "";
    for listed in local {
        let Some(document) = whole(job, listed).await? else { continue };
        let value = browser_value(&document);
        out.text(&[separator, &quote(&document.name), ":", &value].concat()).await?;
        separator = ",";
        *counts.entry("document").or_default() += 1;
    }
    out.text("},\"indexedDB\":{").await?;
    if job.options.images {
        out.text("\"Big-AGI\":{\"largeAssets\":[").await?;
        counts.insert("asset", assets(job, out).await?);
        out.text("]},").await?;
    }
    out.text("\"keyval-store\":{\"keyval\":[").await?;
    let mut separator = "";
    for listed in keyval {
        let Some(document) = whole(job, listed).await? else { continue };
        let key = keyval_key(&document.name).unwrap_or_default();
        out.text(&[separator, "{\"key\":", &quote(key), ",\"value\":"].concat()).await?;
        match conversations_at(data(&document)).filter(|_| document.name == CHATS) {
            Some(at) => {
                counts.insert("conversation", chats(job, out, &document, at).await?);
            }
            None => out.text(&keyval_text(&document)).await?,
        }
        out.text("}").await?;
        separator = ",";
        *counts.entry("document").or_default() += 1;
    }
    out.text("]}}}}").await?;
    Ok(counts)
}

/// One document per name, by name: the device's own before the shared one.
fn chosen(mut documents: Vec<Document>, device: &str) -> Vec<Document> {
    let own = |d: &Document| !device.is_empty() && d.device == device;
    documents.retain(|d| d.name != LOG && (d.device.is_empty() || (own(d) && is_device_local(&d.name))));
    documents.sort_by(|a, b| (&a.name, !own(a)).cmp(&(&b.name, !own(b))));
    documents.dedup_by(|later, first| later.name == first.name);
    documents
}

fn data(document: &Document) -> &str {
    document.data.as_ref().map_or("null", |d| d.as_str())
}

/// What the browser's `JSON.parse` gives: `{state, version, …}`, or the bare value.
fn browser_value(document: &Document) -> String {
    let (before, after) = around_state(document);
    [&before, data(document), &after].concat()
}

/// Values of `keyval-store` are JSON inside a string; a bare string is itself.
fn keyval_text(document: &Document) -> String {
    let value = browser_value(document);
    if document.bare && as_text(&value).is_some() { value } else { quote(&value) }
}

/// The same for the chats, one conversation at a time: `at` is where they go in the document's data.
async fn chats(job: &Job<'_>, out: &mut Out<'_>, document: &Document, at: usize) -> Result<u64, ExportError> {
    let (before, after) = around_state(document);
    let (first, last) = data(document).split_at(at);
    out.text("\"").await?;
    out.text(&escaped(&(before + first))).await?;
    let mut conversations = Conversations::open(job).await?;
    let mut separator = "";
    while let Some(text) = conversations.next().await? {
        let text = escaped(text);
        out.text(separator).await?;
        out.text(&text).await?;
        separator = ",";
    }
    out.text(&escaped(&[last, &after].concat())).await?;
    out.text("\"").await?;
    Ok(conversations.count())
}

/// A part of a text inside a JSON string.
fn escaped(text: &str) -> String {
    let mut quoted = quote(text);
    quoted.pop();
    quoted.remove(0);
    quoted
}

async fn assets(job: &Job<'_>, out: &mut Out<'_>) -> Result<u64, ExportError> {
    let (mut cursor, mut count) = (None::<String>, 0);
    loop {
        let page = job.store.assets(job.owner, cursor.as_deref(), PAGE).await?;
        for listed in page.items {
            let Some(asset) = job.store.asset(job.owner, &Id::parse(&listed.id)?).await? else { continue };
            out.text(if count == 0 { "" } else { "," }).await?;
            out.text(&["{\"key\":", &quote(&asset.id), ",\"value\":", asset.record.as_str(), "}"].concat())
                .await?;
            count += 1;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(count);
        }
    }
}
