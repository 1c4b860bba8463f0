//! The lines of an archive: their members, and the hashes that tell whether all are there as they were written.

use std::collections::BTreeMap;

use holdfast_store::Json;
use holdfast_store::json::{self, as_integer, as_text};

use crate::export::ARCHIVE;

/// Whether a file's first line is the header of an archive, as it is always written.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(format!("{{\"format\":\"{ARCHIVE}\"").as_bytes())
}

/// The lines as one JSON document: the elements of an array. A line that is no JSON stands there as a string.
pub(super) fn as_array(bytes: &[u8]) -> Json {
    let lines: Vec<Json> = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| Json::from_bytes(line).unwrap_or_else(|_| Json::string(&String::from_utf8_lossy(line))))
        .collect();
    Json::array(&lines)
}

/// One record, or the last line.
#[derive(Default)]
pub(super) struct Line {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) device: String,
    pub(super) rank: i64,
    pub(super) version: Option<Json>,
    pub(super) bare: bool,
    pub(super) beside: Option<Json>,
    pub(super) body: Option<Json>,
}

impl Line {
    /// Errors: what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut line = Self::default();
        for member in json::members(text).into_iter().flatten() {
            let value = member.value;
            let string = || as_text(value).unwrap_or_default().into_owned();
            match member.key().as_ref() {
                "kind" => line.kind = string(),
                "id" => line.id = string(),
                "device" => line.device = string(),
                "rank" => line.rank = as_integer(value).unwrap_or(0),
                "version" => line.version = Some(member.json()),
                "versionText" => line.version = Some(inner(value)?),
                "bare" => line.bare = value == "true",
                "beside" => line.beside = Some(member.json()),
                "besideText" => line.beside = Some(inner(value)?),
                "body" => line.body = Some(member.json()),
                "bodyText" => line.body = Some(inner(value)?),
                _ => {}
            }
        }
        Ok(line)
    }
}

/// JSON that stands in a string.
fn inner(raw: &str) -> Result<Json, String> {
    let text: String = serde_json::from_str(raw).map_err(|_| "its text is no string".to_owned())?;
    Json::parse(&text).map_err(|why| format!("its text is no JSON: {why}"))
}

/// The hashes and counts of the lines so far.
#[derive(Default)]
pub(super) struct Seals {
    hashes: blake3::Hasher,
    counts: BTreeMap<String, i64>,
}

impl Seals {
    /// Whether a line is as it was written; its hash counts for the last line either way.
    pub(super) fn check(&mut self, line: &str) -> bool {
        let Some((content, hash)) = sealed(line) else { return false };
        let is_whole = blake3::hash(content.as_bytes()).to_hex().as_str() == hash;
        if json::member(line, "records").is_none() {
            self.hashes.update(hash.as_bytes());
        }
        is_whole
    }

    pub(super) fn count(&mut self, kind: &str) {
        *self.counts.entry(kind.to_owned()).or_default() += 1;
    }

    /// What is missing, by the archive's last line.
    pub(super) fn difference(&self, end: &str) -> Option<String> {
        let records = json::member(end, "records").and_then(as_text)?;
        if self.hashes.finalize().to_hex().as_str() == records {
            return None;
        }
        let written = json::member(end, "counts").and_then(json::members).into_iter().flatten();
        let differences: Vec<String> = written
            .map(|m| (m.key(), as_integer(m.value).unwrap_or(0)))
            .map(|(kind, written)| (self.counts.get(kind.as_ref()).copied().unwrap_or(0), written, kind))
            .filter(|(found, written, _)| found != written)
            .map(|(found, written, kind)| format!("{found} of {written} {kind}"))
            .collect();
        let which =
            if differences.is_empty() { "which cannot be told".to_owned() } else { differences.join(", ") };
        Some(format!("the lines are not those that were written: here are {which}"))
    }
}

/// A line without its hash, and the hash.
fn sealed(line: &str) -> Option<(&str, &str)> {
    const BEFORE: &str = ",\"hash\":\"";
    let at = line.len().checked_sub(BEFORE.len() + 64 + 2)?;
    Some((line.get(..at)?, line.get(at..)?.strip_prefix(BEFORE)?.strip_suffix("\"}")?))
}
