//! One Markdown file per conversation, and the images beside them in `images/`: for people, and for every tool that
//! reads Markdown. What a message says is written as it stands; what is no text becomes a readable block.

mod folder;
mod fragment;
mod images;
mod names;
mod page;

use std::collections::HashMap;

use holdfast_store::{Kind, json};

use folder::Zip;
pub use folder::{Directory, Folder};
use images::Images;

use super::chats::Conversations;
use super::out::Out;
use super::{Counts, ExportError, Job};

/// Writes a zip with everything.
pub(super) async fn write_zip(job: &Job<'_>, out: &mut Out<'_>) -> Result<Counts, ExportError> {
    let mut zip = Zip::new(out);
    let counts = write(job, &mut zip).await?;
    zip.finish().await?;
    Ok(counts)
}

/// Writes all files into a folder.
pub async fn write(job: &Job<'_>, folder: &mut dyn Folder) -> Result<Counts, ExportError> {
    let images = if job.options.images { Images::find(job).await? } else { Images::left_out() };
    let folders = folder_titles(job).await?;
    let mut conversations = Conversations::open(job).await?;
    while let Some(text) = conversations.next().await? {
        let id = member(text, "id");
        let listed = folders.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        let page = page::page(text, listed, &images);
        folder.file(&names::of_chat(&page.title, &id), page.text.as_bytes()).await?;
    }
    let written = images.write(job, folder).await?;
    Ok(Counts::from([("conversation", conversations.count()), ("asset", written)]))
}

/// The titles of the folders that list a conversation, by its id.
async fn folder_titles(job: &Job<'_>) -> Result<HashMap<String, Vec<String>>, ExportError> {
    let mut titles: HashMap<String, Vec<String>> = HashMap::new();
    for folder in job.store.items(job.owner, Kind::Folder).await? {
        let title = member(folder.body.as_str(), "title");
        let listed = folder.body.get("conversationIds").and_then(json::elements).into_iter().flatten();
        for id in listed.filter_map(json::as_text) {
            titles.entry(id.into_owned()).or_default().push(title.clone());
        }
    }
    Ok(titles)
}

/// The text under a key of an object; empty when there is none.
fn member(object: &str, key: &str) -> String {
    json::member(object, key).and_then(json::as_text).unwrap_or_default().into_owned()
}
