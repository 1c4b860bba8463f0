//! The lines of an archive, each with its hash.

use holdfast_store::Kind;
use holdfast_store::json::{self, MAX_DEPTH, quote};

use crate::export::out::Out;
use crate::export::{Counts, ExportError};

/// How many levels stand around a value in a record of an archive that is sent as one array among others.
const AROUND: usize = 3;

/// Lines on their way out, each with its hash.
pub(super) struct Lines<'a, 'b> {
    out: &'a mut Out<'b>,
    /// Over the hashes of all lines so far.
    hashes: blake3::Hasher,
    counts: Counts,
}

impl<'a, 'b> Lines<'a, 'b> {
    pub(super) fn new(out: &'a mut Out<'b>) -> Self {
        Self { out, hashes: blake3::Hasher::new(), counts: Counts::new() }
    }

    /// One record: `members` stand after its kind and id.
    pub(super) async fn record(&mut self, kind: Kind, id: &str, members: &str) -> Result<(), ExportError> {
        *self.counts.entry(kind.name()).or_default() += 1;
        self.put(format!("{{\"kind\":\"{}\",\"id\":{}{members}", kind.name(), quote(id))).await
    }

    /// A line that lacks its end: the hash of what stands before it.
    pub(super) async fn put(&mut self, mut line: String) -> Result<(), ExportError> {
        let hash = blake3::hash(line.as_bytes()).to_hex();
        self.hashes.update(hash.as_bytes());
        line.push_str(&format!(",\"hash\":\"{hash}\"}}\n"));
        self.out.text(&line).await
    }

    /// The last line: without it, an archive is cut.
    pub(super) async fn end(mut self, cursor: &str) -> Result<Counts, ExportError> {
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
pub(super) fn member(name: &str, value: &str) -> String {
    if value.contains(['\n', '\r']) || json::depth(value) + AROUND > MAX_DEPTH {
        format!(",\"{name}Text\":{}", quote(value))
    } else {
        format!(",\"{name}\":{value}")
    }
}
