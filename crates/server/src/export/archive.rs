//! The archive: everything that a store holds now, as JSON Lines. `docs/archive-format.md` defines it;
//! `import/archive.rs` reads it.

mod lines;
mod tables;

use holdfast_store::document::Document;
use holdfast_store::item::has_tables;
use holdfast_store::json::{self, quote};
use holdfast_store::{Id, Json, Kind};

use super::chats::Conversations;
use super::documents::whole;
use super::out::Out;
use super::{Counts, ExportError, Job, timestamp};
use crate::api::usage::UsageEntry;
use lines::{Lines, member};
use tables::{split, text};

/// `format` of every header.
pub(crate) const FORMAT: &str = "holdfast-archive";
/// The version that is written; a reader refuses newer ones.
pub(crate) const VERSION: i64 = 1;

const PAGE: usize = 200;

pub(super) async fn write(job: &Job<'_>, out: &mut Out<'_>) -> Result<Counts, ExportError> {
    let mut lines = Lines::new(out);
    let seen = job.store.cursor(job.owner).await?;
    lines.put(header(job, &seen.to_string())).await?;
    let mut documents = job.store.documents(job.owner, false).await?;
    documents.sort_by(|a, b| (&a.name, &a.device).cmp(&(&b.name, &b.device)));
    for listed in documents {
        if let Some(document) = whole(job, listed).await? {
            document_lines(&mut lines, &document).await?;
        }
    }
    for (rank, item) in job.store.items(job.owner, Kind::ConversationPrompt).await?.iter().enumerate() {
        lines.record(Kind::ConversationPrompt, &item.id, &ranked(rank, item.body.as_str())).await?;
    }
    conversations(job, &mut lines).await?;
    if job.options.images {
        assets(job, &mut lines).await?;
    }
    usage(job, &mut lines).await?;
    lines.end(&job.store.cursor(job.owner).await?.to_string()).await
}

fn header(job: &Job<'_>, cursor: &str) -> String {
    format!(
        "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"created\":{},\"holdfast\":{},\"epoch\":{},\
         \"cursor\":{},\"secrets\":\"{}\",\"images\":{}",
        quote(&timestamp(job.options.now)),
        quote(env!("CARGO_PKG_VERSION")),
        quote(&job.store.epoch().to_string()),
        quote(cursor),
        if job.options.secrets { "clear" } else { "masked" },
        job.options.images,
    )
}

fn ranked(rank: usize, body: &str) -> String {
    format!(",\"rank\":{rank}{}", member("body", body))
}

/// A document with its tables emptied, then the entities that were in them.
async fn document_lines(lines: &mut Lines<'_, '_>, document: &Document) -> Result<(), ExportError> {
    let data = document.data.as_ref().map_or("null", Json::as_str);
    let (shell, items) =
        if document.device.is_empty() { split(&document.name, data) } else { (data.to_owned(), Vec::new()) };
    let mut members = format!(",\"device\":{}", quote(&document.device));
    if let Some(version) = &document.version {
        members.push_str(&member("version", version.as_str()));
    }
    if document.bare {
        members.push_str(",\"bare\":true");
    }
    if let Some(beside) = &document.beside {
        members.push_str(&member("beside", beside.as_str()));
    }
    members.push_str(&member("body", &shell));
    // A store that exists by its entities alone has no document to bring back.
    if document.key >= 0 || !has_tables(&document.name) {
        lines.record(Kind::Document, &document.name, &members).await?;
    }
    for (kind, rank, id, body) in items {
        lines.record(kind, &id, &ranked(rank, body)).await?;
    }
    Ok(())
}

async fn conversations(job: &Job<'_>, lines: &mut Lines<'_, '_>) -> Result<(), ExportError> {
    let mut conversations = Conversations::open(job).await?;
    let mut rank = 0;
    while let Some(body) = conversations.next().await? {
        let id = text(json::member(body, "id"));
        let members = ranked(rank, body);
        lines.record(Kind::Conversation, &id, &members).await?;
        rank += 1;
    }
    Ok(())
}

/// The app's own records, with the bytes as base64 in `data.base64`.
async fn assets(job: &Job<'_>, lines: &mut Lines<'_, '_>) -> Result<(), ExportError> {
    let mut cursor: Option<String> = None;
    loop {
        let page = job.store.assets(job.owner, cursor.as_deref(), PAGE).await?;
        for listed in page.items {
            let Some(asset) = job.store.asset(job.owner, &Id::parse(&listed.id)?).await? else { continue };
            lines.record(Kind::Asset, &asset.id, &member("body", asset.record.as_str())).await?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// The ledger, newest first. It is told, and not read back: messages bring their own rows again.
async fn usage(job: &Job<'_>, lines: &mut Lines<'_, '_>) -> Result<(), ExportError> {
    let mut cursor: Option<String> = None;
    loop {
        let page = job.store.usage(job.owner, cursor.as_deref(), PAGE).await?;
        for row in page.items {
            let id = row.key.to_string();
            let body = serde_json::to_string(&UsageEntry::from(row)).map_err(std::io::Error::from)?;
            lines.record(Kind::Usage, &id, &member("body", &body)).await?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
