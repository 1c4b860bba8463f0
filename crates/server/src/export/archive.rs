//! The archive: everything that a store holds now, as JSON Lines. `docs/archive-format.md` defines it;
//! `import/archive.rs` reads it.

use holdfast_store::document::Document;
use holdfast_store::item::{Shape, has_tables, parts};
use holdfast_store::json::{self, MAX_DEPTH, quote};
use holdfast_store::{Id, Json, Kind};

use super::chats::Conversations;
use super::documents::whole;
use super::out::Out;
use super::{Counts, ExportError, Job, timestamp};
use crate::api::usage::UsageEntry;

/// `format` of every header.
pub(crate) const FORMAT: &str = "holdfast-archive";
/// The version that is written; a reader refuses newer ones.
pub(crate) const VERSION: i64 = 1;

const PAGE: usize = 200;
/// Around a value in a record, and around the records of an archive that is sent as one array.
const AROUND: usize = 3;

pub(super) async fn write(job: &Job<'_>, out: &mut Out<'_>) -> Result<Counts, ExportError> {
    let mut lines = Lines { out, hashes: blake3::Hasher::new(), counts: Counts::new() };
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

/// Lines on their way out, each with its hash.
struct Lines<'a, 'b> {
    out: &'a mut Out<'b>,
    /// Over the hashes of all lines so far.
    hashes: blake3::Hasher,
    counts: Counts,
}

impl Lines<'_, '_> {
    /// One record: `members` stand after its kind and id.
    async fn record(&mut self, kind: Kind, id: &str, members: &str) -> Result<(), ExportError> {
        *self.counts.entry(kind.name()).or_default() += 1;
        self.put(format!("{{\"kind\":\"{}\",\"id\":{}{members}", kind.name(), quote(id))).await
    }

    /// A line that lacks its end: the hash of what stands before it.
    async fn put(&mut self, mut line: String) -> Result<(), ExportError> {
        let hash = blake3::hash(line.as_bytes()).to_hex();
        self.hashes.update(hash.as_bytes());
        line.push_str(&format!(",\"hash\":\"{hash}\"}}\n"));
        self.out.text(&line).await
    }

    /// The last line: without it, an archive is cut.
    async fn end(mut self, cursor: &str) -> Result<Counts, ExportError> {
        let counts: Vec<String> = self.counts.iter().map(|(kind, n)| format!("\"{kind}\":{n}")).collect();
        let records = self.hashes.finalize().to_hex();
        let (counts, cursor) = (counts.join(","), quote(cursor));
        let line = format!(
            "{{\"kind\":\"end\",\"cursor\":{cursor},\"counts\":{{{counts}}},\"records\":\"{records}\""
        );
        self.put(line).await?;
        Ok(self.counts)
    }
}

/// A member with a JSON value. What would not fit on a line, or not be read there, stands as text under its
/// name with `Text` at the end.
fn member(name: &str, value: &str) -> String {
    if value.contains(['\n', '\r']) || json::depth(value) + AROUND > MAX_DEPTH {
        format!(",\"{name}Text\":{}", quote(value))
    } else {
        format!(",\"{name}\":{value}")
    }
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

/// An entity in a state: its kind, its place in its list, its id and its text.
type Entity<'a> = (Kind, usize, String, &'a str);

/// A state with its tables emptied, and what was in them.
fn split<'a>(store: &str, data: &'a str) -> (String, Vec<Entity<'a>>) {
    let (mut shell, mut items, mut copied) = (String::new(), Vec::new(), 0);
    for part in json::members(data).into_iter().flatten() {
        let Some(known) = parts(store).find(|p| part.key_is(p.member)) else { continue };
        let found: Option<Vec<(String, &str)>> = match known.shape {
            Shape::Objects => json::elements(part.value)
                .map(|all| all.map(|raw| (text(json::member(raw, "id")), raw)).collect()),
            Shape::Strings => {
                json::elements(part.value).map(|all| all.map(|raw| (text(Some(raw)), raw)).collect())
            }
            Shape::Map => {
                json::members(part.value).map(|all| all.map(|m| (m.key().into_owned(), m.value)).collect())
            }
        };
        let Some(found) = found else { continue };
        shell.push_str(&data[copied..part.at]);
        shell.push_str(known.shape.empty());
        copied = part.at + part.value.len();
        items.extend(found.into_iter().enumerate().map(|(rank, (id, body))| (known.kind, rank, id, body)));
    }
    shell.push_str(&data[copied..]);
    (shell, items)
}

fn text(raw: Option<&str>) -> String {
    raw.and_then(json::as_text).unwrap_or_default().into_owned()
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
