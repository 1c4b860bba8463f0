//! The images and sounds that conversations show.

use std::collections::HashMap;

use holdfast_store::json::{self, as_text};
use holdfast_store::{Id, Json};

use super::folder::Folder;
use super::names;
use crate::export::{ExportError, Job};

const PAGE: usize = 500;

/// Where each one goes, by its id. Bytes are read when they are written.
pub(super) struct Images(Option<HashMap<String, String>>);

impl Images {
    /// All of a store.
    pub(super) async fn find(job: &Job<'_>) -> Result<Self, ExportError> {
        let (mut found, mut cursor) = (HashMap::new(), None::<String>);
        loop {
            let page = job.store.assets(job.owner, cursor.as_deref(), PAGE).await?;
            for asset in page.items {
                let file = names::of_asset(&text(asset.record.get("label")), &asset.id, &mime(&asset.record));
                found.insert(asset.id, file);
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Self(Some(found)));
            }
        }
    }

    /// None of them: they are not wanted.
    pub(super) fn left_out() -> Self {
        Self(None)
    }

    /// A link to one, or what became of it.
    pub(super) fn show(&self, id: &str, label: &str) -> String {
        let label = label.replace(['[', ']', '\n', '\r'], " ");
        match &self.0 {
            None => format!("*Image not exported: {label} (`{}`)*", id.replace('`', " ")),
            Some(known) => match known.get(id) {
                Some(file) if file.ends_with(".mp3") || file.ends_with(".wav") || file.ends_with(".ogg") => {
                    format!("[{label}]({file})")
                }
                Some(file) => format!("![{label}]({file})"),
                None => format!("*Image missing: {label} (`{}`)*", id.replace('`', " ")),
            },
        }
    }

    /// Writes them all and gives how many there were.
    pub(super) async fn write(self, job: &Job<'_>, folder: &mut dyn Folder) -> Result<u64, ExportError> {
        let mut files: Vec<(String, String)> = self.0.into_iter().flatten().collect();
        files.sort();
        let mut written = 0;
        for (id, file) in files {
            if let Some(data) = job.store.asset_data(job.owner, &Id::parse(&id)?).await? {
                folder.file(&file, &data.bytes).await?;
                written += 1;
            }
        }
        Ok(written)
    }
}

fn text(raw: Option<&str>) -> String {
    raw.and_then(as_text).unwrap_or_default().into_owned()
}

fn mime(record: &Json) -> String {
    text(record.get("data").and_then(|data| json::member(data, "mimeType")))
}
