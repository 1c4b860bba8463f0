//! What clients tell of themselves: a shadow run's differences, how a move went.

use crate::json::Json;
use crate::revision::Revision;

/// How many reports of one owner are kept; older ones are dropped.
pub const KEPT: usize = 1_000;

/// One report. It is never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The change that brought it: its id.
    pub revision: Revision,
    /// When it came, milliseconds since 1970.
    pub at: i64,
    /// Who sent it.
    pub client: Option<String>,
    /// What it is about, such as `shadow`.
    pub kind: String,
    /// The whole of it, with masks where it named credentials.
    pub body: Json,
}
