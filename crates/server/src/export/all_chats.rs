//! The app's file of all chats: `{conversations, models: {sources}, folders: {folders, enableFolders}}`, each
//! conversation with the fields that the app exports.

use holdfast_store::json;

use super::chats::Conversations;
use super::documents::shared;
use super::out::Out;
use super::{Counts, ExportError, Job};
use crate::import::exported_fields;

pub(super) async fn write(job: &Job<'_>, out: &mut Out<'_>) -> Result<Counts, ExportError> {
    out.text("{\"conversations\":[").await?;
    let mut conversations = Conversations::open(job).await?;
    let mut separator = "";
    while let Some(text) = conversations.next().await? {
        let text = exported_fields(text);
        out.text(separator).await?;
        out.text(text.as_str()).await?;
        separator = ",";
    }
    let sources = member(job, "app-models", "sources", "[]").await?;
    let folders = member(job, "app-folders", "folders", "[]").await?;
    let enabled = member(job, "app-folders", "enableFolders", "false").await?;
    let tail = format!(
        "],\"models\":{{\"sources\":{sources}}},\"folders\":{{\"folders\":{folders},\"enableFolders\":{enabled}}}}}"
    );
    out.text(&tail).await?;
    let size = |array: &str| json::elements(array).map_or(0, |found| found.count() as u64);
    Ok(Counts::from([
        ("conversation", conversations.count()),
        ("llm_service", size(&sources)),
        ("folder", size(&folders)),
    ]))
}

/// A member of a store's state, or what the app has there at first.
async fn member(job: &Job<'_>, store: &str, name: &str, usual: &str) -> Result<String, ExportError> {
    let document = shared(job, store).await?;
    let found = document.as_ref().and_then(|d| d.data.as_ref()).and_then(|data| data.get(name));
    Ok(found.unwrap_or(usual).to_owned())
}
