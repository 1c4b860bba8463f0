//! Import sessions: what was looked at, brought in, and can be taken out again.

use crate::json::Json;
use crate::revision::Revision;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSession {
    /// Its id.
    pub id: String,
    /// How far it is, such as `applied`.
    pub state: String,
    /// When it began, milliseconds since 1970.
    pub created_at: i64,
    /// When its state changed last.
    pub updated_at: i64,
    /// The last change that it made, when it was applied.
    pub revision: Option<Revision>,
    /// What whoever imports keeps of it: sources, options, reports. In clear text: it names no credentials.
    pub body: Json,
}

/// An edge of what a session writes into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerEdge {
    /// Rows from here on are the session's.
    Begin,
    /// Rows from here on are not.
    End,
}
