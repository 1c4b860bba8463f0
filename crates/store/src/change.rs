//! The changes feed: one row for each entity that a write changed.

use crate::revision::{Cursor, Revision};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Sequence number, per owner, without gaps in what is committed out of order.
    pub seq: Revision,
    /// Milliseconds since 1970, UTC.
    pub at: i64,
    /// Who wrote: the `Holdfast-Client` of the request.
    pub client: Option<String>,
    /// What kind of entity: see [`crate::Kind`].
    pub kind: String,
    /// The entity it belongs to: a message's conversation.
    pub parent: Option<String>,
    /// The entity.
    pub id: String,
    /// `put` or `delete`.
    pub op: String,
    /// The entity's revision: equal to `seq`.
    pub revision: Revision,
    /// Size of the body before; `None` when it was absent.
    pub bytes_before: Option<i64>,
    /// Size of the body after; `None` when it was deleted.
    pub bytes_after: Option<i64>,
    /// The writer's time on this entity before the commit, in microseconds.
    pub duration_us: i64,
}

/// Changes after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Oldest first.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub cursor: Cursor,
    /// The cursor asked for is of another epoch or ahead: list everything again.
    pub reset: bool,
}
